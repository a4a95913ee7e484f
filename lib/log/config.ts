import { type Codec, codecs } from '../protocol/compression.ts'
import { configKeys } from './config-keys.ts'
import { defaultShards, partitionLimit, type Topic } from './topic.ts'

/** What a topic's configs mean; what is not here has no effect. Durations in ms, sizes in bytes. */
export type TopicConfig = {
  /** −1n: records are never too old. */
  readonly retentionMs: bigint
  /** Of one partition; −1n: they are never too many. */
  readonly retentionBytes: bigint
  /** Of one batch, as it is stored. */
  readonly maxMessageBytes: number
  readonly timestampType: 'CreateTime' | 'LogAppendTime'
  readonly timestampBeforeMaxMs: bigint
  readonly timestampAfterMaxMs: bigint
  readonly compressionType: Codec | 'producer'
  /** How values are read over HTTP. */
  readonly valueFormat: ValueFormat
}

export const valueFormats = ['auto', 'json', 'string', 'bytes'] as const

export type ValueFormat = (typeof valueFormats)[number]

const parsed = new WeakMap<Topic['configs'], TopicConfig>()

/** The values of a topic, defaults included. Parsed once for each value of `configs`. */
export const configOf = ({ configs }: Pick<Topic, 'configs'>): TopicConfig => {
  const known = parsed.get(configs)
  if (known) return known
  const config = parse(configs)
  parsed.set(configs, config)
  return config
}

const parse = (configs: Topic['configs']): TopicConfig => {
  const value = (name: string): string => (configs[name] ?? configKeys.get(name)?.defaultValue ?? '').trim()
  const compression = value('compression.type')
  return {
    retentionMs: BigInt(value('retention.ms')),
    retentionBytes: BigInt(value('retention.bytes')),
    maxMessageBytes: Number(value('max.message.bytes')),
    timestampType: value('message.timestamp.type') === 'LogAppendTime' ? 'LogAppendTime' : 'CreateTime',
    timestampBeforeMaxMs: BigInt(value('message.timestamp.before.max.ms')),
    timestampAfterMaxMs: BigInt(value('message.timestamp.after.max.ms')),
    compressionType: compression === 'uncompressed' ? 'none' : (codecs.find((c) => c === compression) ?? 'producer'),
    valueFormat: valueFormats.find((format) => format === value('wadi.value.format')) ?? 'auto',
  }
}

/** Set when a topic is created, never later: the number of journals its partitions are spread over. */
export const shardsKey = 'wadi.shards'

/** A topic's document stays far below an item's limit. */
export const maxValueCharacters = 2000
/** Of a name or a value that is refused, in the reason. */
const shownCharacters = 100

/** Why these values may not be set, naming the config; undefined when they may. */
export const configProblem = (configs: Topic['configs']): string | undefined => {
  for (const [name, value] of Object.entries(configs)) {
    const key = configKeys.get(name)
    if (key === undefined) return `Unknown topic config name: ${name.slice(0, shownCharacters)}`
    const problem =
      value.length > maxValueCharacters ? `it is longer than ${maxValueCharacters}` : key.problem(value.trim())
    if (problem !== undefined)
      return `Invalid value ${value.slice(0, shownCharacters)} for configuration ${name}: ${problem}`
  }
  return undefined
}

/** The shards of a new topic, by its configs, which must have passed `configProblem`, or by its partitions. */
export const shardsFor = (
  configs: Topic['configs'],
  partitions: number,
): { readonly shards: number } | { readonly problem: string } => {
  const shards = Number(configs[shardsKey] ?? defaultShards(partitions))
  if (shards > partitions) return { problem: `${shardsKey} is at most the number of partitions, ${partitions}` }
  const limit = partitionLimit(shards)
  if (partitions > limit) return { problem: `${shardsKey}=${shards} allows at most ${limit} partitions` }
  return { shards }
}
