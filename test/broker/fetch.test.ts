import { expect, test } from 'vitest'
import { defaultLimits } from '../../lib/broker/context.ts'
import { readBatchHeader } from '../../lib/protocol/batch.ts'
import { errors } from '../../lib/protocol/errors.ts'
import { DeleteRecords } from '../../lib/protocol/messages/delete-records.ts'
import { Fetch } from '../../lib/protocol/messages/fetch.ts'
import { batch, recordsOf } from '../support/batches.ts'
import { brokerWorld, fetchRequest } from './world.ts'

test('an offset inside a batch returns the whole batch, with its true offset', async () => {
  const { createTopic, produce, fetch } = brokerWorld()
  await createTopic('t')
  await produce('t', batch({ records: 2 }))
  await produce('t', batch({ records: 5, value: 'x' }))
  const fetched = await fetch('t', 4n)
  expect(readBatchHeader(fetched?.records ?? Buffer.alloc(0))).toMatchObject({ baseOffset: 2n, count: 5 })
  expect(fetched).toMatchObject({ highWatermark: 7n, lastStableOffset: 7n, logStartOffset: 0n })
})

test('at the end of the log there is nothing, and that is no error', async () => {
  const { createTopic, produce, fetch } = brokerWorld()
  await createTopic('t')
  expect(await fetch('t', 0n)).toMatchObject({ errorCode: errors.NONE, highWatermark: 0n, records: Buffer.alloc(0) })
  await produce('t', batch())
  expect(await fetch('t', 1n)).toMatchObject({ errorCode: errors.NONE, highWatermark: 1n, records: Buffer.alloc(0) })
})

test('an offset beyond the end or before the start is out of range', async () => {
  const { createTopic, produce, fetch, ask } = brokerWorld()
  await createTopic('t')
  for (let i = 0; i < 3; i++) await produce('t', batch())
  await ask(DeleteRecords, 2, {
    timeoutMs: 1000,
    topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: 2n }] }],
  })
  for (const offset of [-1n, 1n, 4n]) {
    expect(await fetch('t', offset)).toMatchObject({ errorCode: errors.OFFSET_OUT_OF_RANGE, highWatermark: -1n })
  }
  expect(await fetch('t', 2n)).toMatchObject({ errorCode: errors.NONE, logStartOffset: 2n })
})

test('what another instance has appended is seen at the end of the log and beyond', async () => {
  const one = brokerWorld()
  const two = brokerWorld({ items: one.items, objects: one.objects })
  await one.createTopic('t')
  await one.produce('t', batch())
  expect(await two.values('t')).toEqual(['v'])
  await one.produce('t', batch({ value: 'w' }))
  expect(await two.values('t', 1n)).toEqual(['w'])
  await one.produce('t', batch({ value: 'x' }))
  await one.produce('t', batch({ value: 'y' }))
  expect(await two.values('t', 3n)).toEqual(['y'])
})

test('the first batch is returned however large it is, further ones only within the limits', async () => {
  const { createTopic, produce, fetch } = brokerWorld()
  await createTopic('t')
  const large = batch({ value: 'x'.repeat(10_000) })
  for (let i = 0; i < 4; i++) await produce('t', large)
  const lengthWith = async (limits: object) => (await fetch('t', 0n, limits))?.records?.length
  expect(await lengthWith({ maxBytes: 1 })).toBe(large.length)
  expect(await lengthWith({ maxBytes: 0, partitionMaxBytes: 0 })).toBe(large.length)
  expect(await lengthWith({ partitionMaxBytes: 2 * large.length })).toBe(2 * large.length)
  expect(await lengthWith({ maxBytes: 3 * large.length + 1 })).toBe(3 * large.length)
})

test('partitions share the bytes in the order they are asked for; only the first may exceed them', async () => {
  const { createTopic, produce, ask } = brokerWorld({ limits: { ...defaultLimits, maxFetchBytes: 25_000 } })
  await createTopic('t', 4)
  const large = batch({ value: 'x'.repeat(10_000) })
  for (const index of [1, 2, 3]) await produce('t', large, { index })
  const asked = [0, 3, 2, 1].map((partition) => ({ topic: 't', partition, fetchOffset: 0n }))
  const body = await ask(Fetch, 11, fetchRequest(asked))
  const lengths = body.responses.map(({ partitions }) => partitions[0]?.records?.length)
  expect(lengths).toEqual([0, large.length, large.length, 0])
  expect(body.responses.map(({ partitions }) => partitions[0]?.highWatermark)).toEqual([0n, 1n, 1n, 1n])
})

test('read_committed gets a list of aborted transactions, read_uncommitted none', async () => {
  const { createTopic, fetch } = brokerWorld()
  await createTopic('t')
  expect((await fetch('t', 0n, { isolationLevel: 1 }))?.abortedTransactions).toEqual([])
  expect((await fetch('t', 0n, { isolationLevel: 0 }))?.abortedTransactions).toBeNull()
})

