import { expect, test } from 'vitest'
import { auditGroups } from '../../lib/cli/audit-groups.ts'
import { newGroup } from '../../lib/group/group.ts'
import { encodeGroup } from '../../lib/group/group-bytes.ts'
import { noOffsets } from '../../lib/group/offsets.ts'
import { encodeOffsets } from '../../lib/group/offsets-bytes.ts'
import { Problems } from '../../lib/maintenance/audit-report.ts'
import { groupKey, groupObjectKey, offsetsKey, snapshotsKey } from '../../lib/store/keys.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'

const life = 'lifeAAAAAAAAAAAA'
const place = groupObjectKey(life, 1, 'x')

/** A group that nobody is in, with committed offsets, beside one whose only member's words are in an object. */
const twoGroups = async () => {
  const stores = { items: memoryItems(), objects: memoryObjects(() => 0) }
  const { items } = stores
  const empty = newGroup({ nowMs: 0, randomId: life })
  await items.putIfAbsent(groupKey('empty'), { attempt: 'a', body: encodeGroup(empty, () => undefined) })
  await items.putIfAbsent(offsetsKey(empty.life, 'topic'), { attempt: 'a', body: encodeOffsets(noOffsets) })
  const said = { instanceId: null, clientId: 'c', clientHost: 'h', sessionTimeoutMs: 1, rebalanceTimeoutMs: 1 }
  const facts = { ...said, joined: false, synced: false, seenMs: 0 }
  const member = { ...facts, memberId: 'm', protocols: [], assignment: { object: place } }
  const group = { ...empty, format: 1, life, state: 'PreparingRebalance', members: [member], emptySinceMs: undefined }
  await items.putIfAbsent(groupKey('large'), { attempt: 'a', body: Buffer.from(JSON.stringify(group)) })
  await stores.objects.putIfAbsent(place, [Buffer.alloc(50)])
  const audit = async () => {
    const problems = new Problems()
    return { counts: await auditGroups(stores, problems), problems: problems.listed }
  }
  return { ...stores, empty, audit }
}

test('groups whose documents, offsets and objects can be read are sound', async () => {
  const { audit } = await twoGroups()
  const counts = { groups: 2, objects: 1, objectBytes: 50, orphans: 0 }
  expect(await audit()).toMatchObject({ problems: [], counts })
})

test('an object that a group names and that is missing is found, one that it does not name is counted', async () => {
  const { objects, audit } = await twoGroups()
  await objects.delete(place)
  await objects.putIfAbsent(groupObjectKey(life, 1, 'lost'), [Buffer.alloc(7)])
  const problems = [{ kind: 'object', group: 'large', what: `${place} is missing` }]
  expect(await audit()).toMatchObject({ problems, counts: { orphans: 1, orphanBytes: 7 } })
})

test('offsets that cannot be read are found, and a document of a newer version', async () => {
  const { items, empty, audit } = await twoGroups()
  await items.replace(offsetsKey(empty.life, 'topic'), { attempt: 'b', body: Buffer.from('{}') }, 1)
  await items.replace(groupKey('large'), { attempt: 'b', body: Buffer.from('{"format":99}') }, 1)
  expect((await audit()).problems).toMatchObject([
    { kind: 'group', group: 'empty', what: expect.stringMatching(/^its offsets in topic topic: it cannot be read/) },
    { kind: 'format', group: 'large' },
  ])
})

test('snapshots are no offsets, and those that cannot be read are found', async () => {
  const { items, empty, audit } = await twoGroups()
  const snapshots = [{ name: 's', atMs: 1, offsets: [['topic', 0, null]] }]
  const body = Buffer.from(JSON.stringify({ format: 1, snapshots }))
  await items.putIfAbsent(snapshotsKey(empty.life), { attempt: 'a', body })
  expect((await audit()).problems).toEqual([])
  await items.replace(snapshotsKey(empty.life), { attempt: 'b', body: Buffer.from('{}') }, 1)
  const what = expect.stringMatching(/^its snapshots: it cannot be read/)
  expect((await audit()).problems).toContainEqual(expect.objectContaining({ kind: 'group', group: 'empty', what }))
})

test('a group that changes while it is read is read again', async () => {
  const { items, objects } = await twoGroups()
  const empty = encodeGroup(newGroup({ nowMs: 0, randomId: 'another' }), () => undefined)
  const sweptBeforeRead: typeof objects = {
    ...objects,
    read: async (key) => {
      await items.replace(groupKey('large'), { attempt: 'b', body: empty }, 1)
      await objects.delete(key)
      return objects.read(key)
    },
  }
  const problems = new Problems()
  await auditGroups({ items, objects: sweptBeforeRead }, problems)
  expect(problems.listed).toEqual([])
})
