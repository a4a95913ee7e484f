import { expect, test } from 'vitest'
import { errors } from '../../lib/protocol/errors.ts'
import { DeleteRecords } from '../../lib/protocol/messages/delete-records.ts'
import { ListOffsets } from '../../lib/protocol/messages/list-offsets.ts'
import { OffsetForLeaderEpoch } from '../../lib/protocol/messages/offset-for-leader-epoch.ts'
import { batch } from '../support/batches.ts'
import { brokerWorld } from './world.ts'

/** Offsets 0–2 at 1000–1002, 3–5 at 3000–3002, 6 at 2000. */
const filled = async () => {
  const world = brokerWorld()
  const topicId = await world.createTopic('t', 2)
  await world.produce('t', batch({ records: 3, timestamp: 1000n }))
  await world.produce('t', batch({ records: 3, timestamp: 3000n, codec: 'gzip' }))
  await world.produce('t', batch({ timestamp: 2000n }))
  const list = async (
    timestamp: bigint,
    { version = 11, partitionIndex = 0, name = 't', currentLeaderEpoch = -1 } = {},
  ) => {
    const topics = [{ name, partitions: [{ partitionIndex, timestamp, currentLeaderEpoch }] }]
    const body = await world.ask(ListOffsets, version, { replicaId: -1, topics })
    return body.topics[0]?.partitions[0]
  }
  const deleteTo = async (offset: bigint, partitionIndex = 0, name = 't') => {
    const topics = [{ name, partitions: [{ partitionIndex, offset }] }]
    const body = await world.ask(DeleteRecords, 2, { topics, timeoutMs: 5000 })
    return body.topics[0]?.partitions[0]
  }
  return { ...world, topicId, list, deleteTo }
}

test.each<[string, bigint, bigint, bigint]>([
  ['latest', -1n, 7n, -1n],
  ['earliest', -2n, 0n, -1n],
  ['of the largest timestamp', -3n, 5n, 3002n],
  ['earliest on local disk', -4n, 0n, -1n],
  ['latest in tiered storage', -5n, -1n, -1n],
  ['earliest not yet in tiered storage', -6n, -1n, -1n],
  ['at a timestamp of a record', 1001n, 1n, 1001n],
  ['at a timestamp between records', 2500n, 3n, 3000n],
  ['before all records', 0n, 0n, 1000n],
  ['after all records', 4000n, -1n, -1n],
])('the offset %s', async (_, asked, offset, timestamp) => {
  const { list } = await filled()
  expect(await list(asked)).toMatchObject({ errorCode: errors.NONE, offset, timestamp })
})

test('an empty partition has no offset for a timestamp', async () => {
  const { list } = await filled()
  for (const asked of [-3n, 5n]) {
    expect(await list(asked, { partitionIndex: 1 })).toMatchObject({
      errorCode: errors.NONE,
      offset: -1n,
      timestamp: -1n,
    })
  }
})

test('a question that the version does not know yet is unsupported', async () => {
  const { list } = await filled()
  expect(await list(-3n, { version: 6 })).toMatchObject({ errorCode: errors.UNSUPPORTED_VERSION })
  expect(await list(-3n, { version: 7 })).toMatchObject({ errorCode: errors.NONE })
  expect(await list(-99n)).toMatchObject({ errorCode: errors.UNSUPPORTED_VERSION, offset: -1n })
})

test('unknown topics, partitions and epochs are told', async () => {
  const { list } = await filled()
  expect(await list(-1n, { name: 'none' })).toMatchObject({ errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION })
  expect(await list(-1n, { partitionIndex: 2 })).toMatchObject({ errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION })
  expect(await list(-1n, { currentLeaderEpoch: 4 })).toMatchObject({ errorCode: errors.UNKNOWN_LEADER_EPOCH })
})

test('the latest offset counts what another instance has appended', async () => {
  const { list, items, objects } = await filled()
  await list(-1n)
  const other = brokerWorld({ items, objects })
  await other.produce('t', batch({ records: 4 }))
  expect(await list(-1n)).toMatchObject({ offset: 11n })
})

test('records are deleted up to an offset, and the log starts there', async () => {
  const { deleteTo, list, values } = await filled()
  expect(await deleteTo(4n)).toMatchObject({ errorCode: errors.NONE, lowWatermark: 4n })
  expect(await list(-2n)).toMatchObject({ offset: 4n })
  expect(await list(0n)).toMatchObject({ offset: 4n, timestamp: 3001n })
  expect(await values('t', 4n)).toEqual(['v0', 'v1', 'v2', 'v'])
})

test('deleting less than is gone changes nothing; −1 deletes everything', async () => {
  const { deleteTo, list } = await filled()
  await deleteTo(4n)
  expect(await deleteTo(2n)).toMatchObject({ errorCode: errors.NONE, lowWatermark: 4n })
  expect(await deleteTo(-1n)).toMatchObject({ errorCode: errors.NONE, lowWatermark: 7n })
  expect(await deleteTo(-1n)).toMatchObject({ errorCode: errors.NONE, lowWatermark: 7n })
  expect(await list(-2n)).toMatchObject({ offset: 7n })
  expect(await list(-1n)).toMatchObject({ offset: 7n })
})

test('records that are not there cannot be deleted', async () => {
  const { deleteTo } = await filled()
  expect(await deleteTo(8n)).toMatchObject({ errorCode: errors.OFFSET_OUT_OF_RANGE, lowWatermark: -1n })
  expect(await deleteTo(-2n)).toMatchObject({ errorCode: errors.OFFSET_OUT_OF_RANGE })
  expect(await deleteTo(1n, 5)).toMatchObject({ errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION })
  expect(await deleteTo(1n, 0, 'none')).toMatchObject({ errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION })
})

test('an epoch ends where the next one begins, and the current one at the end of the log', async () => {
  const { ask, logs, topicId, produce } = await filled()
  const endOf = async (leaderEpoch: number) => {
    const topics = [{ topic: 't', partitions: [{ partition: 0, leaderEpoch }] }]
    return (await ask(OffsetForLeaderEpoch, 4, { topics })).topics[0]?.partitions[0]
  }
  expect(await endOf(0)).toMatchObject({ errorCode: errors.NONE, leaderEpoch: 0, endOffset: 7n })
  expect(await endOf(1)).toMatchObject({ errorCode: errors.NONE, leaderEpoch: -1, endOffset: -1n })
  await logs.lane({ topicId, index: 0 }).change(() => ({ kind: 'lead', node: 1, epoch: 1 }), Date.now() + 1000)
  await produce('t', batch())
  expect(await endOf(0)).toMatchObject({ leaderEpoch: 0, endOffset: 7n })
  expect(await endOf(1)).toMatchObject({ leaderEpoch: 1, endOffset: 8n })
})
