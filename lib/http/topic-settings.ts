import * as z from 'zod/mini'
import { configKeys } from '../log/config-keys.ts'
import type { Topic } from '../log/topic.ts'
import { described } from './parameters.ts'

/** The settings that have names of their own here, with Kafka's names of them. */
const settings = {
  retentionMs: 'retention.ms',
  retentionBytes: 'retention.bytes',
  maxMessageBytes: 'max.message.bytes',
  cleanupPolicy: 'cleanup.policy',
  compressionType: 'compression.type',
  timestampType: 'message.timestamp.type',
  valueFormat: 'wadi.value.format',
} as const

type SettingName = keyof typeof settings

const text = (description: string, example: string) =>
  described(z.optional(z.nullable(z.string().check(z.maxLength(100)))), description, example)

const integer = (description: string, example: number) =>
  described(z.optional(z.nullable(z.int())), description, example)

/** What may be asked for when a topic is created or changed; null returns a config to its default. */
export const wantedTopic = z.strictObject({
  partitions: described(z.optional(z.int().check(z.minimum(1))), 'How many; they only ever become more.', 3),
  retentionMs: integer('Age beyond which records go; -1: never.', 604_800_000),
  retentionBytes: integer('Bytes of a partition beyond which its oldest records go; -1: never.', -1),
  maxMessageBytes: integer('The most bytes of one batch of records.', 1_048_588),
  cleanupPolicy: text('What happens to old records.', 'delete'),
  compressionType: text('producer, uncompressed, gzip, snappy, lz4 or zstd.', 'producer'),
  timestampType: text('CreateTime or LogAppendTime.', 'CreateTime'),
  valueFormat: text('How values are read: auto, json, string or bytes. A json topic refuses other values.', 'json'),
  configs: described(z.optional(z.record(z.string(), z.nullable(z.string()))), 'Any topic config by its Kafka name.', {
    'retention.ms': '604800000',
  }),
})

export type WantedTopic = z.infer<typeof wantedTopic>

/** Configs by Kafka's names; null: the default. A config that is given twice has the value under its own name here. */
export const configsOf = (wanted: WantedTopic): Readonly<Record<string, string | null>> => {
  const configs: Record<string, string | null> = { ...wanted.configs }
  for (const [name, config] of Object.entries(settings)) {
    // Reason for `as`: the keys of an object come back as any strings.
    const value = wanted[name as SettingName]
    if (value !== undefined) configs[config] = value === null ? null : String(value)
  }
  return configs
}

/** A config's value, its default where nobody has set it. */
export const configValue = ({ configs }: Pick<Topic, 'configs'>, name: string): string =>
  (configs[name] ?? configKeys.get(name)?.defaultValue ?? '').trim()

/** The settings of a topic under their names here. */
export const settingsOf = (topic: Topic) => {
  const value = (name: SettingName): string => configValue(topic, settings[name])
  return {
    retentionMs: Number(value('retentionMs')),
    retentionBytes: Number(value('retentionBytes')),
    maxMessageBytes: Number(value('maxMessageBytes')),
    cleanupPolicy: value('cleanupPolicy'),
    compressionType: value('compressionType'),
    timestampType: value('timestampType'),
    valueFormat: value('valueFormat'),
  }
}
