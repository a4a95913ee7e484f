import { describe, expect, test } from 'vitest'
import { expire } from '../../lib/group/expire.ts'
import {
  asClassic,
  asConsumer,
  asLease,
  assertGroup,
  type Group,
  type LeaseGroup,
  newGroup,
} from '../../lib/group/group.ts'
import { decodeGroup, encodeGroup } from '../../lib/group/group-bytes.ts'
import { dueIn, endLast, extend, lend, lendFailed, release, repeatOf, touch, withhold } from '../../lib/group/lease.ts'
import { type Acknowledgement, acknowledge, commitsOf, maxFailed, noteFailures } from '../../lib/group/lease-ack.ts'
import { opened, tokenOf, withoutEnded } from '../../lib/group/lease-group.ts'
import { defaultGroupLimits } from '../../lib/group/limits.ts'
import { commitRefusal } from '../../lib/group/offsets.ts'

const start = 1_700_000_000_000
const at = (ms: number) => ({ nowMs: start + ms, randomId: 'abcdefghijklmnop' })
const request = { clientId: 'worker', clientHost: '/', leaseMs: 1000 }
const range = (index: number, from = 0, upTo = 10) => ({ topicId: 't', name: 'orders', index, from, upTo })
const token = (number: number): string => tokenOf(number, at(0).randomId)
const all: Acknowledgement = { upTo: undefined, failed: [] }
const upTo = (offset: number, index = 0): Acknowledgement => ({
  upTo: new Map([['t', new Map([[index, offset]])]]),
  failed: [],
})
const failing = (offset: number, retry = true) => ({ topicId: 't', index: 0, offset, error: 'no', retry })

/** What a step has made of a group, which is one of leases and holds together. */
const stored = ({ group }: { readonly group: Group | undefined }): LeaseGroup => {
  if (group?.type !== 'lease') throw new Error('it is a group of leases')
  assertGroup(group)
  return group
}

/** Partition 0 and 1, each lent to somebody. */
const two = (): LeaseGroup =>
  stored(lend(stored(lend(undefined, [range(0)], request, at(0))), [range(1)], request, at(0)))

/** Offset 3 has failed once, the rest is done. */
const failedOnce = (): LeaseGroup => {
  const group = stored(lend(undefined, [range(0)], request, at(0)))
  const ack = { ...all, failed: [failing(3)] }
  return stored(acknowledge(stored(noteFailures(group, token(1), ack)), token(1), ack, at(0)))
}

describe('lending', () => {
  test('makes a group, and counts its leases', () => {
    expect(two().members).toMatchObject([
      { memberId: token(1), number: 1, untilMs: start + 1000, ranges: [range(0)] },
      { memberId: token(2), number: 2, ranges: [range(1)] },
    ])
  })

  test.each([
    ['before its lease has ended a partition stays where it is', 999, [0], undefined],
    ['then it goes to who asks for it', 1000, [0], [3]],
    ['what is free is lent without what is not', 999, [0, 2], [3]],
  ] as const)('%s', (_, ms, wanted, numbers) => {
    const group = two()
    const step = lend(
      group,
      wanted.map((index) => range(index)),
      request,
      at(ms),
    )
    const lease = 'lease' in step.reply ? step.reply.lease : undefined
    expect(lease && [lease.number]).toEqual(numbers)
    if (lease === undefined) expect(step.group).toBe(group)
  })

  test('who is taken over from loses all it had, and the fence rises', () => {
    const before = stored(lend(undefined, [range(0), range(1)], request, at(0)))
    const after = stored(lend(before, [range(1)], request, at(2000)))
    expect(after.members.map(({ ranges }) => ranges)).toEqual([[range(1)]])
    expect(after.fence).toBe(before.fence + 1)
  })

  test('an ended lease of which nothing is wanted stays', () => {
    expect(stored(lend(two(), [range(2)], request, at(2000))).members).toHaveLength(3)
  })

  test('what is lent is bounded', () => {
    const many = Array.from({ length: 1000 }, (_, index) => range(index))
    const full = stored(lend(undefined, many, request, at(0)))
    expect(lend(full, [range(1000)], request, at(0)).reply).toEqual({ error: 'GROUP_MAX_SIZE_REACHED' })
  })

  test('where somebody without a lease may be committing, the fence rises', () => {
    const done = stored(acknowledge(stored(lend(undefined, [range(0)], request, at(0))), token(1), all, at(1)))
    const open = opened(done, at(2).nowMs)
    expect([open.isOpen, open.fence]).toEqual([true, done.fence])
    expect(opened(open, at(3).nowMs)).toBe(open)
    const lent = stored(lend(open, [range(0, 10, 20)], request, at(3)))
    expect([lent.isOpen, lent.fence]).toEqual([false, done.fence + 1])
  })

  test('who has not been told of a range does not keep it', () => {
    const group = stored(lend(undefined, [range(0), range(1)], request, at(0)))
    expect(withhold(group, token(1), [range(0)], at(1)).reply?.ranges).toEqual([range(1)])
    expect(stored(withhold(group, token(1), [range(0), range(1)], at(1))).members).toEqual([])
  })
})

