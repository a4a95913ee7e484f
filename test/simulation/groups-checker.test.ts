import { expect, test } from 'vitest'
import { newGroup } from '../../lib/group/group.ts'
import { checkGroup } from './groups-checker.ts'
import type { CommitTry, GroupHistory, OffsetFetch, StoredGroup, StoredOffset, Tenure } from './groups-history.ts'

const nothing: GroupHistory = {
  tenures: [],
  commits: [],
  fetches: [],
  stored: [],
  groups: [],
  replacedMs: new Map(),
  reports: [],
}

/** a has p in generation 1, from 0 ms to 100 ms; its session may end at 200 ms. */
const a: Tenure = {
  client: 'a',
  memberId: 'a-1',
  instanceId: null,
  partition: 't/0',
  generation: 1,
  grantedAt: 1,
  life: 'life',
  fromMs: 0,
  untilMs: 100,
  leaseMs: 200,
  fetchedAt: 5,
}
/** b is the next owner, and has fetched at 20. */
const b: Tenure = {
  ...a,
  client: 'b',
  memberId: 'b-1',
  generation: 2,
  grantedAt: 15,
  fromMs: 150,
  untilMs: 300,
  leaseMs: 300,
  fetchedAt: 20,
}

const commit = (id: string, tenure: Tenure | undefined, offset: number, more: Partial<CommitTry> = {}): CommitTry => ({
  id,
  client: tenure?.client ?? 'admin',
  tenure,
  number: tenure?.generation ?? -1,
  partition: 't/0',
  offset,
  sentAt: 6,
  lookedAt: 6.5,
  endedAt: 12,
  answer: 'NONE',
  ...more,
})

const stored = (at: number, offset: number | undefined, id: string | undefined, atMs = at): StoredOffset => ({
  at,
  atMs,
  partition: 't/0',
  offset,
  commit: id,
  isCurrent: true,
})

const fetched = (sentAt: number, offset: number | undefined): OffsetFetch => ({
  client: 'c',
  partition: 't/0',
  sentAt,
  answeredAt: sentAt + 3,
  offset,
})

const member = (memberId: string) => ({
  memberId,
  instanceId: null,
  clientId: '',
  clientHost: '',
  sessionTimeoutMs: 100,
  rebalanceTimeoutMs: 100,
  protocols: [],
  assignment: Buffer.alloc(0),
  joined: false,
  synced: true,
  seenMs: 0,
})

/** The group in a generation, with one member. */
const group = (at: number, generation: number, memberId: string): StoredGroup => ({
  at,
  group: { ...newGroup({ nowMs: 0, randomId: 'life' }), generation, members: [member(memberId)] },
})
const groups = [group(1, 1, 'a-1'), group(15, 2, 'b-1')]

const classesOf = (history: Partial<GroupHistory>): readonly string[] =>
  checkGroup({ ...nothing, groups, ...history }).map((anomaly) => anomaly.class)

test('nothing is wrong with a history in which one owner follows the other', () => {
  const own = [commit('a', a, 10), commit('b', b, 12, { sentAt: 21, endedAt: 25 })]
  const history = {
    tenures: [a, b],
    commits: own,
    stored: [stored(7, 10, 'a'), stored(22, 12, 'b')],
    fetches: [fetched(18, 10), fetched(30, 12)],
  }
  expect(classesOf(history)).toEqual([])
})

test('a partition has one owner in a generation', () => {
  expect(classesOf({ tenures: [a, { ...b, generation: 1 }] })).toEqual(['two-owners-in-a-generation'])
  expect(classesOf({ tenures: [a, { ...b, generation: 1, life: 'next' }] })).toEqual([])
})

test('a static member passes on what it has within a generation', () => {
  const former = { ...a, instanceId: 'i' }
  expect(classesOf({ tenures: [former, { ...b, generation: 1, instanceId: 'i', fromMs: 50 }] })).toEqual([])
})

test('a static member has nothing any more once its next self has come', () => {
  const held = { ...a, instanceId: 'i', untilMs: 160 }
  expect(classesOf({ tenures: [held, b] })).toEqual(['two-owners'])
  expect(classesOf({ tenures: [held, b], replacedMs: new Map([['a-1', 120]]) })).toEqual([])
})

test('a partition goes to the next only after its owner has given it up, or its session may have ended', () => {
  expect(classesOf({ tenures: [{ ...a, untilMs: 160 }, b] })).toEqual(['two-owners'])
  expect(classesOf({ tenures: [{ ...a, untilMs: 500, leaseMs: 140 }, b] })).toEqual([])
  // Its answer came late: it takes what it may not have any more, and cannot know it.
  expect(classesOf({ tenures: [{ ...a, fromMs: 201, untilMs: 220 }, b] })).toEqual([])
  const fresh = { ...b, generation: undefined, fromMs: 90 }
  expect(classesOf({ tenures: [{ ...a, generation: undefined }, fresh] })).toEqual(['two-owners'])
})

test('no commit of an earlier owner is stored after the next has fetched', () => {
  const late = [commit('a', a, 10, { endedAt: 30, answer: 'REQUEST_TIMED_OUT' })]
  expect(classesOf({ tenures: [a, b], commits: late, stored: [stored(21, 10, 'a')] })).toEqual(['fenced-commit-stored'])
  expect(classesOf({ tenures: [a, b], commits: late, stored: [stored(19, 10, 'a')] })).toEqual([])
})

