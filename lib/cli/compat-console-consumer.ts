import { once } from 'node:events'
import type { KafkaCluster } from '../client/cluster.ts'
import { isOvertaken, KafkaConsumer, type Reset } from '../client/consumer.ts'
import { type Member, memberOf } from '../client/member.ts'
import { partitionsOf } from '../client/offsets.ts'
import { realClock } from '../clock.ts'
import type { Surroundings } from './command.ts'
import { exceptionFrom, shownException } from './compat-errors.ts'
import { type GivenFlags, propertiesIn, ToolUsageError } from './compat-flags.ts'
import { formatterFrom } from './compat-format.ts'
import { connectionFlags, failed, textOf, tool, withCluster } from './compat-tool.ts'
import { topicFilter } from './compat-topics.ts'
import { stopSignal } from './stop-signal.ts'

const flags = {
  ...connectionFlags,
  topic: 'value',
  include: 'value',
  partition: 'value',
  offset: 'value',
  'from-beginning': 'nothing',
  'max-messages': 'value',
  'timeout-ms': 'value',
  group: 'value',
  'isolation-level': 'value',
  'skip-message-on-error': 'nothing',
  'enable-systest-events': 'nothing',
  formatter: 'value',
  'formatter-config': 'value',
  property: 'value',
  'formatter-property': 'value',
  'key-deserializer': 'value',
  'value-deserializer': 'value',
  'consumer-property': 'value',
  'command-property': 'value',
  'consumer.config': 'value',
} as const

type Given = GivenFlags<typeof flags>
type Properties = ReadonlyMap<string, string>

/** How long a fetch waits for records: signals and heartbeats come between. */
const maxWaitMs = 500
/** New topics and partitions are looked for so often. */
const lookMs = 5000
/** Kafka's `auto.commit.interval.ms`. */
const commitMs = 5000

/** `kafka-console-consumer` (Kafka source: `ConsoleConsumer`). */
export const kafkaConsoleConsumer = tool({
  name: 'kafka-console-consumer',
  flags,
  run: async (given, around) => {
    checkFlags(given)
    for (const [old, now] of renamed) {
      if (!given.has(old)) continue
      const told = `Option --${old} is deprecated and will be removed in a future version. Use --${now} instead.\n`
      around.out.write(told)
    }
    const file = given.text('formatter-config')
    const shown = new Map([
      ...(file === undefined ? [] : propertiesIn(textOf(file))),
      ...given.properties('property', 'formatter-property'),
    ])
    for (const part of ['key', 'value'] as const) {
      const className = given.text(`${part}-deserializer`)
      if (className !== undefined) shown.set(`${part}.deserializer`, className)
    }
    const format = formatterFrom(shown)
    const configFile = given.text('command-config') ?? given.text('consumer.config')
    const at = { servers: given.text('bootstrap-server'), configFile }
    return withCluster(at, given.properties('consumer-property', 'command-property'), async (cluster, properties) => {
      let count = 0
      try {
        const consumed = await consume(cluster, given, properties, async (records) => {
          count += records.length
          if (!/NoOpMessageFormatter$/.test(given.text('formatter') ?? '')) {
            await write(around, Buffer.concat(records.map(format)))
          }
        })
        if (consumed === 'nothing came') {
          around.err.write('Error processing message, terminating consumer process: \n')
          around.err.write('org.apache.kafka.common.errors.TimeoutException\n')
        }
        return 0
      } catch (error) {
        const exception = exceptionFrom(error)
        if (exception === undefined) throw error
        around.err.write(`Error processing message, terminating consumer process: \n${shownException(exception)}\n`)
        return failed
      } finally {
        if (given.has('enable-systest-events')) around.out.write('shutdown_complete\n')
        around.err.write(`Processed a total of ${count} messages\n`)
      }
    })
  },
})

const renamed = [
  ['property', 'formatter-property'],
  ['consumer-property', 'command-property'],
  ['consumer.config', 'command-config'],
] as const

const checkFlags = (given: Given): void => {
  if (given.has('topic') === given.has('include')) {
    throw new ToolUsageError('Exactly one of the following arguments is required: [topic], [include]')
  }
  if (given.has('partition') && !given.has('topic')) {
    throw new ToolUsageError('The topic is required when partition is specified.')
  }
  if (given.has('offset') && !given.has('partition')) {
    throw new ToolUsageError('The partition is required when offset is specified.')
  }
  if (given.has('offset') && given.has('from-beginning')) {
    throw new ToolUsageError('Options from-beginning and offset cannot be specified together.')
  }
  startOf(given.text('offset'), 'latest')
}

const write = async ({ out }: Surroundings, bytes: Buffer): Promise<void> => {
  if (!out.write(bytes)) await once(out, 'drain')
}

type Batch = Awaited<ReturnType<KafkaConsumer['poll']>>

