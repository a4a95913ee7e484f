import { expect, test } from 'vitest'
import { encodeState } from '../../lib/log/checkpoint.ts'
import { logFold } from '../../lib/log/fold.ts'
import type { Change } from '../../lib/log/row.ts'
import { emptyState } from '../../lib/log/state.ts'
import { checkpointKey, objectKey, rowKey, type Shard, shardPrefix } from '../../lib/store/keys.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { batch } from '../support/batches.ts'
import { testShard } from '../support/log.ts'
import { Watcher } from './watcher.ts'

/** Watched stores, short ways to write into them, and the anomalies that were reported. */
const watched = () => {
  const anomalies: string[] = []
  let order = 0
  const watcher = new Watcher({
    report: (anomaly) => anomalies.push(anomaly),
    hit: () => {},
    record: () => {},
    tick: () => ++order,
  })
  const items = watcher.items(memoryItems())
  const objects = watcher.objects(memoryObjects(() => 0))
  const put = (seq: number, change: Change, shard: Shard = testShard) => {
    const row = { id: `one-${seq}`, at: 0, ...change }
    return items.putIfAbsent(rowKey(shard, seq), { attempt: row.id, body: logFold.encodeRow(row) })
  }
  const point = async (seq: number, object: string, floor: number): Promise<void> => {
    const key = checkpointKey(testShard)
    const item = { attempt: `${seq}/${floor}`, body: Buffer.from(JSON.stringify({ seq, object, floor })) }
    const current = await items.get(key, { consistent: true })
    if (current) await items.replace(key, item, current.version)
    else await items.putIfAbsent(key, item)
  }
  const upload = (name: string, bytes: Buffer) => objects.putIfAbsent(objectKey(testShard, name), [bytes])
  return { watcher, items, objects, put, point, upload, anomalies }
}

const lead = (epoch: number): Change => ({ kind: 'lead', node: 1, epoch })

const appendOf = (bytes: Buffer, name?: string): Change => ({
  kind: 'append',
  bytes: name === undefined ? { in: 'row', bytes } : { in: 'object', name },
  leaderEpoch: undefined,
  batches: [
    {
      partition: 0,
      position: 0,
      sizeBytes: bytes.length,
      count: 1,
      maxTimestamp: 0n,
      producerId: -1n,
      producerEpoch: -1,
      baseSequence: -1,
    },
  ],
})

const name = (folder: string, ticket: number) => `${folder}/${String(ticket).padStart(12, '0')}-x`

test.each<readonly [string, (world: ReturnType<typeof watched>) => Promise<unknown>]>([
  ['hole', ({ put }) => put(2, lead(1))],
  ['refused-row', ({ put }) => put(1, lead(7))],
  [
    'row-lost',
    async ({ put, items }) => {
      await put(1, lead(1))
      await items.delete(rowKey(testShard, 1))
    },
  ],
  ['dangling', ({ put }) => put(1, appendOf(batch(), name('wal', 0)))],
  [
    'dangling',
    async ({ put, upload, objects }) => {
      await upload(name('wal', 0), batch())
      await put(1, appendOf(batch(), name('wal', 0)))
      await objects.delete(objectKey(testShard, name('wal', 0)))
    },
  ],
  [
    'refused-row',
    async ({ put, upload }) => {
      await put(1, lead(1))
      await put(2, { kind: 'tickets', to: 1 })
      await upload(name('wal', 0), batch())
      await put(3, appendOf(batch(), name('wal', 0)))
    },
  ],
  ['dangling', async ({ point }) => point(0, name('ckpt', 0), 0)],
  [
    'wrong-checkpoint',
    async ({ put, point, upload }) => {
      await put(1, lead(1))
      await upload(name('ckpt', 1), encodeState({ ...emptyState, seq: 1 }, shardPrefix(testShard)))
      await point(1, name('ckpt', 1), 0)
    },
  ],
  [
    'floor-above-checkpoint',
    async ({ put, point }) => {
      for (const seq of [1, 2]) await put(seq, lead(seq))
      await point(0, '', 1)
    },
  ],
  [
    'checkpoint-back',
    async ({ put, point, upload }) => {
      for (const seq of [1, 2]) await put(seq, lead(seq))
      const state = { ...emptyState, seq: 1, leader: { node: 1, epoch: 1 } }
      await upload(name('ckpt', 1), encodeState(state, shardPrefix(testShard)))
      await point(1, name('ckpt', 1), 1)
      await point(1, name('ckpt', 1), 0)
    },
  ],
  [
    'key-reused',
    async ({ upload }) => {
      await upload(name('wal', 0), batch({ value: 'a' }))
      await upload(name('wal', 0), batch({ value: 'b' }))
    },
  ],
  [
    'wrong-view',
    async ({ put, watcher }) => {
      await put(1, lead(1))
      watcher.journal(`J#${testShard.topicId}#0`).checkView('one', { ...emptyState, seq: 1 })
    },
  ],
])('reported: %s', async (anomaly, write) => {
  const world = watched()
  await write(world)
  expect(world.anomalies[0]).toBe(anomaly)
})

test('a flush that loses a batch leaves a gap', async () => {
  const { put, anomalies } = watched()
  const bytes = batch()
  await put(1, appendOf(bytes))
  await put(2, { kind: 'flush', from: 0, upTo: 1, segments: [] })
  expect(anomalies).toEqual(['uncovered'])
})

test('late puts into truncated slots are nobody’s business', async () => {
  const { put, point, upload, items, anomalies } = watched()
  for (const seq of [1, 2]) await put(seq, lead(seq))
  const state = { ...emptyState, seq: 1, leader: { node: 1, epoch: 1 } }
  await upload(name('ckpt', 1), encodeState(state, shardPrefix(testShard)))
  await point(1, name('ckpt', 1), 1)
  await items.delete(rowKey(testShard, 1))
  await put(1, lead(9))
  expect(anomalies).toEqual([])
})