describe('acknowledging', () => {
  test.each([
    ['all', all, [10], undefined],
    ['a part', upTo(4), [4], [range(0, 4, 10)]],
    ['nothing', upTo(0), [], [range(0)]],
    ['another partition', upTo(5, 1), [], [range(0)]],
  ] as const)('%s of a lease', (_, ack, commits, left) => {
    const group = two()
    const [lease] = group.members
    if (lease === undefined) throw new Error('there is a lease')
    expect(commitsOf(lease, ack).map(({ done }) => done)).toEqual(commits)
    const after = stored(acknowledge(group, token(1), ack, at(5)))
    expect(after.members.find(({ number }) => number === 1)?.ranges).toEqual(left)
    // Nobody can commit beyond what is committed: the fence may stay.
    expect(after.fence).toBe(group.fence)
  })

  test('a lease that is done is told so when it says it again, another one is refused', () => {
    const after = stored(acknowledge(two(), token(1), all, at(5)))
    expect(acknowledge(after, token(1), all, at(6)).reply).toMatchObject({ error: 'NONE', hasMore: false })
    const others = [token(3), tokenOf(2, 'ponmlkjihgfedcba'), '1', '']
    for (const other of others) expect(acknowledge(after, other, all, at(6)).reply.error).toBe('FENCED_MEMBER_EPOCH')
    expect(repeatOf(undefined, token(1))).toBe('FENCED_MEMBER_EPOCH')
  })

  test('an ended lease is as good as before, until somebody takes over', () => {
    const group = two()
    expect(acknowledge(group, token(1), all, at(99_000)).reply.error).toBe('NONE')
    const taken = stored(lend(group, [range(0)], request, at(99_000)))
    expect(acknowledge(taken, token(1), all, at(99_000)).reply.error).toBe('FENCED_MEMBER_EPOCH')
    expect(extend(taken, token(1), 1000, at(99_000)).reply.error).toBe('FENCED_MEMBER_EPOCH')
  })

  test('what failed is there before anything is committed, and is nobody else’s', () => {
    const ack = { ...all, failed: [failing(3)] }
    const noted = stored(noteFailures(stored(lend(undefined, [range(0)], request, at(0))), token(1), ack))
    expect(noted.failed).toMatchObject([{ offset: 3, lease: 1, attempts: 1 }])
    expect(noteFailures(noted, token(1), ack).group).toBe(noted)
    expect(dueIn(noted, at(500).nowMs)).toEqual([])
    // Its worker dies between the two halves: somebody will see it.
    expect(dueIn(withoutEnded(noted, at(1000).nowMs), at(1000).nowMs)).toMatchObject([{ offset: 3 }])
  })

  test.each([
    ['an offset that the lease does not have', { ...all, failed: [failing(10)] }],
    ['one that is not among what is done', { ...upTo(3), failed: [failing(3)] }],
    ['more than it has', upTo(11)],
  ] as const)('%s cannot be said', (_, ack) => {
    const group = two()
    expect(noteFailures(group, token(1), ack)).toMatchObject({ group, reply: { error: 'INVALID_REQUEST' } })
  })

  test('records that failed are bounded', () => {
    const group = stored(lend(undefined, [range(0, 0, 1000)], request, at(0)))
    const failed = Array.from({ length: maxFailed + 1 }, (_, offset) => failing(offset))
    const step = noteFailures(group, token(1), { ...all, failed })
    expect(step).toMatchObject({ group, reply: { error: 'THROTTLING_QUOTA_EXCEEDED' } })
  })
})

