import { expect, test } from 'vitest'
import { Leadership } from '../../lib/journal/leadership.ts'
import { Logs } from '../../lib/journal/logs.ts'
import { lifetimeMs, Nodes } from '../../lib/journal/nodes.ts'
import { errors } from '../../lib/protocol/errors.ts'
import { CreateTopics } from '../../lib/protocol/messages/create-topics.ts'
import { DescribeCluster } from '../../lib/protocol/messages/describe-cluster.ts'
import { DescribeTopicPartitions } from '../../lib/protocol/messages/describe-topic-partitions.ts'
import { Fetch } from '../../lib/protocol/messages/fetch.ts'
import { FindCoordinator } from '../../lib/protocol/messages/find-coordinator.ts'
import { ListOffsets } from '../../lib/protocol/messages/list-offsets.ts'
import { Metadata } from '../../lib/protocol/messages/metadata.ts'
import { Produce } from '../../lib/protocol/messages/produce.ts'
import { zeroUuid } from '../../lib/protocol/reader.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { batch } from '../support/batches.ts'
import { FixedClock } from '../support/log.ts'
import { brokerWorld, connection, fetchRequest, produceRequest, requestFrame } from './world.ts'

/** Gateways over the same stores, at ports 9001 and so on; each has looked after the last one had registered. */
const gateways = async (count: number) => {
  const clock = new FixedClock()
  const stores = { items: memoryItems(), objects: memoryObjects(() => clock.now()), clock }
  const all = Array.from({ length: count }, (_, i) => {
    const logs = new Logs({ ...stores, instance: `gateway-${i}` })
    const nodes = new Nodes(stores.items, clock, { host: 'gateway.test', port: 9001 + i, zone: `zone-${i}` })
    const leadership = new Leadership({ nodes, logs, clock })
    return { ...brokerWorld({ ...stores, logs, leadership }), nodes }
  })
  for (const { nodes } of [...all, ...all]) await nodes.beat()
  /** A function, or any server that does not register. */
  const alone = brokerWorld(stores)
  return { clock, stores, all, alone }
}

type Gateway = Awaited<ReturnType<typeof gateways>>['all'][number]

const partitionsBy = async ({ ask }: Pick<Gateway, 'ask'>, name: string) =>
  (await ask(Metadata, 12, { topics: [{ name, topicId: zeroUuid }] })).topics[0]?.partitions ?? []

const leaderOf = async (all: readonly Gateway[], name: string, partition = 0) => {
  const [asked] = all
  const leaderId = asked && (await partitionsBy(asked, name))[partition]?.leaderId
  const leader = all.find(({ nodes }) => nodes.self === leaderId)
  const other = all.find(({ nodes }) => nodes.self !== leaderId)
  if (leader === undefined || other === undefined) throw new Error(`${leaderId} leads, and is none of them`)
  return { leader, other }
}

const addresses = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ host: 'gateway.test', port: 9001 + i, rack: `zone-${i}` }))

test('every gateway advertises all that live, each at its own address, whatever address the client used', async () => {
  const { all } = await gateways(3)
  const nodes = addresses(3).map((address, i) => ({ nodeId: i + 2, ...address }))
  for (const { ask } of all) {
    expect((await ask(Metadata, 9, { topics: [] })).brokers).toEqual(nodes)
    const { brokers } = await ask(DescribeCluster, 2, { includeClusterAuthorizedOperations: false })
    expect(brokers).toEqual(addresses(3).map((address, i) => ({ brokerId: i + 2, ...address, isFenced: false })))
  }
})

test('a server that does not register is the one node 1 at the address the client used, beside gateways too', async () => {
  const { alone } = await gateways(2)
  const topicId = await alone.createTopic('t', 2)
  const { brokers, controllerId } = await alone.ask(Metadata, 9, { topics: [] })
  expect({ brokers, controllerId }).toEqual({
    brokers: [{ nodeId: 1, host: 'kafka.test', port: 9092, rack: null }],
    controllerId: 1,
  })
  expect(await partitionsBy(alone, 't')).toMatchObject([{ leaderId: 1 }, { leaderId: 1 }])
  expect(await alone.produce('t', batch())).toMatchObject({ errorCode: errors.NONE })
  expect(await alone.rows(topicId)).toBe(1)
})

