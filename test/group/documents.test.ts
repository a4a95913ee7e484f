import { describe, expect, test } from 'vitest'
import { Groups } from '../../lib/group/groups.ts'
import type { JoinRequest } from '../../lib/group/join.ts'
import type { GroupLimits } from '../../lib/group/limits.ts'
import type { Items } from '../../lib/store/items.ts'
import { groupKey } from '../../lib/store/keys.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { newMeter } from '../../lib/store/meter.ts'
import { VirtualClock } from './virtual-clock.ts'

const noTopics = { find: async () => undefined, all: async () => [] }
const orders = { id: 'orders', name: 'orders', partitions: 12 }
const topics = { find: async () => orders, all: async () => [orders] }

const world = (options: { items?: Items; limits?: Partial<GroupLimits> } = {}) => {
  const clock = new VirtualClock()
  const meter = newMeter()
  const items = meter.items(options.items ?? memoryItems())
  const objects = meter.objects(memoryObjects(() => clock.now()))
  const groups = (): Groups => new Groups({ items, objects, clock }, topics, options.limits)
  return { clock, meter, items, objects, groups: groups(), another: groups }
}

const joining = (clientId: string, metadata: Buffer = Buffer.from(clientId)): JoinRequest => ({
  memberId: '',
  instanceId: null,
  clientId,
  clientHost: '/127.0.0.1',
  sessionTimeoutMs: 45_000,
  rebalanceTimeoutMs: 300_000,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata }],
  knowsMemberIdRequired: false,
  knowsSkipAssignment: true,
})

const syncing = (memberId: string, generation: number, assignments: readonly (readonly [string, Buffer])[] = []) => ({
  memberId,
  instanceId: null,
  generation,
  protocolType: 'consumer',
  protocol: 'range',
  assignments: assignments.map(([id, assignment]) => ({ memberId: id, assignment })),
})

/** Members that have joined together. */
const joined = async (w: ReturnType<typeof world>, groupId: string, requests: readonly JoinRequest[]) => {
  const replies = Promise.all(requests.map((request) => w.groups.join(groupId, request)))
  await w.clock.move(400)
  return replies
}

describe('bytes of members that are too large for the document', () => {
  test('become objects, and any instance finds them there', async () => {
    const w = world()
    const large = (letter: string): Buffer => Buffer.alloc(150_000, letter)
    const replies = await joined(w, 'g', [joining('a', large('a')), joining('b', large('b')), joining('c')])
    const leader = replies.find(({ members }) => members.length > 0)
    const sizes = leader?.members.map(({ metadata }) => metadata.length).toSorted((a, b) => a - b)
    expect(sizes).toEqual([1, 150_000, 150_000])
    const assignments = replies.map(({ memberId }) => [memberId, large(memberId.charAt(0))] as const)
    await w.groups.sync('g', syncing(leader?.memberId ?? '', 1, assignments))
    const item = await w.items.get(groupKey('g'), { consistent: true })
    expect(item?.body.length).toBeLessThan(150_000)
    const other = w.another()
    for (const { memberId } of replies) {
      const { assignment } = await other.sync('g', syncing(memberId, 1))
      expect(assignment.equals(large(memberId.charAt(0)))).toBe(true)
    }
    expect((await w.objects.list('groups/', '')).length).toBeGreaterThan(3)
  })

  test('are swept once the group names others, and with the group', async () => {
    const w = world()
    const [a] = await joined(w, 'g', [joining('a', Buffer.alloc(150_000, 'old'))])
    const again = { ...joining('a', Buffer.alloc(150_000, 'new')), memberId: a?.memberId ?? '' }
    const replies = await joined(w, 'g', [again])
    expect(replies).toMatchObject([{ error: 'NONE', generation: 2 }])
    const before = (await w.objects.list('groups/', '')).length
    await w.another().deleteExpired()
    const left = await w.objects.list('groups/', '')
    expect([before > left.length, left.length > 0]).toEqual([true, true])
    const beat = { memberId: a?.memberId ?? '', instanceId: null, generation: 2 }
    expect(await w.another().heartbeat('g', beat)).toBe('NONE')
    await w.groups.leave('g', [{ memberId: a?.memberId ?? '', instanceId: null }])
    expect(await w.groups.delete('g')).toBe('NONE')
    await w.another().deleteExpired()
    expect(await w.objects.list('groups/', '')).toEqual([])
  })

  test('are read once by an instance, however often the group is asked', async () => {
    const w = world()
    const [a] = await joined(w, 'g', [joining('a', Buffer.alloc(150_000))])
    const other = w.another()
    const before = w.meter.counts().objectReads
    for (let beat = 0; beat < 10; beat++) {
      await other.heartbeat('g', { memberId: a?.memberId ?? '', instanceId: null, generation: 1 })
    }
    expect(w.meter.counts().objectReads - before).toBe(1)
  })

  test('do not let a group grow without bound', async () => {
    const w = world({ limits: { maxMembers: 3, initialJoinDelayMs: 0 } })
    for (const client of ['a', 'b', 'c', 'd']) void w.groups.join('g', joining(client))
    await w.clock.move(10)
    expect(await w.groups.join('g', joining('e'))).toMatchObject({ error: 'GROUP_MAX_SIZE_REACHED' })
  })

  test('a document that would not fit is refused to who would make it so', async () => {
    const w = world()
    const errors: string[] = []
    // Each takes 20 KB: its name is part of its id.
    for (let client = 0; client < 30; client++) {
      void w.groups.join('g', joining(`${client}-${'x'.repeat(10_000)}`)).then(({ error }) => errors.push(error))
    }
    await w.clock.move(100)
    expect(new Set(errors)).toEqual(new Set(['GROUP_MAX_SIZE_REACHED']))
    expect(errors.length).toBeGreaterThan(5)
    await w.clock.move(400)
    expect(errors.filter((error) => error === 'NONE').length).toBeGreaterThan(10)
  })
})

