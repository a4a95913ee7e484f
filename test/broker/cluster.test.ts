import { expect, test } from 'vitest'
import type { RequestInput } from '../../lib/protocol/declare.ts'
import { errors } from '../../lib/protocol/errors.ts'
import { DescribeCluster } from '../../lib/protocol/messages/describe-cluster.ts'
import { DescribeTopicPartitions } from '../../lib/protocol/messages/describe-topic-partitions.ts'
import { InitProducerId } from '../../lib/protocol/messages/init-producer-id.ts'
import { Metadata } from '../../lib/protocol/messages/metadata.ts'
import { brokerWorld } from './world.ts'

test('the cluster is the one node, under the id that Metadata tells', async () => {
  const { ask } = brokerWorld()
  const { clusterId } = await ask(Metadata, 9, { topics: [] })
  expect(await ask(DescribeCluster, 2, { includeClusterAuthorizedOperations: false })).toMatchObject({
    errorCode: errors.NONE,
    clusterId,
    controllerId: 1,
    brokers: [{ brokerId: 1, host: 'kafka.test', port: 9092, rack: null, isFenced: false }],
    clusterAuthorizedOperations: -2147483648,
  })
})

test('there are no controllers to ask for', async () => {
  const { ask } = brokerWorld()
  const answer = await ask(DescribeCluster, 1, { includeClusterAuthorizedOperations: false, endpointType: 2 })
  expect(answer).toMatchObject({ errorCode: errors.MISMATCHED_ENDPOINT_TYPE, brokers: [] })
})

const described = async () => {
  const world = brokerWorld()
  await world.createTopic('a', 3)
  await world.createTopic('b', 4)
  await world.createTopic('c', 1)
  type Request = Partial<RequestInput<typeof DescribeTopicPartitions>>
  const describe = (request: Request) => world.ask(DescribeTopicPartitions, 0, { topics: [], ...request })
  return { ...world, describe }
}

test('topics are described in the order of their names, unknown ones as unknown', async () => {
  const { describe } = await described()
  const { topics, nextCursor } = await describe({ topics: [{ name: 'none' }, { name: 'c' }, { name: 'a b' }] })
  expect(topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
    ['a b', errors.INVALID_TOPIC_EXCEPTION],
    ['c', errors.NONE],
    ['none', errors.UNKNOWN_TOPIC_OR_PARTITION],
  ])
  expect(topics[1]?.partitions).toEqual([
    {
      errorCode: errors.NONE,
      partitionIndex: 0,
      leaderId: 1,
      leaderEpoch: -1,
      replicaNodes: [1],
      isrNodes: [1],
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: [],
    },
  ])
  expect(nextCursor).toBeNull()
})

test.each([1, 2, 3, 4, 5, 8])('pages of %i partitions make the whole, each partition once', async (limit) => {
  const { describe } = await described()
  const seen: string[] = []
  let cursor: Awaited<ReturnType<typeof describe>>['nextCursor'] = null
  do {
    const page = await describe({ responsePartitionLimit: limit, cursor })
    const partitions = page.topics.flatMap(({ name, partitions }) =>
      partitions.map((p) => `${name}${p.partitionIndex}`),
    )
    expect(partitions.length).toBeLessThanOrEqual(limit)
    seen.push(...partitions)
    cursor = page.nextCursor
  } while (cursor !== null)
  expect(seen).toEqual(['a0', 'a1', 'a2', 'b0', 'b1', 'b2', 'b3', 'c0'])
})

const idsOf = (world: ReturnType<typeof brokerWorld>) => {
  const init = (given: Partial<RequestInput<typeof InitProducerId>> = {}, version = 5) =>
    world.ask(InitProducerId, version, { transactionalId: null, transactionTimeoutMs: 60_000, ...given })
  return { init }
}

test('no two producers get the same id, from whichever instance', async () => {
  const one = brokerWorld()
  const two = brokerWorld({ items: one.items })
  const asked = Array.from({ length: 1200 }, (_, i) => idsOf(i % 2 ? one : two).init())
  const ids = await Promise.all(asked)
  expect(new Set(ids.map(({ producerId }) => producerId)).size).toBe(1200)
  expect(ids.every(({ producerEpoch, errorCode }) => producerEpoch === 0 && errorCode === errors.NONE)).toBe(true)
})

test('a producer that tells its epoch gets the next one, and another id after the last', async () => {
  const { init } = idsOf(brokerWorld())
  expect(await init({ producerId: 4000n, producerEpoch: 6 })).toMatchObject({ producerId: 4000n, producerEpoch: 7 })
  expect(await init({ producerId: 4000n, producerEpoch: 32765 })).toMatchObject({ producerEpoch: 32766 })
  const exhausted = await init({ producerId: 4000n, producerEpoch: 32766 })
  expect(exhausted).toMatchObject({ errorCode: errors.NONE, producerEpoch: 0 })
  expect(exhausted.producerId).not.toBe(4000n)
})

test('half a producer is no producer, and transactions are refused', async () => {
  const { init } = idsOf(brokerWorld())
  expect(await init({ producerId: 4n })).toMatchObject({ errorCode: errors.INVALID_REQUEST, producerId: -1n })
  expect(await init({ producerEpoch: 4 })).toMatchObject({ errorCode: errors.INVALID_REQUEST })
  expect(await init({ transactionalId: 'x' })).toMatchObject({
    errorCode: errors.UNSUPPORTED_VERSION,
    producerEpoch: -1,
  })
})