describe('a record that failed', () => {
  const again = (group: LeaseGroup, ms: number): LeaseGroup => stored(lendFailed(group, group.failed, request, at(ms)))

  test.each([
    [1, 1000],
    [2, 10_000],
    [3, 60_000],
    [4, 600_000],
  ])('after attempt %i rests for %i ms', (attempts, restMs) => {
    let group = failedOnce()
    let ms = 0
    for (let attempt = 2; attempt <= attempts; attempt++) {
      ms += 600_000
      group = again(group, ms)
      group = stored(acknowledge(group, token(group.epoch), { ...all, failed: [failing(3)] }, at(ms)))
    }
    expect(group.failed).toMatchObject([{ attempts, lease: null, isDead: false, dueMs: start + ms + restMs }])
    expect(dueIn(group, at(ms + restMs - 1).nowMs)).toEqual([])
    expect(dueIn(group, at(ms + restMs).nowMs)).toHaveLength(1)
  })

  test.each([
    ['acknowledged', (group: LeaseGroup) => acknowledge(group, token(2), all, at(2001)), []],
    [
      'failed once more',
      (group: LeaseGroup) => acknowledge(group, token(2), { ...all, failed: [failing(3)] }, at(2001)),
      [{ attempts: 2, lease: null, isDead: false }],
    ],
    [
      'beyond help',
      (group: LeaseGroup) => acknowledge(group, token(2), { ...all, failed: [failing(3, false)] }, at(2001)),
      [{ attempts: 2, isDead: true }],
    ],
    ['given back', (group: LeaseGroup) => release(group, token(2), at(2001)), [{ attempts: 1, lease: null }]],
    [
      'forgotten by its worker',
      (group: LeaseGroup) => ({ group: withoutEnded(group, at(9000).nowMs) }),
      [{ attempts: 2, lease: null, isDead: false }],
    ],
    ['not among what is done', (group: LeaseGroup) => acknowledge(group, token(2), upTo(3), at(2001)), [{ lease: 2 }]],
  ])('and is lent again is %s', (_, step, failed) => {
    const lent = again(failedOnce(), 2000)
    expect(lent.failed).toMatchObject([{ attempts: 2, lease: 2 }])
    expect(lendFailed(lent, lent.failed, request, at(2500)).reply).toMatchObject({ lease: undefined })
    expect(stored(step(lent)).failed).toMatchObject(failed)
  })

  test('is dead when it does not come back from its last attempt', () => {
    const group = failedOnce()
    const last = { ...group, failed: group.failed.map((record) => ({ ...record, attempts: 4 })) }
    expect(withoutEnded(again(last, 2000), at(9000).nowMs).failed).toMatchObject([{ isDead: true, lease: null }])
  })

  test('is taken from who is late with its last attempt, before it is a dead letter', () => {
    const group = failedOnce()
    const last = again({ ...group, failed: group.failed.map((record) => ({ ...record, attempts: 4 })) }, 2000)
    expect(endLast(last, at(2500))).toEqual({ group: last, reply: [] })
    const taken = endLast(last, at(9000))
    expect(taken.reply).toMatchObject([{ offset: 3, isDead: true }])
    const late = { ...all, failed: [failing(3)] }
    expect(noteFailures(stored(taken), token(2), late).reply).toEqual({ error: 'FENCED_MEMBER_EPOCH' })
  })

  test('goes with its range to the next worker, where nothing behind it was committed, and to nobody else', () => {
    const group = stored(lend(undefined, [range(0)], request, at(0)))
    const ack = { ...all, failed: [failing(3)] }
    // The answer to the commit was lost, and the lease ends.
    const noted = stored(noteFailures(group, token(1), ack))
    const next = stored(lend(noted, [range(0)], request, at(1000)))
    expect(next.failed).toMatchObject([{ offset: 3, lease: 2, attempts: 1 }])
    expect(dueIn(next, start + 1500)).toEqual([])
    const back = stored(release(next, token(2), at(1500)))
    expect(back.failed).toMatchObject([{ lease: null, attempts: 1 }])
    const failed = { ...all, failed: [failing(3, false)] }
    const dead = stored(acknowledge(stored(noteFailures(next, token(2), failed)), token(2), failed, at(1500)))
    expect(dead.failed).toMatchObject([{ offset: 3, lease: null, isDead: true }])
  })

  test('waits for its turn where what is behind it turns out to be committed', () => {
    const group = stored(lend(undefined, [range(0)], request, at(0)))
    const noted = stored(noteFailures(group, token(1), { ...all, failed: [failing(3)] }))
    const next = stored(lend(noted, [range(0), range(1)], request, at(1000)))
    const kept = stored(withhold(next, token(2), [range(0)], at(1000)))
    expect(kept.failed).toMatchObject([{ offset: 3, lease: null, attempts: 1 }])
    expect(dueIn(kept, start + 1000)).toMatchObject([{ offset: 3 }])
  })

  test('is done when it comes once more with everything else', () => {
    const group = stored(lend(failedOnce(), [range(0)], request, at(1)))
    expect(stored(acknowledge(group, token(2), upTo(3), at(2))).failed).toHaveLength(1)
    expect(stored(acknowledge(group, token(2), all, at(2))).failed).toEqual([])
  })
})