const consume = async (
  cluster: KafkaCluster,
  given: Given,
  properties: Properties,
  take: (records: Batch) => Promise<void>,
): Promise<'enough' | 'nothing came' | 'stopped'> => {
  const stopping = stopSignal()
  const resets = given.has('from-beginning') || properties.get('auto.offset.reset') === 'earliest'
  const reset: Reset = resets ? 'earliest' : 'latest'
  const isolation = given.text('isolation-level') === 'read_committed' ? 'read_committed' : 'read_uncommitted'
  const settings = { maxWaitMs, isolation, skipsDamage: given.has('skip-message-on-error'), reset } as const
  const groupId = given.has('partition') ? undefined : (given.text('group') ?? properties.get('group.id'))
  const consumer: KafkaConsumer =
    groupId === undefined
      ? new KafkaConsumer(cluster, settings)
      : new KafkaConsumer(cluster, settings, await join(cluster, given, properties, groupId), {
          revoked: async () => {
            await commitQuietly(consumer)
          },
          assigned: () => {},
        })
  const max = given.integer('max-messages') ?? -1
  const timeoutMs = given.integer('timeout-ms') ?? Number.POSITIVE_INFINITY
  let left = max < 0 ? Number.POSITIVE_INFINITY : max
  let [heardMs, lookedMs, committedMs] = [realClock.now(), Number.NEGATIVE_INFINITY, realClock.now()]
  try {
    while (left > 0) {
      if (stopping.aborted) return 'stopped'
      const nowMs = realClock.now()
      if (nowMs - heardMs >= timeoutMs) return 'nothing came'
      if (groupId === undefined && nowMs - lookedMs >= lookMs) {
        await addPartitions(cluster, given, consumer, lookedMs === Number.NEGATIVE_INFINITY ? reset : 'earliest')
        if (lookedMs === Number.NEGATIVE_INFINITY) heardMs = realClock.now()
        lookedMs = realClock.now()
      }
      const waitMs = Math.max(0, Math.min(maxWaitMs, timeoutMs - (nowMs - heardMs)))
      const records = (await consumer.poll(waitMs)).slice(0, left)
      if (records.length > 0) {
        left -= records.length
        await take(records)
        consumer.processed(records)
        heardMs = realClock.now()
      } else if (groupId !== undefined) await realClock.sleep(idleMs, stopping)
      if (realClock.now() - committedMs >= commitMs) {
        await commitQuietly(consumer)
        committedMs = realClock.now()
      }
    }
    return 'enough'
  } finally {
    await consumer.close(properties.get('enable.auto.commit') !== 'false')
  }
}

/** A member that has no partitions asks for them no more often than this. */
const idleMs = 20

const commitQuietly = async (consumer: KafkaConsumer): Promise<void> => {
  try {
    await consumer.commit()
  } catch (error) {
    // Somebody else has the partitions: what was read is read again.
    if (!isOvertaken(error)) throw error
  }
}

const join = async (cluster: KafkaCluster, given: Given, properties: Properties, groupId: string): Promise<Member> => {
  const protocol = properties.get('group.protocol')?.toLowerCase() === 'consumer' ? 'consumer' : 'classic'
  return memberOf(cluster, protocol, {
    groupId,
    instanceId: properties.get('group.instance.id') ?? null,
    topics: await topicsOf(cluster, given),
    sessionTimeoutMs: Number(properties.get('session.timeout.ms') ?? 45_000),
    rebalanceTimeoutMs: Number(properties.get('max.poll.interval.ms') ?? 300_000),
    assignor: 'range',
  })
}

const topicsOf = async (cluster: KafkaCluster, given: Given): Promise<readonly string[]> => {
  const topic = given.text('topic')
  if (topic !== undefined) return [topic]
  const filter = topicFilter(given.required('include'))
  const { topics } = await cluster.metadata(null)
  return topics.flatMap(({ name }) => (name !== null && filter.test(name) ? [name] : []))
}

/** Partitions that are new since the last look. */
const addPartitions = async (
  cluster: KafkaCluster,
  given: Given,
  consumer: KafkaConsumer,
  start: Reset,
): Promise<void> => {
  const index = given.integer('partition')
  const topics = await topicsOf(cluster, given)
  const found = (await partitionsOf(cluster, topics, given.has('topic')))
    .filter(({ partition }) => index === undefined || partition === index)
    .filter((one) => !consumer.knows(one))
    .map(({ topic, partition }) => ({ topic, partition }))
  await consumer.add(found, startOf(given.text('offset'), start))
}

/** Throws `ToolUsageError`. */
const startOf = (offset: string | undefined, otherwise: Reset): Reset | bigint => {
  if (offset === undefined) return otherwise
  if (/^earliest$/i.test(offset)) return 'earliest'
  if (/^latest$/i.test(offset)) return 'latest'
  if (/^\d+$/.test(offset)) return BigInt(offset)
  throw new ToolUsageError(
    `The provided offset value '${offset}' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long.`,
  )
}
