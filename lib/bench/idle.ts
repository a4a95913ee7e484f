import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realClock } from '../clock.ts'
import { monthMs } from '../store/price.ts'
import { spentBetween, spentBy, usdOf } from './cost.ts'
import { createTopic, type Load } from './load.ts'
import type { Figures } from './round.ts'
import { freePort, type RunningServer, startWadi } from './server.ts'

/** A member of a group with its client's own settings and nothing to read; to be ended. */
type Member = (server: RunningServer, topic: string) => Promise<() => Promise<void>>

/**
 * What one member that waits for records asks of the stores in a minute, for each group protocol: what a server with it
 * asks, less what one without members does. All three run at the same time.
 */
export const measureIdle = async (load: Load, seconds: number): Promise<Figures> => {
  const perMinute = (member: Member): Promise<Figures> => measureServer(load, seconds, member)
  const [alone, classic, consumer] = await Promise.all([nobody, kafkaJsMember, platformaticMember].map(perMinute))
  const less = (figures: Figures | undefined, name: string) => (figures?.get(name) ?? 0) - (alone?.get(name) ?? 0)
  return new Map([
    ...counters.map(([name, words]) => [`server alone: ${words}/min`, alone?.get(name) ?? 0] as const),
    ...counters.map(([name, words]) => [`classic member: ${words}/min`, less(classic, name)] as const),
    ...counters.map(([name, words]) => [`new protocol member: ${words}/min`, less(consumer, name)] as const),
    ['classic member: AWS USD/month', usdPerMonth(classic) - usdPerMonth(alone)],
    ['new protocol member: AWS USD/month', usdPerMonth(consumer) - usdPerMonth(alone)],
  ])
}

const usdPerMonth = (perMinute: Figures | undefined): number =>
  ((perMinute && usdOf(perMinute)) ?? 0) * (monthMs / 60_000)

/** What AWS charges for, as `/v1/usage` names it, and in words. */
const counters = [
  ['gets', 'gets'],
  ['queries', 'queries'],
  ['puts', 'puts'],
  ['replaces', 'replaces'],
  ['writeUnits', 'write units'],
  ['readUnits', 'read units'],
] as const

/** Joining is over by then, and with it the quick first heartbeats. */
const settleMs = 10_000

const measureServer = async (load: Load, seconds: number, member: Member): Promise<Figures> => {
  const data = mkdtempSync(join(tmpdir(), 'wadi-bench-idle-'))
  const httpPort = await freePort()
  const server = await startWadi({ data, kafkaPort: await freePort(), httpPort })
  try {
    await createTopic(server, load)
    const leave = await member(server, load.topic)
    await realClock.sleep(settleMs)
    const before = await spentBy(server.pid, httpPort)
    const from = performance.now()
    await realClock.sleep(seconds * 1000)
    const { counters: counts } = spentBetween(before, await spentBy(server.pid, httpPort))
    const minutes = (performance.now() - from) / 60_000
    await leave()
    return new Map([...counts].map(([name, count]) => [name, count / minutes]))
  } finally {
    await server.stop()
    rmSync(data, { recursive: true, force: true })
  }
}

const nobody: Member = async () => async () => {}

const kafkaJsMember: Member = async (server, topic) => {
  const { Kafka, logLevel } = await import('kafkajs')
  const kafka = new Kafka({ clientId: 'bench', brokers: [server.bootstrap], logLevel: logLevel.NOTHING })
  const consumer = kafka.consumer({ groupId: 'classic' })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic] })
  await consumer.run({ eachMessage: async () => {} })
  return () => consumer.disconnect()
}

const platformaticMember: Member = async (server, topic) => {
  const { Consumer } = await import('@platformatic/kafka')
  const client = { clientId: 'bench', bootstrapBrokers: [server.bootstrap] }
  const consumer = new Consumer({ ...client, groupId: 'new', groupProtocol: 'consumer' })
  const stream = await consumer.consume({ topics: [topic] })
  stream.on('data', () => {})
  return async () => {
    await stream.close()
    await consumer.close()
  }
}