describe('a group has one type at a time', () => {
  test('leases keep members out, and so do records that wait for another try', () => {
    const done = stored(acknowledge(two(), token(1), all, at(1)))
    expect([asClassic(done), asConsumer(done)]).toEqual([undefined, undefined])
    expect([asClassic(failedOnce()), asConsumer(failedOnce())]).toEqual([undefined, undefined])
  })

  test('without them it becomes another, its numbers go on, and the fence rises', () => {
    const done = stored(acknowledge(stored(lend(undefined, [range(0)], request, at(0))), token(1), all, at(1)))
    const classic = asClassic(done)
    expect(classic).toMatchObject({ type: 'classic', generation: 1, fence: done.fence + 1, life: done.life })
    expect(asConsumer(done)).toMatchObject({ type: 'consumer', epoch: 1, fence: done.fence + 1 })
    expect(classic && asLease(classic)).toMatchObject({ type: 'lease', epoch: 1, fence: done.fence + 2 })
  })

  test('while a lease is there only its holder commits, and only what it has', () => {
    const group = two()
    const commit = (memberId: string, isLease: boolean, index = 0, generationOrEpoch = 1) =>
      commitRefusal(group, { memberId, instanceId: null, generationOrEpoch, isLease }, { t: [index] })
    expect(commit(token(1), true)).toBeUndefined()
    expect(commit(token(1), true, 1)).toBe('FENCED_MEMBER_EPOCH')
    expect(commit(token(3), true)).toBe('FENCED_MEMBER_EPOCH')
    expect(commit(token(1), false)).toBe('UNKNOWN_MEMBER_ID')
    expect(commit('', false, 0, -1)).toBe('UNKNOWN_MEMBER_ID')
  })

  test('ended leases do not count, and it is empty since the last has ended', () => {
    const present = expire(two(), defaultGroupLimits, at(5000).nowMs)
    expect(present).toMatchObject({ members: [], emptySinceMs: start + 1000 })
  })
})

test('who polls for nothing says so once an hour', () => {
  const done = stored(acknowledge(stored(lend(undefined, [range(0)], request, at(0))), token(1), all, at(1)))
  expect(touch(done, at(3_600_000)).group).toBe(done)
  expect(touch(done, at(3_700_000)).reply).toMatchObject({ emptySinceMs: start + 3_700_000 })
  expect(touch(two(), at(9_000_000)).reply).toMatchObject({ members: [], emptySinceMs: start + 9_000_000 })
  expect(touch(newGroup(at(0)), at(0)).reply?.type).toBe('lease')
})

test('a group of leases is read as it was written, under a format of its own', async () => {
  const group = stored(lendFailed(failedOnce(), failedOnce().failed, request, at(2000)))
  const body = encodeGroup(group, () => undefined)
  expect(JSON.parse(body.toString()).format).toBe(2)
  expect(await decodeGroup(body, async () => Buffer.alloc(0))).toEqual(group)
})
