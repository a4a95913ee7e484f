import { expect, test } from 'vitest'
import { Groups } from '../../lib/group/groups.ts'
import { type Snapshot, SnapshotTooLarge } from '../../lib/group/snapshots.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { newMeter } from '../../lib/store/meter.ts'
import { VirtualClock } from './virtual-clock.ts'

const nobody = { memberId: '', instanceId: null, generationOrEpoch: -1 }
const commits = [{ index: 0, offset: 1n, leaderEpoch: 0, metadata: '' }]

/** A group that has committed something. */
const world = async () => {
  const clock = new VirtualClock()
  const meter = newMeter()
  const items = meter.items(memoryItems())
  const topics = { find: async () => undefined, all: async () => [] }
  const groups = new Groups({ items, objects: memoryObjects(() => clock.now()), clock }, topics)
  await groups.commit('g', nobody, [{ topicId: 't', commits }])
  return { clock, meter, groups }
}

const snapshot = (name: string, partitions = 1): Snapshot => ({
  name,
  atMs: 1,
  offsets: Array.from({ length: partitions }, (_, index) => ['t', index, '9007199254740991'] as const),
})

test('a snapshot is read as it was kept, and does no harm to what is committed', async () => {
  const { groups } = await world()
  await groups.keepSnapshot('g', snapshot('a', 3))
  expect(await groups.snapshots('g')).toEqual([snapshot('a', 3)])
  const { offsets } = await groups.fetchOffsets('g', { memberId: null, memberEpoch: -1 }, undefined)
  expect([...offsets.keys()]).toEqual(['t'])
  expect(await groups.snapshots('another')).toEqual([])
})

test('the oldest go when all together are too large, and one alone that is too large is refused', async () => {
  const { groups } = await world()
  for (const name of ['a', 'b', 'c']) await groups.keepSnapshot('g', snapshot(name, 6000))
  expect((await groups.snapshots('g')).map(({ name }) => name)).toEqual(['b', 'c'])
  await expect(groups.keepSnapshot('g', snapshot('d', 20_000))).rejects.toThrow(SnapshotTooLarge)
})

test('a deleted group leaves no snapshots, and who made none is not charged for it', async () => {
  const { clock, meter, groups } = await world()
  await groups.commit('plain', nobody, [{ topicId: 't', commits }])
  await groups.keepSnapshot('g', snapshot('a'))
  for (const group of ['g', 'plain']) expect(await groups.delete(group)).toBe('NONE')
  await clock.move(2 * 24 * 3_600_000)
  await groups.deleteExpired()
  expect(meter.counts().deletes).toBe(3)
  await groups.commit('g', nobody, [{ topicId: 't', commits }])
  expect(await groups.snapshots('g')).toEqual([])
})

test('a group that is polled is kept with what it has committed, one that nobody asks for is forgotten', async () => {
  const { clock, groups } = await world()
  await groups.commit('idle', nobody, [{ topicId: 't', commits }])
  for (let day = 0; day < 20; day++) {
    await clock.move(24 * 3_600_000)
    await groups.leases.look('g', ['t'])
    await groups.deleteExpired()
  }
  expect((await groups.list()).map(({ groupId }) => groupId)).toEqual(['g'])
  const view = await groups.leases.look('g', ['t'])
  expect(view?.offsets.get('t')?.[0]?.offset).toBe(1n)
})
