import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Producer } from 'kafkajs'
import { freePort, type RunningServer, startWadi } from './server.ts'

/** So often one of the two is killed, and so often one is stopped. */
const rounds = 3
/** So many that both gateways lead some. */
const partitions = 12
const topic = 'takeover'
/** Records that are acknowledged in each partition before one of the gateways ends. */
const steadyRecords = 20

/**
 * How long it takes from the end of one of two gateways to the next record that is acknowledged, in the partition in
 * which that takes longest; for each round, in ms.
 */
export const measureTakeover = async (): Promise<ReadonlyMap<string, readonly number[]>> => {
  const standIns = await startStandIns()
  const data = mkdtempSync(join(tmpdir(), 'wadi-bench-takeover-'))
  const servers: RunningServer[] = []
  try {
    const start = async (): Promise<RunningServer> => {
      const server = await startGatewayOver(standIns.environment, data)
      servers.push(server)
      return server
    }
    const stays = await start()
    const load = await startLoad(stays)
    const killed: number[] = []
    const stopped: number[] = []
    for (let round = 0; round < rounds; round++) {
      killed.push(await load.gapAfter(await start(), (server) => server.kill()))
      stopped.push(await load.gapAfter(await start(), (server) => server.stop()))
    }
    await load.stop()
    return new Map([
      ['ms without a gateway that is killed', killed],
      ['ms without a gateway that is stopped', stopped],
    ])
  } finally {
    for (const server of servers) await server.kill()
    await standIns.stop()
    rmSync(data, { recursive: true, force: true })
  }
}

/** DynamoDB and S3 as the tests have them, in a process that outlives the gateways. */
const startStandIns = async () => {
  const script = fileURLToPath(new URL('../../test/support/stand-ins.ts', import.meta.url))
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  const [line] = await once(createInterface(child.stdout), 'line')
  const environment: Readonly<Record<string, string>> = JSON.parse(String(line))
  return {
    environment,
    stop: async () => {
      child.stdin.end()
      await ended
    },
  }
}

const startGatewayOver = async (
  environment: Readonly<Record<string, string>>,
  data: string,
): Promise<RunningServer> => {
  const kafkaPort = await freePort()
  const advertised = { ...environment, WADI_ADVERTISE: `127.0.0.1:${kafkaPort}` }
  return startWadi({ data, kafkaPort, httpPort: await freePort(), environment: advertised })
}

/** Idempotent producers that send one record after the other, each to a partition. */
const startLoad = async (server: RunningServer) => {
  const { Kafka, logLevel, Partitioners } = await import('kafkajs')
  const kafka = new Kafka({ brokers: [server.bootstrap], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  const configEntries = [{ name: 'wadi.shards', value: String(partitions) }]
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions, configEntries }], waitForLeaders: true })
  const lanes = Array.from({ length: partitions }, (_, partition) => {
    // One for each: KafkaJS may lose what one producer sends to several brokers when one of them goes.
    const producer = kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      retry: { initialRetryTime: 100, maxRetryTime: 300, retries: 1000 },
      createPartitioner: Partitioners.DefaultPartitioner,
    })
    return new SendingLane(producer, partition)
  })
  const leads = async (port: number): Promise<number> => {
    const { brokers } = await admin.describeCluster()
    const nodeId = brokers.find((broker) => broker.port === port)?.nodeId
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return topics[0]?.partitions.filter(({ leader }) => leader === nodeId).length ?? 0
  }
  return {
    gapAfter: async (victim: RunningServer, end: (server: RunningServer) => Promise<void>): Promise<number> => {
      while ((await leads(victim.kafkaPort)) === 0) await lanes[0]?.records(1)
      await Promise.all(lanes.map((lane) => lane.records(steadyRecords)))
      const from = performance.now()
      const ended = end(victim)
      const next = await Promise.all(lanes.map((lane) => lane.nextSentAfter(from)))
      await ended
      return Math.max(...next) - from
    },
    stop: async () => {
      await Promise.all(lanes.map((lane) => lane.stop()))
      await admin.disconnect()
    },
  }
}

/** One record at a time to one partition. */
class SendingLane {
  readonly #sending: Promise<void>
  #isStopping = false
  /** Told when a record was acknowledged that was sent at this time. */
  #waiting: ((sentAt: number) => void)[] = []

  constructor(producer: Producer, partition: number) {
    this.#sending = this.#send(producer, partition)
  }

  async #send(producer: Producer, partition: number): Promise<void> {
    await producer.connect()
    while (!this.#isStopping) {
      const sentAt = performance.now()
      await producer.send({ topic, acks: -1, messages: [{ value: 'x', partition }] })
      for (const tell of this.#waiting.splice(0)) tell(sentAt)
    }
    await producer.disconnect()
  }

  async records(count: number): Promise<void> {
    for (let record = 0; record < count; record++) await this.#next()
  }

  /** When a record was acknowledged first that was not before: one that was on its way then has to have come, and the next. */
  async nextSentAfter(from: number): Promise<number> {
    while ((await this.#next()) < from) {}
    return performance.now()
  }

  #next(): Promise<number> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#sending
  }
}
