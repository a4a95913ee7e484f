import { Admin, type CompressionAlgorithmValue, Producer, stringSerializers } from '@platformatic/kafka'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { flightsByOrigin, valuesByKey } from '../support/dataset.ts'
import { fetchTopic } from '../support/fetch.ts'
import { type ServerUnderTest, startServer } from '../support/server.ts'

/** Speaks the newest versions only; what it fetches is fetched by offset, without a group. */
describe('@platformatic/kafka', () => {
  let server: ServerUnderTest
  let admin: Admin
  beforeAll(async () => {
    server = await startServer()
    admin = new Admin(client())
  })
  afterAll(async () => {
    await admin.close()
    await server[Symbol.asyncDispose]()
  })

  const client = () => ({ clientId: 'suite', bootstrapBrokers: [server.bootstrap] })

  const produce = async <Result>(use: (producer: Producer<string, string, string, string>) => Promise<Result>) => {
    const producer = new Producer({ ...client(), serializers: stringSerializers })
    try {
      return await use(producer)
    } finally {
      await producer.close()
    }
  }

  const createTopic = (topic: string, partitions = 1) =>
    admin.createTopics({ topics: [topic], partitions, replicas: 1 })

  test.for([-1, 1])('a record sent with acks=%s is answered with its offset', async (acks) => {
    const topic = `answered${acks}`
    await createTopic(topic)
    const send = () => produce((producer) => producer.send({ acks, messages: [{ topic, value: 'x' }] }))
    expect((await send()).offsets).toEqual([{ topic, partition: 0, offset: 0n }])
    expect((await send()).offsets).toEqual([{ topic, partition: 0, offset: 1n }])
  })

  test('records sent with acks=0 are there soon', async () => {
    await createTopic('unanswered')
    const values = async () => (await fetchTopic(server.bootstrap, 'unanswered')).map(({ value }) => value)
    await produce(async (producer) => {
      await producer.send({ acks: 0, messages: [{ topic: 'unanswered', value: 'a' }] })
      await expect.poll(values, { timeout: 10_000 }).toEqual(['a'])
    })
  })

  test.for<CompressionAlgorithmValue>(['none', 'gzip', 'snappy', 'lz4', 'zstd'])(
    'flights sent with %s are fetched complete and in order for each key',
    async (compression) => {
      const topic = `flights-${compression}`
      await createTopic(topic, 3)
      const messages = flightsByOrigin().map((record) => ({ topic, ...record }))
      await produce(async (producer) => {
        for (let from = 0; from < messages.length; from += 5000) {
          await producer.send({ compression, messages: messages.slice(from, from + 5000) })
        }
      })
      const records = (await fetchTopic(server.bootstrap, topic)).map(({ key = '', value = '' }) => ({ key, value }))
      expect(valuesByKey(records)).toEqual(valuesByKey(flightsByOrigin()))
    },
  )

  test('an idempotent producer is given an id and its records are there once', async () => {
    await createTopic('idempotent')
    await produce(async (producer) => {
      for (const value of ['a', 'b', 'c']) {
        await producer.send({ idempotent: true, acks: -1, messages: [{ topic: 'idempotent', value }] })
      }
    })
    expect((await fetchTopic(server.bootstrap, 'idempotent')).map(({ value }) => value)).toEqual(['a', 'b', 'c'])
  })

  test('offsets are found for the ends of a partition, the latest time and a time between', async () => {
    await createTopic('times')
    const messages = [1000n, 9000n, 3000n].map((timestamp) => ({ topic: 'times', value: 'x', timestamp }))
    await produce((producer) => producer.send({ messages }))
    const offsetAt = async (timestamp: bigint) => {
      const [listed] = await admin.listOffsets({
        topics: [{ name: 'times', partitions: [{ partitionIndex: 0, timestamp }] }],
      })
      return listed?.partitions[0]?.offset
    }
    expect(await offsetAt(-1n)).toBe(3n)
    expect(await offsetAt(-2n)).toBe(0n)
    expect(await offsetAt(-3n)).toBe(1n)
    expect(await offsetAt(2000n)).toBe(1n)
    expect(await offsetAt(9001n)).toBe(-1n)
  })

  test('topics are created, widened, configured, trimmed and deleted', async () => {
    await createTopic('managed')
    await expect(createTopic('managed')).rejects.toThrow()
    await admin.createPartitions({ topics: [{ name: 'managed', count: 2, assignments: [{ brokerIds: [1] }] }] })
    const resource = { resourceType: 2, resourceName: 'managed' } as const
    const configs = [{ name: 'retention.ms', value: '2000', configOperation: 0 }] as const
    await admin.incrementalAlterConfigs({ resources: [{ ...resource, configs: [...configs] }] })
    const [described] = await admin.describeConfigs({
      resources: [{ ...resource, configurationKeys: ['retention.ms'] }],
    })
    expect(described?.configs).toMatchObject([{ name: 'retention.ms', value: '2000' }])
    await produce((producer) =>
      producer.send({ messages: ['a', 'b', 'c'].map((value) => ({ topic: 'managed', partition: 0, value })) }),
    )
    const trimmed = await admin.deleteRecords({
      topics: [{ name: 'managed', partitions: [{ partition: 0, offset: 2n }] }],
    })
    expect(trimmed).toEqual([{ name: 'managed', partitions: [{ partition: 0, lowWatermark: 2n }] }])
    expect((await fetchTopic(server.bootstrap, 'managed')).map(({ value }) => value)).toEqual(['c'])
    await admin.deleteTopics({ topics: ['managed'] })
    expect(await admin.listTopics()).not.toContain('managed')
  })
})
