import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Broker } from '../../lib/broker/broker.ts'
import { realClock } from '../../lib/clock.ts'
import { type Gateway, startGateway } from '../../lib/gateway/server.ts'
import { doorOf, servedApis } from '../../lib/protocol/apis.ts'
import type { Api, RequestInput, ResponseOf } from '../../lib/protocol/declare.ts'
import { readResponse, writeRequest } from '../../lib/protocol/header.ts'
import { ConsumerGroupDescribe } from '../../lib/protocol/messages/consumer-group-describe.ts'
import { ConsumerGroupHeartbeat } from '../../lib/protocol/messages/consumer-group-heartbeat.ts'
import { CreateTopics } from '../../lib/protocol/messages/create-topics.ts'
import { DescribeCluster } from '../../lib/protocol/messages/describe-cluster.ts'
import { DescribeTopicPartitions } from '../../lib/protocol/messages/describe-topic-partitions.ts'
import { IncrementalAlterConfigs } from '../../lib/protocol/messages/incremental-alter-configs.ts'
import { OffsetDelete } from '../../lib/protocol/messages/offset-delete.ts'
import { OffsetForLeaderEpoch } from '../../lib/protocol/messages/offset-for-leader-epoch.ts'
import { guardedInstances } from './guarded-instances.ts'

