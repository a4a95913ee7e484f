import { CompressionTypes, ConfigResourceTypes, type Producer } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTopic, kafkaJs, withAdmin } from '../support/admin.ts'
import { flightsByOrigin, valuesByKey } from '../support/dataset.ts'
import { fetchTopic } from '../support/fetch.ts'
import { type ServerUnderTest, startServer } from '../support/server.ts'

/** Its consumers need groups; what its producers send is read back by offset. */
describe('kafkajs', () => {
  let server: ServerUnderTest
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  const produce = async <Result>(use: (producer: Producer) => Promise<Result>, idempotent = false): Promise<Result> => {
    const producer = kafkaJs(server.bootstrap).producer({ idempotent })
    await producer.connect()
    try {
      return await use(producer)
    } finally {
      await producer.disconnect()
    }
  }

  test.for([-1, 1])('a record sent with acks=%s is answered with its offset', async (acks) => {
    const topic = `answered${acks}`
    await createTopic(server.bootstrap, { topic })
    const send = () => produce((producer) => producer.send({ topic, acks, messages: [{ value: 'x' }] }))
    expect(await send()).toMatchObject([{ partition: 0, errorCode: 0, baseOffset: '0' }])
    expect(await send()).toMatchObject([{ partition: 0, errorCode: 0, baseOffset: '1' }])
  })

  test('records sent with acks=0 are there soon', async () => {
    await createTopic(server.bootstrap, { topic: 'unanswered' })
    const values = async () => (await fetchTopic(server.bootstrap, 'unanswered')).map(({ value }) => value)
    await produce(async (producer) => {
      await producer.send({ topic: 'unanswered', acks: 0, messages: [{ value: 'a' }, { value: 'b' }] })
      await expect.poll(values, { timeout: 10_000 }).toEqual(['a', 'b'])
    })
  })

  test.for([
    { codec: 'none', compression: CompressionTypes.None },
    { codec: 'gzip', compression: CompressionTypes.GZIP },
  ])('flights sent with $codec are fetched complete and in order for each key', async ({ codec, compression }) => {
    const topic = `flights-${codec}`
    await createTopic(server.bootstrap, { topic, partitions: 3 })
    const messages = flightsByOrigin().map(({ key, value }) => ({ key, value }))
    await produce((producer) => producer.send({ topic, compression, messages }))
    const fetched = await fetchTopic(server.bootstrap, topic)
    const records = fetched.map(({ key = '', value = '' }) => ({ key, value }))
    expect(valuesByKey(records)).toEqual(valuesByKey(flightsByOrigin()))
  })

  test('an idempotent producer is given an id and its records are there once', async () => {
    await createTopic(server.bootstrap, { topic: 'idempotent' })
    await produce(async (producer) => {
      for (const value of ['a', 'b', 'c']) await producer.send({ topic: 'idempotent', messages: [{ value }] })
    }, true)
    expect((await fetchTopic(server.bootstrap, 'idempotent')).map(({ value }) => value)).toEqual(['a', 'b', 'c'])
  })

  test('a batch of several topics is answered for each', async () => {
    await createTopic(server.bootstrap, { topic: 'left' })
    await createTopic(server.bootstrap, { topic: 'right', partitions: 2 })
    const topicMessages = [
      { topic: 'left', messages: [{ value: 'a' }] },
      { topic: 'right', messages: [{ value: 'b', partition: 1 }] },
    ]
    const answers = await produce((producer) => producer.sendBatch({ topicMessages }))
    expect(
      answers.map(({ topicName, partition, baseOffset }) => [topicName, partition, baseOffset]).toSorted(),
    ).toEqual([
      ['left', 0, '0'],
      ['right', 1, '0'],
    ])
  })

  test('offsets are found for the ends of a partition and for a time', async () => {
    await createTopic(server.bootstrap, { topic: 'times' })
    const messages = [1000, 2000, 3000].map((time) => ({ value: 'x', timestamp: String(time) }))
    await produce((producer) => producer.send({ topic: 'times', messages }))
    await withAdmin(server.bootstrap, async (admin) => {
      expect(await admin.fetchTopicOffsets('times')).toEqual([{ partition: 0, offset: '3', low: '0', high: '3' }])
      expect(await admin.fetchTopicOffsetsByTimestamp('times', 1500)).toEqual([{ partition: 0, offset: '1' }])
      // For a time after the last record this client asks again for the end.
      expect(await admin.fetchTopicOffsetsByTimestamp('times', 9000)).toEqual([{ partition: 0, offset: '3' }])
    })
  })

  test('topics are created, described, widened, configured, trimmed and deleted', async () => {
    await withAdmin(server.bootstrap, async (admin) => {
      expect(await createTopic(server.bootstrap, { topic: 'managed', configs: { 'retention.ms': '1000' } })).toBe(true)
      expect(await createTopic(server.bootstrap, { topic: 'managed' })).toBe(false)
      await admin.createPartitions({ topicPartitions: [{ topic: 'managed', count: 3 }] })
      const { topics } = await admin.fetchTopicMetadata({ topics: ['managed'] })
      expect(topics[0]?.partitions.map(({ partitionId, leader, isr }) => ({ partitionId, leader, isr }))).toEqual(
        expect.arrayContaining([0, 1, 2].map((partitionId) => ({ partitionId, leader: 1, isr: [1] }))),
      )
      const resource = { type: ConfigResourceTypes.TOPIC, name: 'managed' }
      await admin.alterConfigs({
        validateOnly: false,
        resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '2000' }] }],
      })
      const described = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ ...resource, configNames: ['retention.ms'] }],
      })
      expect(described.resources[0]?.configEntries).toMatchObject([{ configName: 'retention.ms', configValue: '2000' }])
      await produce((producer) =>
        producer.send({ topic: 'managed', messages: ['a', 'b', 'c'].map((value) => ({ value, partition: 0 })) }),
      )
      await admin.deleteTopicRecords({ topic: 'managed', partitions: [{ partition: 0, offset: '2' }] })
      const offsets = await admin.fetchTopicOffsets('managed')
      expect(offsets.find(({ partition }) => partition === 0)).toMatchObject({ low: '2', high: '3' })
      await admin.deleteTopics({ topics: ['managed'] })
      expect(await admin.listTopics()).not.toContain('managed')
    })
  })

  test('the cluster is one broker at the address the client used', async () => {
    const cluster = await withAdmin(server.bootstrap, (admin) => admin.describeCluster())
    expect(cluster.brokers).toEqual([{ nodeId: 1, host: server.host, port: server.port }])
    expect(cluster.clusterId).toMatch(/\S/)
  })
})
