import { KafkaProducer, type Outcome } from '../client/producer.ts'
import { realClock } from '../clock.ts'
import type { NewRecord } from '../protocol/build-batch.ts'
import { acksFrom } from './compat-console-producer.ts'
import { exceptionFrom } from './compat-errors.ts'
import { connectionFlags, tool, withCluster } from './compat-tool.ts'
import { stopSignal } from './stop-signal.ts'

const flags = {
  ...connectionFlags,
  'bootstrap-servers': 'value',
  'broker-list': 'value',
  topic: 'value',
  'max-messages': 'value',
  throughput: 'value',
  acks: 'value',
  'producer.config': 'value',
  'message-create-time': 'value',
  'value-prefix': 'value',
  'repeating-keys': 'value',
} as const

/** Records that travel together where nothing limits them. */
const together = 500
const maxBatchBytes = 900_000
const defaultDeliveryTimeoutMs = 120_000

/** `kafka-verifiable-producer` (Kafka source: `VerifiableProducer`): one number after the other, and a line for each. */
export const kafkaVerifiableProducer = tool({
  name: 'kafka-verifiable-producer',
  flags,
  run: async (given, { out }) => {
    const topic = given.required('topic')
    const acks = acksFrom(given.text('acks') ?? '-1')
    const max = given.integer('max-messages') ?? -1
    const throughput = given.integer('throughput') ?? -1
    const keys = given.integer('repeating-keys')
    const prefix = given.text('value-prefix')
    const createMs = given.integer('message-create-time') ?? -1
    const configFile = given.text('command-config') ?? given.text('producer.config')
    const servers = given.text('bootstrap-server') ?? given.text('bootstrap-servers') ?? given.text('broker-list')
    const tell = (name: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      out.write(`${JSON.stringify({ timestamp: realClock.now(), name, ...fields })}\n`)
    }
    return withCluster({ servers, configFile }, new Map(), async (cluster, properties) => {
      const stopping = stopSignal()
      const deliveryTimeoutMs = Number(properties.get('delivery.timeout.ms') ?? defaultDeliveryTimeoutMs)
      const producer = new KafkaProducer(cluster, topic, { acks, codec: 'none', maxBatchBytes, deliveryTimeoutMs })
      const startMs = realClock.now()
      let [sent, acked] = [0, 0]
      const recordOf = (number: number): NewRecord => {
        const nowMs = realClock.now()
        return {
          key: keys === undefined ? null : Buffer.from(String(number % keys)),
          value: Buffer.from(prefix === undefined ? String(number) : `${prefix}.${number}`),
          timestamp: BigInt(createMs < 0 ? nowMs : createMs + (nowMs - startMs)),
        }
      }
      const tellOutcome = ({ key, value }: NewRecord, outcome: Outcome): void => {
        const shown = { key: key?.toString() ?? null, value: value?.toString() ?? null }
        if ('failure' in outcome) {
          const exception = exceptionFrom(outcome.failure)
          if (exception === undefined) throw outcome.failure
          const { className, message } = exception
          tell('producer_send_error', { ...shown, topic, exception: className, message })
          return
        }
        acked += 1
        tell('producer_send_success', {
          ...shown,
          offset: Number(outcome.offset),
          topic,
          partition: outcome.partition,
        })
      }
      tell('startup_complete')
      while (!stopping.aborted && (max < 0 || sent < max)) {
        const allowed = throughput < 0 ? together : allowedNow(throughput, realClock.now() - startMs, sent)
        const count = Math.min(together, allowed, max < 0 ? together : max - sent)
        if (count < 1) {
          await realClock.sleep(1000 / Math.max(1, throughput), stopping)
          continue
        }
        const records = Array.from({ length: count }, (_, i) => recordOf(sent + i))
        sent += count
        const outcomes = await producer.send(records)
        for (const [i, record] of records.entries()) {
          const outcome = outcomes[i]
          if (outcome !== undefined) tellOutcome(record, outcome)
        }
      }
      tell('shutdown_complete')
      const seconds = (realClock.now() - startMs) / 1000
      tell('tool_data', { sent, acked, target_throughput: throughput, avg_throughput: acked / seconds })
      return 0
    })
  },
})

/** How many may be sent, so that there are no more than so many in each second since the start. */
const allowedNow = (throughput: number, elapsedMs: number, sent: number): number =>
  Math.floor((throughput * elapsedMs) / 1000) + 1 - sent