test('all agree on who leads which partition, and who comes next', async () => {
  const { all } = await gateways(3)
  const [one] = all
  await one?.createTopic('t', 12, { 'wadi.shards': '12' })
  const told = await Promise.all(all.map((gateway) => partitionsBy(gateway, 't')))
  expect(told[1]).toEqual(told[0])
  expect(told[2]).toEqual(told[0])
  expect(new Set(told[0]?.map(({ leaderId }) => leaderId)).size).toBeGreaterThan(1)
  for (const { leaderId, replicaNodes, isrNodes } of told[0] ?? []) {
    expect(replicaNodes[0]).toBe(leaderId)
    expect(replicaNodes.toSorted()).toEqual([2, 3, 4])
    expect(isrNodes).toEqual(replicaNodes)
  }
  const described = await one?.ask(DescribeTopicPartitions, 0, { topics: [{ name: 't' }] })
  const parts = described?.topics[0]?.partitions.map(({ leaderId, replicaNodes }) => ({ leaderId, replicaNodes }))
  expect(parts).toEqual(told[0]?.map(({ leaderId, replicaNodes }) => ({ leaderId, replicaNodes })))
})

test('the leader appends under its epoch, and another node sends the producer to it', async () => {
  const { all } = await gateways(2)
  await all[0]?.createTopic('t')
  const { leader, other } = await leaderOf(all, 't')
  expect(await other.produce('t', batch())).toMatchObject({ errorCode: errors.NOT_LEADER_OR_FOLLOWER, baseOffset: -1n })
  expect(await leader.produce('t', batch())).toMatchObject({ errorCode: errors.NONE, baseOffset: 0n })
  expect(await partitionsBy(leader, 't')).toMatchObject([{ leaderId: leader.nodes.self, leaderEpoch: 1 }])
  expect(await partitionsBy(other, 't')).toMatchObject([{ leaderId: leader.nodes.self, leaderEpoch: 1 }])
})

test('a newer producer is told who leads, under which epoch and at which address', async () => {
  const { all } = await gateways(2)
  await all[0]?.createTopic('t')
  const { leader, other } = await leaderOf(all, 't')
  await leader.produce('t', batch())
  await partitionsBy(other, 't')
  const body = await other.ask(Produce, 10, produceRequest([{ name: 't', index: 0, records: batch() }]))
  expect(body.responses[0]?.partitionResponses).toMatchObject([
    {
      errorCode: errors.NOT_LEADER_OR_FOLLOWER,
      currentLeader: { leaderId: leader.nodes.self, leaderEpoch: 1 },
    },
  ])
  const { host, port, zone } = leader.nodes.address
  expect(body.nodeEndpoints).toEqual([{ nodeId: leader.nodes.self, host, port, rack: zone }])
})

test('who wants no answer is not sent elsewhere: it would never hear of it', async () => {
  const { all } = await gateways(2)
  await all[0]?.createTopic('t')
  const { leader, other } = await leaderOf(all, 't')
  await other.broker(
    [requestFrame(Produce, 9, produceRequest([{ name: 't', index: 0, records: batch({ value: 'unanswered' }) }], 0))],
    connection,
  )
  expect(await leader.values('t')).toEqual(['unanswered'])
})

test('when the leader dies the next one appends under a newer epoch, and nothing of before is lost', async () => {
  const { all, clock } = await gateways(2)
  await all[0]?.createTopic('t')
  const { leader, other } = await leaderOf(all, 't')
  await leader.produce('t', batch({ value: 'before' }))
  clock.move(lifetimeMs)
  await other.nodes.beat()
  expect(await partitionsBy(other, 't')).toMatchObject([{ leaderId: other.nodes.self, leaderEpoch: 1 }])
  expect(await other.produce('t', batch({ value: 'after' }))).toMatchObject({ errorCode: errors.NONE, baseOffset: 1n })
  expect(await partitionsBy(other, 't')).toMatchObject([{ leaderId: other.nodes.self, leaderEpoch: 2 }])
  expect(await other.values('t')).toEqual(['before', 'after'])
})

test('a batch that the dead leader had stored is a duplicate to the next one', async () => {
  const { all, clock } = await gateways(2)
  await all[0]?.createTopic('t')
  const { leader, other } = await leaderOf(all, 't')
  const sent = batch({ producerId: 7n, producerEpoch: 0, baseSequence: 0, records: 3 })
  await leader.produce('t', sent)
  clock.move(lifetimeMs)
  await other.nodes.beat()
  expect(await other.produce('t', sent)).toMatchObject({ errorCode: errors.NONE, baseOffset: 0n })
  expect(await other.values('t')).toHaveLength(3)
})