test('a group id is any text, and all are listed in their order', async () => {
  const w = world()
  const ids = ['a#b', 'a', '\u{1f600}', 'ÿ', '\uffff', '../g', ' ', 'x'.repeat(1024)]
  const none = { memberId: '', instanceId: null, generationOrEpoch: -1 }
  const commits = [{ index: 0, offset: 1n, leaderEpoch: 0, metadata: '' }]
  for (const id of ids) await w.groups.commit(id, none, [{ topicId: 't', commits }])
  const listed = (await w.groups.list()).map(({ groupId }) => groupId)
  expect(listed).toHaveLength(ids.length)
  expect(new Set(listed)).toEqual(new Set(ids))
})

test('an id that is empty or too long is no group', async () => {
  const { groups } = world()
  for (const id of ['', 'x'.repeat(1025), 'é'.repeat(513)]) {
    expect(await groups.join(id, joining('a'))).toMatchObject({ error: 'INVALID_GROUP_ID' })
    expect(await groups.sync(id, syncing('a', 1))).toMatchObject({ error: 'INVALID_GROUP_ID' })
    expect(await groups.describe(id)).toBeUndefined()
    expect(await groups.delete(id)).toBe('GROUP_ID_NOT_FOUND')
    expect(await groups.leave(id, [{ memberId: 'a', instanceId: null }])).toEqual(['INVALID_GROUP_ID'])
  }
})

test('metadata of a commit that is too long is refused, the rest is committed', async () => {
  const { groups } = world()
  const none = { memberId: '', instanceId: null, generationOrEpoch: -1 }
  const commit = (index: number, metadata: string) => ({ index, offset: 5n, leaderEpoch: -1, metadata })
  const commits = [commit(0, 'x'.repeat(4096)), commit(1, 'x'.repeat(4097))]
  const answers = await groups.commit('g', none, [{ topicId: 't', commits }])
  expect([...(answers.get('t') ?? [])]).toEqual([
    [0, 'NONE'],
    [1, 'OFFSET_METADATA_TOO_LARGE'],
  ])
  const { offsets } = await groups.fetchOffsets('g', { memberId: null, memberEpoch: -1 }, undefined)
  expect(Object.keys(offsets.get('t') ?? {})).toEqual(['0'])
})

