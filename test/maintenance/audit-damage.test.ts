import { expect, test } from 'vitest'
import { checkpoint } from '../../lib/journal/checkpoint.ts'
import { replaceCheckpointItem } from '../../lib/journal/checkpoint-item.ts'
import { batchFrom } from '../../lib/log/append.ts'
import { encodeState } from '../../lib/log/checkpoint.ts'
import { logFold } from '../../lib/log/fold.ts'
import { type Partition, partitionOf, type State } from '../../lib/log/state.ts'
import { objectKey, rowKey, topicNameKey } from '../../lib/store/keys.ts'
import { batch } from '../support/batches.ts'
import { busyCluster, type Cluster, segmentOf, walOf } from './busy-cluster.ts'

const flip = (position: number) => (bytes: Buffer) => {
  const at = position < 0 ? bytes.length + position : position
  bytes.writeUInt8(bytes.readUInt8(at) ^ 4, at)
  return bytes
}

const damages: readonly {
  readonly name: string
  readonly damage: (cluster: Cluster) => Promise<unknown>
  readonly kind: string
  readonly says: RegExp
}[] = [
  {
    name: 'a row above the checkpoint is deleted',
    damage: async ({ items, shard, state }) => items.delete(rowKey(shard, (await state()).seq - 1)),
    kind: 'rows',
    says: /^row \d+ is missing/,
  },
  {
    name: 'rows below the checkpoint are deleted',
    damage: async ({ items, shard }) => {
      for (const seq of [3, 4]) await items.delete(rowKey(shard, seq))
    },
    kind: 'rows',
    says: /^rows 3 to 4 are missing/,
  },
  {
    name: 'the last rows are deleted',
    damage: async ({ items, shard, state }) => {
      for (let { seq } = await state(); seq >= 10; seq--) await items.delete(rowKey(shard, seq))
    },
    kind: 'rows',
    says: /^rows 10 to \d+ are missing; the floor is 0/,
  },
  {
    name: 'a row is said to be of another author',
    damage: async ({ items, shard }) => {
      const row = await items.get(rowKey(shard, 2), { consistent: true })
      if (row) await items.replace(rowKey(shard, 2), { attempt: 'somebody', body: row.body }, 1)
    },
    kind: 'rows',
    says: /^row 2 was written by somebody, not by one-/,
  },
  {
    name: 'a row is damaged',
    damage: async ({ items, shard }) =>
      items.replace(rowKey(shard, 2), { attempt: 'one-0000000000000000', body: Buffer.from([1, 0, 200]) }, 1),
    kind: 'rows',
    says: /^row 2 cannot be read/,
  },
  {
    name: 'a row is of a newer version',
    damage: async ({ items, shard }) => items.replace(rowKey(shard, 2), { attempt: 'x', body: Buffer.from([9, 0]) }, 1),
    kind: 'format',
    says: /^row 2 cannot be read: a row was written by a newer version/,
  },
  {
    name: 'a row stands where another one was',
    damage: async ({ items, shard }) => {
      const other = await items.get(rowKey(shard, 8), { consistent: true })
      if (other) await items.replace(rowKey(shard, 9), { attempt: other.attempt, body: other.body }, 1)
    },
    kind: 'rows',
    says: /^row 9, append, should never have been written: sequence \d+ of producer 7 in partition 0 is there already/,
  },
  {
    name: 'a row flushes what was flushed',
    damage: async ({ items, shard, state, clock }) => {
      const row = { id: 'one-1', at: clock.now(), kind: 'flush', from: 0, upTo: 2, segments: [] } as const
      const item = { attempt: row.id, body: logFold.encodeRow(row) }
      await items.putIfAbsent(rowKey(shard, (await state()).seq + 1), item)
    },
    kind: 'rows',
    says: /flush, should never have been written: rows up to \d+ are flushed already$/,
  },
  {
    name: 'the checkpoint item is gone',
    damage: ({ items, shard }) => items.delete({ partition: `J#${shard.topicId}#0`, sort: 'checkpoint' }),
    kind: 'checkpoint item',
    says: /^there is no checkpoint item/,
  },
  {
    name: 'the floor is above the checkpoint',
    damage: async ({ items, shard, checkpointItem }) => {
      const item = await checkpointItem()
      await replaceCheckpointItem(items, shard, item, { ...item, floor: item.seq + 1 })
    },
    kind: 'checkpoint item',
    says: /^the floor, \d+, is above the checkpoint, \d+/,
  },
  {
    name: 'the checkpoint is missing',
    damage: async ({ objects, shard, checkpointItem }) =>
      objects.delete(objectKey(shard, (await checkpointItem()).object)),
    kind: 'checkpoint',
    says: /^ckpt\/.* is missing/,
  },
  {
    name: 'a bit of the checkpoint is flipped',
    damage: async ({ change, checkpointItem }) => change((await checkpointItem()).object, flip(60)),
    kind: 'checkpoint',
    says: /is damaged$/,
  },
  {
    name: 'the checkpoint is of another shard',
    damage: async ({ change, checkpointItem, state }) => {
      const other = encodeState(await state(), 'other/0/')
      await change((await checkpointItem()).object, () => other)
    },
    kind: 'checkpoint',
    says: /belongs to other\/0\//,
  },
  {
    name: 'the checkpoint is of another row',
    damage: async ({ change, checkpointItem, state, shard }) => {
      const later = encodeState(await state(), `${shard.topicId}/0/`)
      await change((await checkpointItem()).object, () => later)
    },
    kind: 'checkpoint',
    says: /is the state at row \d+, and should be at \d+/,
  },
  {
    name: 'the checkpoint is of other rows',
    damage: async ({ change, checkpointItem, shard }) => {
      await change((await checkpointItem()).object, (bytes) => {
        const state = logFold.decodeState(bytes, `${shard.topicId}/0/`)
        const partition = partitionOf(state, 0)
        const partitions = new Map(state.partitions).set(0, { ...partition, endOffset: partition.endOffset + 1n })
        return encodeState({ ...state, partitions }, `${shard.topicId}/0/`)
      })
    },
    kind: 'fold',
    says: /add up to: partition 0$/,
  },
  {
    name: 'a segment is missing',
    damage: async ({ objects, shard, state }) => objects.delete(objectKey(shard, segmentOf(await state()).name)),
    kind: 'object',
    says: /^seg\/.* is missing/,
  },
  {
    name: 'a segment is too short',
    damage: async ({ change, state }) => change(segmentOf(await state()).name, (bytes) => bytes.subarray(0, -1)),
    kind: 'object',
    says: /^seg\/.* has \d+ bytes of at least \d+/,
  },
  {
    name: 'a bit of a segment is flipped',
    damage: async ({ change, state }) => change(segmentOf(await state()).name, flip(100)),
    kind: 'bytes',
    says: /the checksum of the batch at offset 0 does not match/,
  },
  {
    name: 'an offset in a segment is changed',
    damage: async ({ change, state }) => change(segmentOf(await state()).name, flip(7)),
    kind: 'bytes',
    says: /a batch has offset 4 where 0 should be/,
  },
  {
    name: 'a length in a segment is changed',
    damage: async ({ change, state }) => change(segmentOf(await state()).name, flip(10)),
    kind: 'bytes',
    says: /^seg\//,
  },
  {
    name: 'a bit of an index is flipped',
    damage: async ({ change, state }) => change(segmentOf(await state()).name, flip(-1)),
    kind: 'index',
    says: /the index is damaged/,
  },
  {
    name: 'an object of the tail is missing',
    damage: async ({ objects, shard, state }) => objects.delete(objectKey(shard, walOf(await state()))),
    kind: 'object',
    says: /^wal\/.* is missing/,
  },
  {
    name: 'a bit of an object of the tail is flipped',
    damage: async ({ change, state }) => change(walOf(await state()), flip(100)),
    kind: 'bytes',
    says: /^wal\/.*: the checksum of the batch at offset \d+ does not match/,
  },
  {
    name: 'an object of the tail holds something else',
    damage: async ({ change, state }) => change(walOf(await state()), (bytes) => Buffer.alloc(bytes.length)),
    kind: 'bytes',
    says: /^wal\//,
  },
  {
    name: "a topic's id leads nowhere",
    damage: ({ items, topic }) => items.delete(topicNameKey(topic.id)),
    kind: 'topic',
    says: /does not lead to this topic/,
  },
]