test('a deposed leader that knows nothing of it sends producers away, and appends nothing', async () => {
  const { all } = await gateways(2)
  await all[0]?.createTopic('t')
  const { leader, other } = await leaderOf(all, 't')
  await leader.produce('t', batch({ value: 'a' }))
  // The leader leaves for the others; what it knows itself stays as it was.
  const deposed = { ...leader.nodes.address }
  await new Nodes(leader.items, leader.context.clock, deposed).leave()
  await other.nodes.beat()
  expect(await other.produce('t', batch({ value: 'b' }))).toMatchObject({ errorCode: errors.NONE })
  expect(await leader.produce('t', batch({ value: 'late' }))).toMatchObject({
    errorCode: errors.NOT_LEADER_OR_FOLLOWER,
  })
  expect(await other.values('t')).toEqual(['a', 'b'])
})

test('who led before tells of the newer epoch, not of its own: clients take a lower one for outdated', async () => {
  const { all } = await gateways(2)
  await all[0]?.createTopic('t')
  const { leader, other } = await leaderOf(all, 't')
  await leader.nodes.leave()
  await other.nodes.beat()
  await other.produce('t', batch())
  await leader.nodes.beat()
  await leader.produce('t', batch())
  await other.nodes.beat()
  expect(await partitionsBy(other, 't')).toMatchObject([{ leaderId: leader.nodes.self, leaderEpoch: 2 }])
})

test('any node gives records; who has read them all is sent to the leader to wait there', async () => {
  const { all } = await gateways(2)
  await all[0]?.createTopic('t')
  const { leader, other } = await leaderOf(all, 't')
  await leader.produce('t', batch({ value: 'a' }))
  expect(await other.values('t')).toEqual(['a'])
  expect(await leader.fetch('t', 1n)).toMatchObject({ errorCode: errors.NONE, highWatermark: 1n })
  const body = await other.ask(Fetch, 12, fetchRequest([{ topic: 't', partition: 0, fetchOffset: 1n }]))
  expect(body.responses[0]?.partitions).toMatchObject([
    {
      errorCode: errors.NOT_LEADER_OR_FOLLOWER,
      currentLeader: { leaderId: leader.nodes.self, leaderEpoch: 1 },
    },
  ])
})

test('who is sent to the leader is told its address, also in the same answer', async () => {
  const { all } = await gateways(2)
  const topicId = (await all[0]?.createTopic('t')) ?? ''
  const { leader, other } = await leaderOf(all, 't')
  await leader.produce('t', batch())
  const { nodeEndpoints } = await other.ask(Fetch, 17, fetchRequest([{ topicId, partition: 0, fetchOffset: 1n }]))
  const { host, port, zone } = leader.nodes.address
  expect(nodeEndpoints).toEqual([{ nodeId: leader.nodes.self, host, port, rack: zone }])
})

test('a consumer of functions is never fenced by what a gateway led before: Metadata tells them no epoch', async () => {
  const { all, stores, alone } = await gateways(1)
  const [gateway] = all
  await gateway?.createTopic('t')
  await gateway?.produce('t', batch({ value: 'led' }))
  await gateway?.nodes.leave()
  const [admin, fetch] = [alone, brokerWorld(stores)]
  const epochs = async () => (await partitionsBy(admin, 't')).map(({ leaderEpoch }) => leaderEpoch)
  const [told = 0] = await epochs()
  const asked = { partition: 0, fetchOffset: 0n, partitionMaxBytes: 1000, currentLeaderEpoch: told }
  const fetched = await fetch.ask(Fetch, 12, { ...fetchRequest([]), topics: [{ topic: 't', partitions: [asked] }] })
  const [records] = fetched.responses[0]?.partitions ?? []
  expect(records).toMatchObject({ errorCode: errors.NONE, highWatermark: 1n })
  const ends = [{ partitionIndex: 0, currentLeaderEpoch: told, timestamp: -1n }]
  const listed = await fetch.ask(ListOffsets, 6, { replicaId: -1, topics: [{ name: 't', partitions: ends }] })
  expect(listed.topics[0]?.partitions).toMatchObject([{ errorCode: errors.NONE, offset: 1n, leaderEpoch: 1 }])
  // What admin has happened to see of the journal is not told either: it may be old by the time a client uses it.
  await admin.values('t')
  expect(await epochs()).toEqual([-1])
})

test('no leader is named that a client could not find: a gateway that left is none', async () => {
  const { all, alone } = await gateways(2)
  await all[0]?.createTopic('t')
  const { leader, other } = await leaderOf(all, 't')
  await leader.produce('t', batch())
  const fencedBy = async ({ ask }: Pick<Gateway, 'ask'>) => {
    const asked = { partition: 0, fetchOffset: 0n, partitionMaxBytes: 1000, currentLeaderEpoch: 0 }
    const body = await ask(Fetch, 12, { ...fetchRequest([]), topics: [{ topic: 't', partitions: [asked] }] })
    const [{ errorCode, currentLeader } = {}] = body.responses[0]?.partitions ?? []
    expect(errorCode).toBe(errors.FENCED_LEADER_EPOCH)
    return currentLeader
  }
  expect(await fencedBy(other)).toEqual({ leaderId: leader.nodes.self, leaderEpoch: 1 })
  expect(await fencedBy(alone)).toEqual({ leaderId: 1, leaderEpoch: 1 })
  await leader.nodes.leave()
  await other.nodes.beat()
  expect(await fencedBy(other)).toEqual({ leaderId: -1, leaderEpoch: -1 })
})