test('an offset is any number of 64 bits', async () => {
  const { groups } = world()
  const none = { memberId: '', instanceId: null, generationOrEpoch: -1 }
  const offset = 2n ** 63n - 1n
  await groups.commit('g', none, [{ topicId: 't', commits: [{ index: 0, offset, leaderEpoch: 7, metadata: 'm' }] }])
  const { offsets } = await groups.fetchOffsets('g', { memberId: null, memberEpoch: -1 }, ['t'])
  expect(offsets.get('t')?.[0]).toMatchObject({ offset, leaderEpoch: 7, metadata: 'm' })
})

const noMember = { memberId: '', instanceId: null, generationOrEpoch: -1 }
const anHourMs = 3_600_000

/** Groups that have committed in these topics. */
const committed = async (w: ReturnType<typeof world>, groupIds: readonly string[], topicIds: readonly string[]) => {
  const commits = [{ index: 0, offset: 1n, leaderEpoch: 0, metadata: '' }]
  for (const id of groupIds) for (const topicId of topicIds) await w.groups.commit(id, noMember, [{ topicId, commits }])
}

test('what a deleted group has committed is deleted by the clean-up, even one that comes days later, and once', async () => {
  const w = world()
  await committed(w, ['g'], ['t', 'u'])
  expect(await w.groups.delete('g')).toBe('NONE')
  expect(await w.groups.list()).toEqual([])
  expect(w.meter.counts().deletes).toBe(0)
  await w.clock.move(72 * anHourMs)
  await w.another().deleteExpired()
  expect(w.meter.counts().deletes).toBe(2)
  const before = w.meter.counts()
  await w.another().deleteExpired()
  const one = { queries: before.queries + 1, readUnits: before.readUnits + 1, itemBytesRead: expect.any(Number) }
  expect(w.meter.counts()).toEqual({ ...before, ...one })
})

test('a deleted group is emptied twice, because what was under way comes within a day, and then never looked into', async () => {
  const w = world()
  await committed(w, ['g'], ['t'])
  await w.groups.delete('g')
  const lists: number[] = []
  for (let hour = 0; hour < 30; hour++) {
    await w.another().deleteExpired()
    lists.push(w.meter.counts().objectLists)
    await w.clock.move(anHourMs)
  }
  const emptiedIn = lists.flatMap((count, hour) => (count > (lists[hour - 1] ?? 0) ? [hour] : []))
  expect(emptiedIn).toEqual([0, 24])
  // Whoever commits again does it in another life, of the same document.
  await committed(w, ['g'], ['t'])
  await w.another().deleteExpired()
  expect((await w.groups.list()).map(({ groupId }) => groupId)).toEqual(['g'])
  const { offsets } = await w.groups.fetchOffsets('g', { memberId: null, memberEpoch: -1 }, undefined)
  expect(offsets.get('t')?.[0]).toMatchObject({ offset: 1n })
})

test('a group that is made again while the deleted one is emptied is not taken for deleted', async () => {
  let again = async (): Promise<void> => {}
  const sound = memoryItems()
  const items: Items = {
    ...sound,
    delete: async (key) => {
      await sound.delete(key)
      await again()
    },
  }
  const w = world({ items })
  await committed(w, ['g'], ['t'])
  await w.groups.delete('g')
  again = () => committed(w, ['g'], ['u'])
  await w.another().deleteExpired()
  expect((await w.groups.list()).map(({ groupId }) => groupId)).toEqual(['g'])
})

test('a clean-up whose time is up goes on where it stopped', async () => {
  const w = world()
  const ids = ['a', 'b', 'c', 'd', 'e']
  await committed(w, ids, ['t'])
  await w.clock.move(8 * 24 * anHourMs)
  const slow: Items = {
    ...w.items,
    replace: async (...args) => {
      await w.clock.move(1000)
      return w.items.replace(...args)
    },
  }
  const cleaner = () => new Groups({ items: slow, objects: w.objects, clock: w.clock }, topics)
  const stops: (string | undefined)[] = []
  for (let after: string | undefined = ''; after !== undefined; ) {
    const { stoppedAfter } = await cleaner().deleteExpired({ after, untilMs: w.clock.now() + 1500 })
    stops.push(stoppedAfter)
    after = stoppedAfter
  }
  expect(stops).toEqual(['b', 'd', undefined])
  expect(await w.groups.list()).toEqual([])
})