test('no commit of an administrator is stored under an owner that has fetched', () => {
  const reset = [commit('reset', undefined, 3)]
  const under = { tenures: [a], commits: reset, stored: [stored(8, 3, 'reset')] }
  expect(classesOf(under)).toEqual(['commit-under-an-owner'])
  expect(classesOf({ ...under, stored: [stored(8, 3, 'reset', 150)] })).toEqual([])
})

test('a commit is accepted only from a member of the group since it was sent', () => {
  const other = { ...a, memberId: 'a-0' }
  const accepted = { commits: [commit('a', other, 10)], stored: [stored(7, 10, 'a')] }
  expect(classesOf(accepted)).toEqual(['fenced-commit-accepted'])
  const old = { commits: [commit('a', a, 10, { number: 0 })], stored: [stored(7, 10, 'a')] }
  expect(classesOf(old)).toEqual(['fenced-commit-accepted'])
  const late = { commits: [commit('a', a, 10, { sentAt: 16, endedAt: 19 })], stored: [stored(17, 10, 'a')] }
  expect(classesOf(late)).toEqual(['fenced-commit-accepted'])
})

test('a commit that was refused is not stored when its member had gone before', () => {
  const refused = commit('a', a, 10, { sentAt: 16, endedAt: 18, answer: 'ILLEGAL_GENERATION' })
  expect(classesOf({ commits: [refused], stored: [stored(17, 10, 'a')] })).toEqual(['fenced-commit-accepted'])
})

test('committed offsets do not go back', () => {
  const commits = [commit('a', a, 10), commit('b', b, 9, { sentAt: 16, endedAt: 19 })]
  expect(classesOf({ commits, stored: [stored(7, 10, 'a'), stored(17, 9, 'b')] })).toEqual(['backwards'])
})

test('committed offsets go back for an administrator, and after they were deleted', () => {
  const commits = [commit('a', a, 10), commit('reset', undefined, 3), commit('low', a, 1)]
  expect(classesOf({ commits, stored: [stored(7, 10, 'a'), stored(8, 3, 'reset')] })).toEqual([])
  const deleted = [stored(7, 10, 'a'), stored(8, undefined, undefined), stored(9, 1, 'low'), stored(10, 3, 'reset')]
  expect(classesOf({ commits, stored: deleted })).toEqual([])
})

test('a request that its client had given up, and that was looked at too late, may go back, no other one', () => {
  const late = commit('first', a, 9, { sentAt: 2, endedAt: 4, lookedAt: 7.5, answer: 'silence' })
  const second = commit('second', a, 10)
  const classes = (first: CommitTry) =>
    classesOf({ commits: [first, second], stored: [stored(7, 10, 'second'), stored(8, 9, 'first')] })
  expect(classes(late)).toEqual([])
  expect(classes({ ...late, endedAt: 7 })).toEqual(['backwards'])
  expect(classes({ ...late, lookedAt: 6.5 })).toEqual(['backwards'])
  expect(classes({ ...late, answer: 'REQUEST_TIMED_OUT' })).toEqual(['backwards'])
  expect(classes({ ...late, client: 'another' })).toEqual(['backwards'])
})

test('a member that began again before a request came that it had given up may go back behind that', () => {
  const late = commit('late', a, 12, { sentAt: 2, endedAt: 4, lookedAt: 3, answer: 'silence' })
  const again = { ...a, fetchedAt: 6 }
  const classes = (first: CommitTry, tenure: Tenure) =>
    classesOf({
      commits: [first, commit('next', tenure, 11, { sentAt: 7, lookedAt: 9 })],
      stored: [stored(8, 12, 'late'), stored(10, 11, 'next')],
    })
  expect(classes(late, again)).toEqual([])
  expect(classes({ ...late, tenure: again }, again)).toEqual(['backwards'])
  expect(classes(late, { ...again, fetchedAt: 9 })).toEqual(['backwards'])
  expect(classes({ ...late, answer: 'NONE' }, again)).toEqual(['backwards'])
})

test('what was acknowledged is stored, or something higher', () => {
  const commits = [commit('a', a, 10)]
  expect(classesOf({ commits })).toEqual(['lost-commit'])
  expect(classesOf({ commits, stored: [stored(20, 10, 'other')] })).toEqual(['lost-commit'])
  const higher = [commit('a', a, 10), commit('more', a, 11)]
  expect(classesOf({ commits: higher, stored: [stored(7, 11, 'more')] })).toEqual([])
})

test('fetched is what was committed at some time while it was asked for', () => {
  const history = { commits: [commit('a', a, 10)], stored: [stored(7, 10, 'a')] }
  expect(classesOf({ ...history, fetches: [fetched(5, undefined), fetched(5, 10), fetched(8, 10)] })).toEqual([])
  expect(classesOf({ ...history, fetches: [fetched(8, undefined)] })).toEqual(['wrong-fetch'])
  expect(classesOf({ ...history, fetches: [fetched(8, 11)] })).toEqual(['wrong-fetch'])
})

test('what was seen while it happened is reported too', () => {
  const reports = [{ class: 'hung', detail: '' } as const]
  expect(classesOf({ reports })).toEqual(['hung'])
})