test.each(damages)('it is found when $name', async ({ damage, kind, says }) => {
  const cluster = await busyCluster()
  await damage(cluster)
  const { problems } = await cluster.audit()
  expect(problems.length).toBeGreaterThan(0)
  expect(problems[0]).toMatchObject({ kind, topic: 'orders', what: expect.stringMatching(says) })
  expect(problems.every(({ todo }) => todo.length > 10)).toBe(true)
})

/** Damages the checkpoint's state where no rows are left that it could be compared with. */
const withState = async (change: (state: State) => Partition | Partial<State>) => {
  const cluster = await busyCluster()
  await cluster.age()
  await checkpoint(cluster.lane.journal, await cluster.lane.confirmedView())
  const shard = `${cluster.shard.topicId}/0/`
  await cluster.change((await cluster.checkpointItem()).object, (bytes) => {
    const state = logFold.decodeState(bytes, shard)
    const changed = change(state)
    const partitions = 'index' in changed ? new Map(state.partitions).set(changed.index, changed) : state.partitions
    return encodeState({ ...state, ...('index' in changed ? { partitions } : changed) }, shard)
  })
  return (await cluster.audit()).problems.map(({ kind, what }) => `${kind}: ${what}`)
}

test('a gap, an overlap and an end that is not where the records end are found in a checkpoint', async () => {
  const first = (state: State) => partitionOf(state, 0)
  const gap = await withState((state) => ({ ...first(state), segments: [] }))
  expect(gap[0]).toMatch(/^coverage: offsets 0 to \d+ are nowhere$/)
  const overlap = await withState((state) => ({
    ...first(state),
    segments: [...first(state).segments, ...first(state).segments],
  }))
  expect(overlap[0]).toMatch(/^coverage: offsets 0 to \d+ are twice there$/)
  const end = await withState((state) => ({ ...first(state), endOffset: first(state).endOffset + 3n }))
  expect(end[0]).toMatch(/^coverage: the last offset found is \d+, the log ends at \d+$/)
  const trimmed = await withState((state) => ({ ...first(state), logStartOffset: first(state).endOffset }))
  expect(trimmed[0]).toMatch(/^coverage: offsets 0 to \d+ were trimmed and are still there$/)
})

test('what was flushed and swept beyond the last row is found in a checkpoint', async () => {
  expect((await withState((state) => ({ flushed: state.seq + 1 })))[0]).toMatch(/^coverage: rows up to \d+ are flushed/)
  expect(await withState((state) => ({ tickets: state.seq + 1 }))).toEqual([
    expect.stringMatching(/^coverage: tickets are at \d+, the last row is \d+$/),
  ])
})

test('a partition in the journal of another shard is found', async () => {
  const { topics, logs, clock, audit } = await busyCluster()
  const { topic } = await topics.create({ name: 'two', partitions: 2, shards: 2, configs: {} })
  const request = { batches: [batchFrom(1, batch())], leaderEpoch: undefined }
  await logs.lane({ topicId: topic.id, index: 0 }).append(request, clock.now() + 1000)
  expect((await audit()).problems).toMatchObject([
    { kind: 'coverage', topic: 'two', shard: 0, partition: 1, what: 'partition 1 belongs to another shard' },
  ])
})
