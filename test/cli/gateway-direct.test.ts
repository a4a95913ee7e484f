import { createHash } from 'node:crypto'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../lib/bench/server.ts'
import { wadi } from '../support/dev-server.ts'
import { createBucket, createTable, type Emulator, environmentOf, startEmulator } from '../support/emulator.ts'
import { readWithKcat, sendWithKcat } from '../support/kcat-records.ts'
import { kafkaTool, skipWithout, temporaryFile, tryKcat } from '../support/tools.ts'

const token = 'a-long-random-token'
const keys = `me:${createHash('sha256').update(token).digest('hex')}`

describe('wadi gateway --direct', { timeout: 120_000 }, () => {
  let emulator: Emulator
  beforeAll(async () => {
    emulator = await startEmulator()
    await createTable(emulator.dynamo, 'wadi')
    await createBucket(emulator.s3, 'wadi')
  })
  afterAll(() => emulator.close())

  const direct = (args: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
    wadi(['gateway', '--direct', ...args], { ...environmentOf(emulator), ...environment })

  /** Where it listens, as soon as it does. */
  const started = async (args: readonly string[], environment?: Readonly<Record<string, string>>) => {
    const gateway = direct(args, environment)
    const [, bootstrap = ''] = await gateway.says(/ready · Kafka (127\.0\.0\.1:\d+)/)
    return { ...gateway, bootstrap }
  }

  const kafkaAt = (brokers: readonly string[]): Kafka =>
    new Kafka({
      brokers: [...brokers],
      logLevel: logLevel.NOTHING,
      sasl: { mechanism: 'plain', username: 'me', password: token },
      retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 1000 },
    })

  test.skipIf(skipWithout('kcat'))('serves kcat, and what one has taken another gives', async () => {
    const [one, other] = [await started(['--port', '0']), await started(['--port', '0'])]
    const records = Array.from({ length: 100 }, (_, i) => ({ key: `k${i % 7}`, value: `value ${i}` }))
    expect((await sendWithKcat({ bootstrap: one.bootstrap, topic: 'by-kcat' }, records)).status).toBe(0)
    expect(await readWithKcat(other.bootstrap, 'by-kcat')).toEqual(records)
    for (const gateway of [one, other]) gateway.kill('SIGTERM')
    expect(await Promise.all([one.ended, other.ended])).toEqual(Array(2).fill({ status: 0, signal: null }))
  })

  test.skipIf(skipWithout('kcat'))('librdkafka logs in with a key, and without one it is told so', async () => {
    const { bootstrap } = await started(['--port', '0', '--sasl'], { WADI_API_KEYS: keys })
    const list = (seconds: number, ...settings: readonly string[]) =>
      tryKcat(['-L', '-m', `${seconds}`, '-b', bootstrap, ...settings.flatMap((setting) => ['-X', setting])])
    const login = ['security.protocol=sasl_plaintext', 'sasl.mechanism=PLAIN', 'sasl.username=me']
    expect((await list(30, ...login, `sasl.password=${token}`)).stdout.toString()).toContain(`at ${bootstrap}`)
    const refused = await list(5, ...login, 'sasl.password=wrong')
    expect(refused.status).not.toBe(0)
    expect(refused.stderr.toString()).toContain('Authentication failed')
    expect((await list(5)).status).not.toBe(0)
  })

  test.skipIf(skipWithout('kafka'))('Java logs in with a key', async () => {
    const { bootstrap } = await started(['--port', '0', '--sasl'], { WADI_API_KEYS: keys })
    const module = 'org.apache.kafka.common.security.plain.PlainLoginModule'
    const settings = [
      'security.protocol=SASL_PLAINTEXT',
      'sasl.mechanism=PLAIN',
      `sasl.jaas.config=${module} required username="me" password="${token}";`,
    ]
    const config = temporaryFile('client.properties', settings.join('\n'))
    const common = ['--bootstrap-server', bootstrap, '--command-config', config]
    await kafkaTool('kafka-topics', [...common, '--create', '--topic', 'by-java'])
    expect(await kafkaTool('kafka-topics', [...common, '--list'])).toMatch(/^by-java$/m)
  })

  test('told to stop while clients write, it loses and doubles nothing: they go on at the other', async () => {
    const ports = [await freePort(), await freePort()]
    const all = ports.map((port) => started(['--port', `${port}`, '--sasl'], { WADI_API_KEYS: keys }))
    const [one, other] = await Promise.all(all)
    const kafka = kafkaAt([one?.bootstrap ?? '', other?.bootstrap ?? ''])
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: 'stopped', numPartitions: 1 }] })
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    const send = (value: number) => producer.send({ topic: 'stopped', messages: [{ value: `${value}` }] })
    for (let value = 0; value < 200; value++) {
      if (value === 50) one?.kill('SIGTERM')
      await send(value)
    }
    expect(await one?.ended).toEqual({ status: 0, signal: null })
    for (let value = 200; value < 250; value++) await send(value)
    await producer.disconnect()
    const [offsets] = await admin.fetchTopicOffsets('stopped')
    expect(offsets).toMatchObject({ low: '0', high: '250' })
    await admin.disconnect()
    expect(await valuesOf(kafka, 250)).toEqual(Array.from({ length: 250 }, (_, i) => i))
    other?.kill('SIGTERM')
    expect((await other?.ended)?.status).toBe(0)
  })

  const valuesOf = async (kafka: Kafka, count: number): Promise<readonly number[]> => {
    const consumer = kafka.consumer({ groupId: 'readers' })
    await consumer.connect()
    await consumer.subscribe({ topic: 'stopped', fromBeginning: true })
    const values: number[] = []
    const all = Promise.withResolvers<void>()
    await consumer.run({
      eachMessage: async ({ message }) => {
        if (values.push(Number(message.value)) === count) all.resolve()
      },
    })
    await all.promise
    await consumer.disconnect()
    return values
  }

  test('a port in use, and a table or a bucket that is not there, are told, and what to do', async () => {
    const { bootstrap } = await started(['--port', '0'])
    const [, port = ''] = bootstrap.split(':')
    const cases = [
      [direct(['--port', port]), `port ${port} on 127.0.0.1 is in use`],
      [direct(['--port', '0'], { WADI_TABLE: 'other' }), 'there is no such table'],
      [direct(['--port', '0'], { WADI_BUCKET: 'other' }), 'there is no such bucket'],
    ] as const
    for (const [gateway, told] of cases) {
      expect((await gateway.ended).status).toBe(1)
      expect(gateway.said()).toContain(told)
    }
  })

  test.each([
    [['--host', '0.0.0.0', '--port', '1234'], '--advertise'],
    [['--host', '::', '--port', '1234'], '--advertise'],
    [['--port', '0', '--sasl'], 'WADI_API_KEYS'],
  ])('%j is not enough', async (args, told) => {
    const gateway = direct(args)
    expect((await gateway.ended).status).toBe(2)
    expect(gateway.said()).toContain(told)
  })

  test('whoever listens where others are is warned, and WADI_URL is for the other kind of gateway', async () => {
    const gateway = direct(['--host', '0.0.0.0', '--port', '0'], { WADI_URL: 'https://example.org' })
    await gateway.says(/ready/)
    expect(gateway.said()).toContain('whoever reaches this address may do everything')
  })
})