describe('what an idle member asks of the stores in ten minutes', () => {
  const minutes = 10

  test('of the classic protocol, with a heartbeat every 3 s and a session of 45 s', async () => {
    const w = world()
    const [a] = await joined(w, 'g', [joining('a')])
    await w.groups.sync('g', syncing(a?.memberId ?? '', 1))
    const before = w.meter.counts()
    for (let beat = 0; beat < minutes * 20; beat++) {
      await w.clock.move(3000)
      const error = await w.groups.heartbeat('g', { memberId: a?.memberId ?? '', instanceId: null, generation: 1 })
      expect(error).toBe('NONE')
    }
    const after = w.meter.counts()
    // A read for every heartbeat, of half a unit; a write, after a read of its own, for every fourth.
    expect(after.gets - before.gets).toBe(250)
    expect(after.replaces - before.replaces).toBe(50)
    expect(after.readUnits - before.readUnits).toBe(150)
    expect(after.writeUnits - before.writeUnits).toBe(50)
  })

  test('with many others at the same instance: whoever writes the document writes the signs of all', async () => {
    const w = world()
    const members = 20
    const requests = Array.from({ length: members }, (_, i) => joining(`member-${i}`))
    const replies = await joined(w, 'g', requests)
    const leader = replies.find((reply) => reply.members.length > 0)
    const assignments = replies.map(({ memberId }) => [memberId, Buffer.from('all')] as const)
    await w.groups.sync('g', syncing(leader?.memberId ?? '', 1, assignments))
    for (const { memberId } of replies) await w.groups.sync('g', syncing(memberId, 1))
    const before = w.meter.counts()
    const errors = new Set<string>()
    for (let beat = 0; beat < minutes * 20; beat++) {
      for (const { memberId } of replies) {
        await w.clock.move(3000 / members)
        errors.add(await w.groups.heartbeat('g', { memberId, instanceId: null, generation: 1 }))
      }
    }
    expect(errors).toEqual(new Set(['NONE']))
    // About one every 9 s: a quarter of the session after the oldest sign that was written with the others.
    expect(w.meter.counts().replaces - before.replaces).toBeLessThan(minutes * 7)
  })

  test('of the new protocol, with a heartbeat every 5 s', async () => {
    const w = world()
    const request = {
      instanceId: null,
      rackId: null,
      clientId: 'a',
      clientHost: '',
      assignor: null,
      subscribedRegex: null,
    }
    const first = await w.groups.consumerHeartbeat('g', {
      ...request,
      memberId: 'a',
      memberEpoch: 0,
      rebalanceTimeoutMs: 300_000,
      subscribedNames: ['orders'],
      owned: {},
    })
    const beat = (owned: typeof first.assignment) =>
      w.groups.consumerHeartbeat('g', {
        ...request,
        memberId: 'a',
        memberEpoch: first.memberEpoch,
        rebalanceTimeoutMs: -1,
        subscribedNames: null,
        owned,
      })
    await beat(first.assignment)
    const before = w.meter.counts()
    for (let i = 0; i < minutes * 12; i++) {
      await w.clock.move(5000)
      expect(await beat(null)).toMatchObject({ error: 'NONE', assignment: null })
    }
    const after = w.meter.counts()
    expect(after.gets - before.gets).toBe(minutes * 12)
    expect(after.replaces - before.replaces).toBeLessThanOrEqual(60)
  })
})

test('topics that nobody can look up are no topics', async () => {
  const clock = new VirtualClock()
  const stores = { items: memoryItems(), objects: memoryObjects(() => clock.now()), clock }
  const groups = new Groups(stores, noTopics)
  const reply = await groups.consumerHeartbeat('g', {
    memberId: '',
    memberEpoch: 0,
    instanceId: null,
    rackId: null,
    clientId: 'a',
    clientHost: '',
    rebalanceTimeoutMs: 1000,
    subscribedNames: ['nowhere'],
    subscribedRegex: null,
    assignor: null,
    owned: {},
  })
  expect(reply).toMatchObject({ error: 'NONE', memberEpoch: 1, assignment: {} })
})
