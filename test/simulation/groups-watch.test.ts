import { expect, test } from 'vitest'
import { type ClassicGroup, type ConsumerGroup, type Group, newGroup } from '../../lib/group/group.ts'
import { encodeGroup } from '../../lib/group/group-bytes.ts'
import { noOffsets } from '../../lib/group/offsets.ts'
import { encodeOffsets } from '../../lib/group/offsets-bytes.ts'
import type { Items } from '../../lib/store/items.ts'
import { groupKey, offsetsKey } from '../../lib/store/keys.ts'
import { memoryItems } from '../../lib/store/memory.ts'
import { GroupRecorder } from './groups-history.ts'
import { GroupWatch } from './groups-watch.ts'

const empty = newGroup({ nowMs: 0, randomId: 'life' })
const offsets = (partitions: Record<number, number>, more: Partial<typeof noOffsets> = {}) =>
  encodeOffsets({
    ...noOffsets,
    ...more,
    partitions: Object.fromEntries(
      Object.entries(partitions).map(([index, offset]) => [
        index,
        { offset: BigInt(offset), leaderEpoch: 0, metadata: `to ${offset}`, committedMs: 0, commit: offset },
      ]),
    ),
  })

/** Stores one after the other; what was reported and which offsets have changed. */
const watching = async (store: (items: Items) => Promise<unknown>) => {
  const recorder = new GroupRecorder()
  const watch = new GroupWatch(
    recorder,
    () => 0,
    () => {},
  )
  await store(watch.items(memoryItems()))
  return { classes: recorder.reports.map((report) => report.class), stored: recorder.stored }
}

const storing = (...groups: readonly Group[]) =>
  watching(async (items) => {
    for (const [version, group] of groups.entries()) {
      const item = { attempt: `${version}`, body: encodeGroup(group, () => undefined) }
      if (version === 0) await items.putIfAbsent(groupKey('g'), item)
      else await items.replace(groupKey('g'), item, version)
    }
  })

const stable = (assignment: string, instanceId: string | null = null, memberId = 'm'): ClassicGroup => ({
  ...empty,
  state: 'Stable',
  members: [
    {
      memberId,
      instanceId,
      clientId: '',
      clientHost: '',
      sessionTimeoutMs: 1,
      rebalanceTimeoutMs: 1,
      protocols: [],
      assignment: Buffer.from(assignment),
      joined: false,
      synced: true,
      seenMs: 0,
    },
  ],
})

test('generations and fences do not fall', async () => {
  expect((await storing({ ...empty, generation: 2 }, { ...empty, generation: 1 })).classes).toEqual(['number-back'])
  expect((await storing({ ...empty, fence: 2 }, { ...empty, fence: 1 })).classes).toEqual(['number-back'])
  expect((await storing({ ...empty, fence: 1 }, { ...empty, fence: 2, generation: 1 })).classes).toEqual([])
})

test('the assignment of a generation stays', async () => {
  expect((await storing(stable('a'), stable('b'))).classes).toEqual(['broken-group'])
  expect((await storing(stable('a'), stable('a'))).classes).toEqual([])
  expect((await storing(stable('a', 'i', 'm'), stable('a', 'i', 'n'))).classes).toEqual([])
})

test('a partition has one owner under the new protocol', async () => {
  const one = {
    memberId: 'm',
    instanceId: null,
    rackId: null,
    clientId: '',
    clientHost: '',
    rebalanceTimeoutMs: 1,
    subscribedNames: [],
    subscribedRegex: '',
    assignor: null,
    epoch: 1,
    previousEpoch: 0,
    givenEpoch: 1,
    freshEpoch: undefined,
    target: {},
    assigned: { t: [0] },
    revoking: {},
    revokeUntilMs: undefined,
    confirmed: true,
    seenMs: 0,
  }
  const group: ConsumerGroup = {
    type: 'consumer',
    life: 'life',
    fence: 0,
    emptySinceMs: undefined,
    epoch: 1,
    targetEpoch: 1,
    assignor: 'uniform',
    topics: [],
    topicsSeenMs: 0,
    members: [one, { ...one, memberId: 'n', assigned: {}, revoking: { t: [0] } }],
  }
  expect((await storing(group)).classes).toEqual(['broken-group'])
})

test('a document is not larger than an item may be', async () => {
  const recorder = new GroupRecorder()
  const generous: Items = { ...memoryItems(), putIfAbsent: async () => ({ outcome: 'stored' }) }
  const watch = new GroupWatch(
    recorder,
    () => 0,
    () => {},
  )
  const large = encodeGroup(stable('x'.repeat(400_000)), () => undefined)
  await watch.items(generous).putIfAbsent(groupKey('g'), { attempt: '', body: large })
  expect(recorder.reports.map((report) => report.class)).toEqual(['document-too-large'])
})

test('counts of an offsets document do not fall', async () => {
  const { classes } = await watching(async (items) => {
    await items.putIfAbsent(offsetsKey('life', 't'), { attempt: '1', body: offsets({}, { fence: 2, commits: 2 }) })
    await items.replace(offsetsKey('life', 't'), { attempt: '2', body: offsets({}, { fence: 1, commits: 1 }) }, 1)
  })
  expect(classes).toEqual(['number-back', 'number-back'])
})

test('what is committed changes when it is stored, deleted, and when its group is gone', async () => {
  const group = { attempt: 'g', body: encodeGroup(empty, () => undefined) }
  const gone = encodeGroup({ type: 'deleted', life: 'life', deletedMs: 0 }, () => undefined)
  const { stored } = await watching(async (items) => {
    await items.putIfAbsent(groupKey('g'), group)
    await items.putIfAbsent(offsetsKey('life', 't'), { attempt: '1', body: offsets({ 0: 5, 1: 6 }) })
    await items.replace(offsetsKey('life', 't'), { attempt: '2', body: offsets({ 0: 5 }) }, 1)
    await items.replace(groupKey('g'), { attempt: 'd', body: gone }, 1)
    await items.delete(offsetsKey('life', 't'))
  })
  expect(stored.map(({ partition, offset, commit, isCurrent }) => [partition, offset, commit, isCurrent])).toEqual([
    ['t/0', 5, 'to 5', true],
    ['t/1', 6, 'to 6', true],
    ['t/1', undefined, undefined, true],
    ['t/0', undefined, undefined, true],
    ['t/0', undefined, undefined, false],
  ])
})
