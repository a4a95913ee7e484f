import { isOvertaken, KafkaConsumer } from '../client/consumer.ts'
import type { ConsumedRecord } from '../client/fetch.ts'
import { memberOf } from '../client/member.ts'
import { inOrder, type NewOffset, nameOf, type TopicPartition } from '../client/offsets.ts'
import { realClock } from '../clock.ts'
import { exceptionFrom } from './compat-errors.ts'
import { ToolUsageError } from './compat-flags.ts'
import { connectionFlags, tool, withCluster } from './compat-tool.ts'
import { stopSignal } from './stop-signal.ts'

const flags = {
  ...connectionFlags,
  'bootstrap-servers': 'value',
  'broker-list': 'value',
  topic: 'value',
  'group-id': 'value',
  'group-instance-id': 'value',
  'group-protocol': 'value',
  'group-remote-assignor': 'value',
  'max-messages': 'value',
  'session-timeout': 'value',
  verbose: 'nothing',
  'enable-autocommit': 'nothing',
  'reset-policy': 'value',
  'assignment-strategy': 'value',
  'consumer.config': 'value',
} as const

const maxWaitMs = 500
const idleMs = 20
const defaultSessionMs = 30_000
const rebalanceTimeoutMs = 300_000

/** `kafka-verifiable-consumer` (Kafka source: `VerifiableConsumer`): a member of a group, and a line for all that happens. */
export const kafkaVerifiableConsumer = tool({
  name: 'kafka-verifiable-consumer',
  flags,
  run: async (given, { out }) => {
    const topic = given.required('topic')
    const groupId = given.required('group-id')
    const max = given.integer('max-messages') ?? -1
    const [commitsItself, isVerbose] = [given.has('enable-autocommit'), given.has('verbose')]
    const reset = resetFrom(given.text('reset-policy') ?? 'earliest')
    const strategy = given.text('assignment-strategy') ?? 'RangeAssignor'
    const configFile = given.text('command-config') ?? given.text('consumer.config')
    const servers = given.text('bootstrap-server') ?? given.text('bootstrap-servers') ?? given.text('broker-list')
    const tell = (name: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      out.write(`${JSON.stringify({ timestamp: realClock.now(), name, ...fields })}\n`)
    }
    return withCluster({ servers, configFile }, new Map(), async (cluster) => {
      const stopping = stopSignal()
      const protocol = given.text('group-protocol')?.toLowerCase() === 'consumer' ? 'consumer' : 'classic'
      const member = memberOf(cluster, protocol, {
        groupId,
        instanceId: given.text('group-instance-id') ?? null,
        topics: [topic],
        sessionTimeoutMs: given.integer('session-timeout') ?? defaultSessionMs,
        rebalanceTimeoutMs,
        assignor: /RoundRobin/.test(strategy) ? 'roundrobin' : 'range',
      })
      const listed = (partitions: readonly TopicPartition[]) => inOrder(partitions).map(placeOf)
      const settings = { maxWaitMs, isolation: 'read_uncommitted', skipsDamage: false, reset } as const
      const consumer = new KafkaConsumer(cluster, settings, member, {
        revoked: async (partitions) => tell('partitions_revoked', { partitions: listed(partitions) }),
        assigned: (partitions) => tell('partitions_assigned', { partitions: listed(partitions) }),
      })
      const commit = async (): Promise<void> => {
        try {
          const offsets = await consumer.commit()
          if (!commitsItself) tell('offsets_committed', { offsets: offsets.map(offsetOf), success: true })
        } catch (error) {
          if (!isOvertaken(error)) throw error
          const told = exceptionFrom(error)
          tell('offsets_committed', { offsets: [], success: false, error: told?.message })
        }
      }
      tell('startup_complete')
      let left = max < 0 ? Number.POSITIVE_INFINITY : max
      while (left > 0 && !stopping.aborted) {
        const polled = await consumer.poll(maxWaitMs)
        if (polled.length === 0) {
          await realClock.sleep(idleMs, stopping)
          continue
        }
        const records = polled.slice(0, left)
        left -= records.length
        if (isVerbose) for (const record of records) tell('record_data', dataOf(record))
        tell('records_consumed', { count: polled.length, partitions: countsOf(records) })
        consumer.processed(records)
        await commit()
      }
      await consumer.close(commitsItself)
      tell('shutdown_complete')
      tell('shutdown_requested')
      return 0
    })
  },
})

const resetFrom = (text: string): 'earliest' | 'latest' => {
  if (text === 'earliest' || text === 'latest') return text
  throw new ToolUsageError(`Invalid value ${text} for reset-policy: earliest and latest are`)
}

const placeOf = ({ topic, partition }: TopicPartition) => ({ topic, partition })

const offsetOf = ({ topic, partition, offset }: NewOffset) => ({ topic, partition, offset: Number(offset) })

const dataOf = ({ key, value, topic, partition, offset }: ConsumedRecord) => ({
  key: key?.toString() ?? null,
  value: value?.toString() ?? null,
  topic,
  partition,
  offset: Number(offset),
})

const countsOf = (records: readonly ConsumedRecord[]) =>
  [...Map.groupBy(records, nameOf).values()].map((own) => {
    const offsets = own.map(({ offset }) => Number(offset))
    const { topic = '', partition = 0 } = own[0] ?? {}
    return {
      topic,
      partition,
      count: own.length,
      minOffset: offsets[0] ?? 0,
      maxOffset: offsets.at(-1) ?? 0,
    }
  })