/** Each door as a process of its own over the same stores, with nothing but what its role allows. */
describe('with its role alone', () => {
  const { denied, logged, instanceOf } = guardedInstances()
  const asked = new Set<number>()
  let gateway: Gateway
  let kafka: Kafka

  const broker: Broker = async (frames, connection) => {
    const replies = []
    for (const frame of frames) {
      const apiKey = frame.readInt16BE(0)
      asked.add(apiKey)
      replies.push(...(await instanceOf(doorOf(apiKey) ?? 'admin').broker([frame], connection)))
    }
    return replies
  }
  const ask = async <A extends Api>(api: A, body: RequestInput<A>): Promise<ResponseOf<A>> => {
    const version = api.versions.last
    const frame = Buffer.concat(writeRequest(api, version, { correlationId: 1, clientId: 'suite' }, body)).subarray(4)
    const connection = { advertised: { host: '127.0.0.1', port: gateway.port }, clientAddress: '127.0.0.1' }
    const [reply = []] = await broker([frame], connection)
    return readResponse(api, version, Buffer.concat(reply).subarray(4)).body
  }

  beforeAll(async () => {
    const { watch } = instanceOf('fetch')
    const log = (line: string): void => void logged.push(line)
    gateway = await startGateway({ broker, watch, timer: realClock, pollMs: 20, host: '127.0.0.1', port: 0, log })
    const brokers = [`127.0.0.1:${gateway.port}`]
    kafka = new Kafka({ clientId: 'suite', brokers, logLevel: logLevel.NOTHING, retry: { retries: 2 } })
  })
  afterAll(() => gateway.stop())

  test('each door does all that its APIs are asked', async () => {
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({
      topics: [
        { topic: 'orders', numPartitions: 2 },
        { topic: 'old', numPartitions: 1 },
      ],
    })
    const producer = kafka.producer({ idempotent: true })
    await producer.connect()
    const values = ['inline', 'object '.repeat(10_000)]
    for (const value of values) await producer.send({ topic: 'orders', messages: [{ key: 'k', value }] })
    const consumer = kafka.consumer({ groupId: 'g', sessionTimeout: 6000, heartbeatInterval: 100 })
    await consumer.connect()
    await consumer.subscribe({ topic: 'orders', fromBeginning: true })
    const read: string[] = []
    const all = Promise.withResolvers<void>()
    await consumer.run({
      eachMessage: async ({ message, heartbeat }) => {
        read.push(String(message.value))
        await new Promise((resolve) => setImmediate(resolve))
        await heartbeat()
        if (read.length === values.length) all.resolve()
      },
    })
    await all.promise
    expect(read).toEqual(values)
    await consumer.disconnect()
    expect((await admin.fetchOffsets({ groupId: 'g', topics: ['orders'] }))[0]?.partitions).toHaveLength(2)
    expect((await admin.describeGroups(['g'])).groups).toMatchObject([{ groupId: 'g', state: 'Empty' }])
    expect((await admin.listGroups()).groups).toHaveLength(1)
    const orders = { type: 2, name: 'orders' }
    const configEntries = [{ name: 'retention.ms', value: '1000000' }]
    await admin.alterConfigs({ validateOnly: false, resources: [{ ...orders, configEntries }] })
    expect((await admin.describeConfigs({ includeSynonyms: false, resources: [orders] })).resources).toHaveLength(1)
    await admin.deleteTopicRecords({ topic: 'orders', partitions: [{ partition: 0, offset: '-1' }] })
    await admin.fetchTopicOffsetsByTimestamp('orders', 1)
    await producer.disconnect()

    const configs = [{ name: 'retention.ms', configOperation: 0, value: '2000000' }]
    const altered = { resources: [{ resourceType: 2, resourceName: 'orders', configs }], validateOnly: false }
    expect((await ask(IncrementalAlterConfigs, altered)).responses).toMatchObject([{ errorCode: 0 }])
    expect((await ask(DescribeCluster, { includeClusterAuthorizedOperations: false })).errorCode).toBe(0)
    expect((await ask(DescribeTopicPartitions, { topics: [{ name: 'orders' }] })).topics).toMatchObject([
      { errorCode: 0 },
    ])
    const epochs = [{ topic: 'orders', partitions: [{ partition: 0, leaderEpoch: 0 }] }]
    expect((await ask(OffsetForLeaderEpoch, { topics: epochs })).topics[0]?.partitions).toMatchObject([
      { errorCode: 0 },
    ])
    const member = { groupId: 'new', memberId: 'm', memberEpoch: 0, rebalanceTimeoutMs: 1000 }
    const joining = { ...member, subscribedTopicNames: ['orders'], topicPartitions: [] }
    expect((await ask(ConsumerGroupHeartbeat, joining)).errorCode).toBe(0)
    const described = await ask(ConsumerGroupDescribe, { groupIds: ['new'], includeAuthorizedOperations: false })
    expect(described.groups).toMatchObject([{ errorCode: 0 }])
    const forgotten = { groupId: 'g', topics: [{ name: 'orders', partitions: [{ partitionIndex: 0 }] }] }
    expect((await ask(OffsetDelete, forgotten)).errorCode).toBe(0)
    await admin.deleteGroups(['g'])
    await admin.createPartitions({ topicPartitions: [{ topic: 'orders', count: 3 }] })
    await admin.deleteTopics({ topics: ['old'] })
    await admin.disconnect()

    expect(denied).toEqual([])
    const inGateway = ['SaslHandshake', 'SaslAuthenticate']
    const missing = servedApis.filter(({ api }) => !asked.has(api.key) && !inGateway.includes(api.name))
    expect(missing.map(({ api }) => api.name)).toEqual([])
  })

  test('maintenance does all that is to be done, and deletes', async () => {
    const maintenance = instanceOf('maintenance')
    const pass = await maintenance.maintainHinted({ remainingMs: 60_000 })
    expect(pass.errors).toBe(0)
    await maintenance.maintain({ flushAll: true })
    expect(maintenance.usage().deletes).toBeGreaterThan(0)
    expect(denied).toEqual([])
    expect(logged).toEqual([])
  })

  test('a door that is asked for what is not its own is denied', async () => {
    const connection = { advertised: { host: '127.0.0.1', port: 9092 }, clientAddress: '127.0.0.1' }
    const body = { topics: [{ name: 'x', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }] }
    const request = { ...body, timeoutMs: 1000, validateOnly: false }
    const header = { correlationId: 1, clientId: 'suite' }
    const frame = Buffer.concat(writeRequest(CreateTopics, 7, header, request)).subarray(4)
    const [reply = []] = await instanceOf('fetch').broker([frame], connection)
    const { topics } = readResponse(CreateTopics, 7, Buffer.concat(reply).subarray(4)).body
    expect(topics[0]?.errorCode).not.toBe(0)
    expect(denied).toEqual([expect.stringMatching(/^dynamodb:PutItem I$/)])
  })
})