test('a consumer that believes in an older epoch is told so by any node', async () => {
  const { all, clock } = await gateways(2)
  await all[0]?.createTopic('t')
  const { leader, other } = await leaderOf(all, 't')
  await leader.produce('t', batch({ value: 'a' }))
  clock.move(lifetimeMs)
  await other.nodes.beat()
  await other.produce('t', batch({ value: 'b' }))
  const [part] = fetchRequest([{ topic: 't', partition: 0, fetchOffset: 0n }]).topics[0]?.partitions ?? []
  if (part === undefined) throw new Error('a partition')
  const at = (currentLeaderEpoch: number) => ({
    ...fetchRequest([]),
    topics: [{ topic: 't', topicId: zeroUuid, partitions: [{ ...part, currentLeaderEpoch }] }],
  })
  const codeAt = async (epoch: number) => (await other.ask(Fetch, 12, at(epoch))).responses[0]?.partitions[0]?.errorCode
  expect([await codeAt(1), await codeAt(2), await codeAt(3)]).toEqual([
    errors.FENCED_LEADER_EPOCH,
    errors.NONE,
    errors.UNKNOWN_LEADER_EPOCH,
  ])
})

test('an epoch is told only where it is the newest: whoever lists all topics hears it of the leader alone', async () => {
  const { all } = await gateways(2)
  await all[0]?.createTopic('t')
  const { leader, other } = await leaderOf(all, 't')
  await leader.produce('t', batch())
  const epochsBy = async ({ ask }: Gateway) =>
    (await ask(Metadata, 12, { topics: null })).topics[0]?.partitions.map(({ leaderEpoch }) => leaderEpoch)
  expect(await epochsBy(leader)).toEqual([1])
  expect(await epochsBy(other)).toEqual([-1])
})

test('a group has one coordinator among the live nodes, the same whoever is asked, until that one goes', async () => {
  const { all } = await gateways(3)
  const keys = Array.from({ length: 30 }, (_, i) => `group-${i}`)
  const coordinatorsBy = async ({ ask }: Gateway) =>
    (await ask(FindCoordinator, 4, { keyType: 0, coordinatorKeys: keys })).coordinators.map(({ nodeId }) => nodeId)
  const [one, two, three] = all
  if (!one || !two || !three) throw new Error('three gateways')
  const told = await coordinatorsBy(one)
  expect(await coordinatorsBy(two)).toEqual(told)
  expect(new Set(told)).toEqual(new Set([2, 3, 4]))
  expect(await one.ask(FindCoordinator, 2, { key: 'group-0', keyType: 0 })).toMatchObject({ nodeId: told[0] })
  const gone = three.nodes.self
  await three.nodes.leave()
  await one.nodes.beat()
  const after = await coordinatorsBy(one)
  expect(after.filter((id, i) => id !== told[i])).toHaveLength(told.filter((id) => id === gone).length)
  expect(new Set(after)).toEqual(new Set([2, 3]))
})

test('partitions may be assigned to any of the live nodes', async () => {
  const { all } = await gateways(2)
  const create = async (name: string, brokerIds: readonly number[]) => {
    const assignments = [{ partitionIndex: 0, brokerIds }]
    const topic = { name, numPartitions: -1, replicationFactor: -1, assignments, configs: [] }
    return (await all[0]?.ask(CreateTopics, 7, { topics: [topic] }))?.topics[0]?.errorCode
  }
  expect(await create('yes', [3, 2])).toBe(errors.NONE)
  expect(await create('no', [1])).toBe(errors.INVALID_REPLICA_ASSIGNMENT)
})

test('a gateway whose registration is all there is answers alone, and needs no leader', async () => {
  const { all, clock } = await gateways(1)
  const [one] = all
  if (!one) throw new Error('a gateway')
  clock.move(10 * lifetimeMs)
  const { brokers } = await one.ask(Metadata, 9, { topics: [] })
  expect(brokers).toEqual([{ nodeId: 1, host: 'gateway.test', port: 9001, rack: null }])
  await one.createTopic('t')
  expect(await one.produce('t', batch())).toMatchObject({ errorCode: errors.NONE })
})
