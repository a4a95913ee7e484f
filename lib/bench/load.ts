import { run, runWell } from './process.ts'
import type { RunningServer } from './server.ts'
import { findKcat, kafkaProgram, missingForKafka } from './tools.ts'

/** What one run puts in and takes out; the same for every server. */
export type Load = {
  readonly topic: string
  readonly records: number
  readonly recordBytes: number
  readonly partitions: number
  /** The producer's `batch.size`. */
  readonly batchBytes: number
  /** The producer's `linger.ms`. */
  readonly lingerMs: number
  /** The producer's `compression.type`. */
  readonly compression: string
}

/** How long the client needed for how many records. */
type Timed = { readonly records: number; readonly seconds: number; readonly p99Ms?: number }

/** A stock client that puts a load in with acks=all, or takes it out by partition and offset, without a group. */
export type Client = {
  readonly name: string
  readonly run: (server: RunningServer, load: Load) => Promise<Timed>
}

/** The best producer this machine has: Java's own load generator, or kafkajs. */
export const producerClient = (): Client =>
  missingForKafka() === undefined
    ? { name: "Apache Kafka's kafka-producer-perf-test", run: produceWithJava }
    : { name: 'kafkajs', run: produceWithKafkaJs }

/** The best reader without groups this machine has: kcat, or @platformatic/kafka. */
export const consumerClient = (): Client =>
  findKcat() === undefined
    ? { name: '@platformatic/kafka, by offset', run: consumeWithPlatformatic }
    : { name: 'kcat', run: consumeWithKcat }

export const createTopic = async (server: RunningServer, load: Load): Promise<void> => {
  const { Admin } = await import('@platformatic/kafka')
  const admin = new Admin({ clientId: 'bench', bootstrapBrokers: [server.bootstrap] })
  await admin.createTopics({ topics: [load.topic], partitions: load.partitions, replicas: 1 })
  await admin.close()
}

const loadTimeoutMs = 600_000

/** The generator's own figures, taken after a tenth of the records, so that its JVM is warm. */
const produceWithJava = async (server: RunningServer, load: Load): Promise<Timed> => {
  const size = ['--num-records', String(load.records), '--record-size', String(load.recordBytes), '--throughput', '-1']
  const settings = ['acks=all', `batch.size=${load.batchBytes}`, `linger.ms=${load.lingerMs}`]
  const args = [
    ...['--bootstrap-server', server.bootstrap, '--topic', load.topic, ...size],
    ...['--warmup-records', String(Math.floor(load.records / 10))],
    ...['--command-property', ...settings, `compression.type=${load.compression}`],
  ]
  const program = kafkaProgram('kafka-producer-perf-test', args, ['-Xmx512m'])
  const out = (await runWell(program, { timeoutMs: loadTimeoutMs })).toString()
  const found = /(\d+) steady state records sent, ([\d.]+) records\/sec .* ([\d.]+) ms 99th/.exec(out)
  if (found === null) throw new Error(`No figures from kafka-producer-perf-test:\n${out}`)
  const [records, perSecond, p99Ms] = found.slice(1).map(Number)
  if (records === undefined || perSecond === undefined || p99Ms === undefined)
    throw new Error(`Unreadable: ${found[0]}`)
  return { records, seconds: records / perSecond, p99Ms }
}

const maxRequestsInFlight = 5

const produceWithKafkaJs = async (server: RunningServer, load: Load): Promise<Timed> => {
  const { CompressionTypes, Kafka, logLevel, Partitioners } = await import('kafkajs')
  if (load.compression !== 'none' && load.compression !== 'gzip') throw new Error('kafkajs compresses with gzip only')
  const kafka = new Kafka({ brokers: [server.bootstrap], logLevel: logLevel.NOTHING })
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const perBatch = Math.max(1, Math.floor(load.batchBytes / load.recordBytes))
  const value = Buffer.alloc(load.recordBytes, 'x')
  const compression = load.compression === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None
  let sent = 0
  const sendInTurn = async (): Promise<void> => {
    while (sent < load.records) {
      const count = Math.min(perBatch * load.partitions, load.records - sent)
      const messages = Array.from({ length: count }, (_, index) => ({ value, partition: index % load.partitions }))
      sent += count
      await producer.send({ topic: load.topic, acks: -1, compression, messages })
    }
  }
  const from = performance.now()
  await Promise.all(Array.from({ length: maxRequestsInFlight }, sendInTurn))
  const seconds = (performance.now() - from) / 1000
  await producer.disconnect()
  return { records: load.records, seconds }
}

/** From kcat's start to its end, which it reaches by counting; one character is printed for each record. */
const consumeWithKcat = async (server: RunningServer, load: Load): Promise<Timed> => {
  const what = ['-C', '-b', server.bootstrap, '-t', load.topic, '-o', 'beginning', '-c', String(load.records)]
  const from = performance.now()
  const program = { command: findKcat() ?? 'kcat', args: [...what, '-q', '-f', '.'] }
  const finished = await run(program, { timeoutMs: loadTimeoutMs })
  const seconds = (performance.now() - from) / 1000
  if (finished.stdout.length !== load.records) {
    throw new Error(`kcat read ${finished.stdout.length} of ${load.records} records: ${finished.stderr}`)
  }
  return { records: load.records, seconds }
}

const fetchMaxBytes = 50 * 1024 * 1024
const partitionMaxBytes = 1024 * 1024

const consumeWithPlatformatic = async (server: RunningServer, load: Load): Promise<Timed> => {
  const { Consumer } = await import('@platformatic/kafka')
  const consumer = new Consumer({ clientId: 'bench', bootstrapBrokers: [server.bootstrap], groupId: 'unused' })
  const topicId = (await consumer.metadata({ topics: [load.topic] })).topics.get(load.topic)?.id
  if (topicId === undefined) throw new Error(`No topic ${load.topic}`)
  const offsets = Array.from({ length: load.partitions }, () => 0n)
  let records = 0
  const from = performance.now()
  while (records < load.records) {
    const partitions = offsets.map((fetchOffset, partition) => ({
      ...{ partition, fetchOffset, partitionMaxBytes },
      ...{ currentLeaderEpoch: -1, lastFetchedEpoch: -1 },
    }))
    const limits = { minBytes: 1, maxBytes: fetchMaxBytes, maxWaitTime: 500 }
    const answer = await consumer.fetch({ node: 1, topics: [{ topicId, partitions }], ...limits })
    for (const { partitionIndex, records: batches } of answer.responses.flatMap((topic) => topic.partitions)) {
      for (const batch of batches ?? []) {
        records += batch.records.length
        offsets[partitionIndex] = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n
      }
    }
  }
  const seconds = (performance.now() - from) / 1000
  await consumer.close(true)
  return { records, seconds }
}