test('sessions are declined', async () => {
  const { createTopic, ask } = brokerWorld()
  await createTopic('t')
  const request = fetchRequest([{ topic: 't', partition: 0, fetchOffset: 0n }])
  expect(await ask(Fetch, 11, { ...request, sessionEpoch: 0 })).toMatchObject({ errorCode: 0, sessionId: 0 })
  const answer = await ask(Fetch, 11, { ...request, sessionId: 5, sessionEpoch: 3 })
  expect(answer).toMatchObject({ errorCode: errors.FETCH_SESSION_ID_NOT_FOUND, responses: [] })
})

test('forgotten topics are ignored', async () => {
  const { createTopic, ask } = brokerWorld()
  await createTopic('t')
  const request = fetchRequest([{ topic: 't', partition: 0, fetchOffset: 0n }])
  const body = await ask(Fetch, 11, { ...request, forgottenTopicsData: [{ topic: 't', partitions: [0] }] })
  expect(body.responses).toHaveLength(1)
})

test('an unknown topic is another error by name than by id; a partition is unknown in both', async () => {
  const { createTopic, ask, fetch } = brokerWorld()
  const topicId = await createTopic('t')
  expect(await fetch('none', 0n)).toMatchObject({ errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION })
  expect(await fetch('t', 0n, { partition: 1 })).toMatchObject({ errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION })
  const byId = async (asked: { topicId: string; partition: number }) =>
    (await ask(Fetch, 17, fetchRequest([{ ...asked, fetchOffset: 0n }]))).responses[0]?.partitions[0]?.errorCode
  expect(await byId({ topicId: 'BBBBBBBBBBBBBBBBBBBBBA', partition: 0 })).toBe(errors.UNKNOWN_TOPIC_ID)
  expect(await byId({ topicId, partition: 9 })).toBe(errors.UNKNOWN_TOPIC_OR_PARTITION)
  expect(await byId({ topicId, partition: 0 })).toBe(errors.NONE)
})

test.each([4, 11, 12, 13, 17, 18])('version %i returns the records', async (version) => {
  const { createTopic, produce, ask } = brokerWorld()
  const topicId = await createTopic('t')
  await produce('t', batch({ value: 'hello' }))
  const body = await ask(Fetch, version, fetchRequest([{ topic: 't', topicId, partition: 0, fetchOffset: 0n }]))
  const records = recordsOf(body.responses[0]?.partitions[0]?.records ?? Buffer.alloc(0))
  expect(records.map(({ value }) => String(value))).toEqual(['hello'])
})

/** A topic whose journal has leader epoch 2, begun at offset 1. */
const withEpochs = async () => {
  const world = brokerWorld()
  const topicId = await world.createTopic('t')
  await world.produce('t', batch())
  const lane = world.logs.lane({ topicId, index: 0 })
  await lane.change(() => ({ kind: 'lead', node: 1, epoch: 1 }), Date.now() + 1000)
  await lane.change(() => ({ kind: 'lead', node: 1, epoch: 2 }), Date.now() + 1000)
  await world.produce('t', batch())
  const fetchWith = async (epochs: { currentLeaderEpoch?: number; lastFetchedEpoch?: number }, fetchOffset = 1n) => {
    const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1000, ...epochs }]
    const body = await world.ask(Fetch, 12, { ...fetchRequest([]), topics: [{ topic: 't', partitions }] })
    return body.responses[0]?.partitions[0]
  }
  return { ...world, fetchWith }
}

test('a leader epoch that is over is fenced, one that has not been is unknown, and the current one is told', async () => {
  const { fetchWith } = await withEpochs()
  const currentLeader = { leaderId: 1, leaderEpoch: 2 }
  expect(await fetchWith({ currentLeaderEpoch: 1 })).toMatchObject({
    errorCode: errors.FENCED_LEADER_EPOCH,
    currentLeader,
  })
  expect(await fetchWith({ currentLeaderEpoch: 3 })).toMatchObject({
    errorCode: errors.UNKNOWN_LEADER_EPOCH,
    currentLeader,
  })
  expect(await fetchWith({ currentLeaderEpoch: 2 })).toMatchObject({ errorCode: errors.NONE })
})

test('batches carry the leader epoch they were appended under', async () => {
  const { fetch } = await withEpochs()
  const records = (await fetch('t', 0n))?.records ?? Buffer.alloc(0)
  const first = readBatchHeader(records)
  expect(first.partitionLeaderEpoch).toBe(0)
  expect(readBatchHeader(records, first.sizeBytes).partitionLeaderEpoch).toBe(2)
})

test('a position that does not follow from its epoch diverges', async () => {
  const { fetchWith } = await withEpochs()
  const diverged = await fetchWith({ lastFetchedEpoch: 0 }, 2n)
  expect(diverged).toMatchObject({ errorCode: errors.NONE, divergingEpoch: { epoch: 0, endOffset: 1n } })
  expect(diverged?.records?.length).toBe(0)
  expect((await fetchWith({ lastFetchedEpoch: 2 }))?.divergingEpoch).toEqual({ epoch: -1, endOffset: -1n })
})
