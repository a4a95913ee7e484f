import { createHash } from 'node:crypto'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { wadiSockets } from '../../lib/kafkajs.ts'
import { createBucket, createTable, type Emulator, environmentOf, startEmulator } from '../support/emulator.ts'
import { type Bundles, bundleFunctions } from '../support/function-bundles.ts'
import { environmentOfBundle } from '../support/lambda-environment.ts'
import { type LambdaHost, startLambdaHost } from '../support/lambda-host.ts'

const doors = ['produce', 'fetch', 'admin', 'groups'] as const
const token = 'a-token-of-this-suite'

describe('KafkaJS without TCP, functions behind an HTTP API', { timeout: 120_000 }, () => {
  let emulator: Emulator
  let bundles: Bundles
  let host: LambdaHost
  beforeAll(async () => {
    emulator = await startEmulator()
    await createTable(emulator.dynamo, 'wadi')
    await createBucket(emulator.s3, 'wadi')
    bundles = await bundleFunctions([...doors, 'maintenance'])
    const keys = `suite:${createHash('sha256').update(token).digest('hex')}`
    host = await startLambdaHost({
      kind: 'HTTP API',
      route: (path) => path.slice(path.lastIndexOf('/') + 1),
      start: (name) => {
        const bundle = bundles.of(doors.find((door) => door === name) ?? 'admin')
        return environmentOfBundle(bundle.file, { ...environmentOf(emulator), WADI_API_KEYS: keys })
      },
    })
  })
  afterAll(async () => {
    await host?.[Symbol.asyncDispose]()
    bundles?.[Symbol.dispose]()
    await emulator?.close()
  })

  test('a group reads, once each and in order, what a producer has sent', async () => {
    const kafka = new Kafka({
      brokers: ['wadi:9092'],
      socketFactory: wadiSockets({ url: host.url, apiKey: token }),
      logLevel: logLevel.NOTHING,
    })
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 2 }] })
    await admin.disconnect()

    const producer = kafka.producer()
    await producer.connect()
    const sent = Array.from({ length: 60 }, (_, i) => `order ${i}`)
    for (let i = 0; i < sent.length; i += 20) {
      const messages = sent.slice(i, i + 20).map((value, at) => ({ value, partition: (i + at) % 2 }))
      await producer.send({ topic: 'orders', messages })
    }
    await producer.disconnect()

    const consumer = kafka.consumer({ groupId: 'billing', maxWaitTimeInMs: 500 })
    await consumer.connect()
    await consumer.subscribe({ topics: ['orders'], fromBeginning: true })
    const read: string[][] = [[], []]
    const all = Promise.withResolvers<void>()
    await consumer.run({
      eachMessage: async ({ partition, message }) => {
        read[partition]?.push(String(message.value))
        if (read.flat().length === sent.length) all.resolve()
      },
    })
    await all.promise
    await consumer.disconnect()
    expect(read).toEqual([0, 1].map((index) => sent.filter((_, i) => i % 2 === index)))
  })

  test('the function of the schedule looks at what was sent, and nothing floats in any function', async () => {
    const maintenance = await environmentOfBundle(bundles.of('maintenance').file, environmentOf(emulator))
    try {
      // One by its hint, and the same one in the pass over all, which is due at first.
      const pass = await maintenance.invoke({ source: 'aws.events' }, { timeoutMs: 120_000 })
      expect(pass).toMatchObject({ errors: 0, shards: 2 })
      expect(maintenance.floating).toEqual([])
    } finally {
      await maintenance.end()
    }
    expect(host.floating()).toEqual([])
  })
})
