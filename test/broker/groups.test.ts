import { describe, expect, test } from 'vitest'
import { Groups } from '../../lib/group/groups.ts'
import { Topics } from '../../lib/journal/topics.ts'
import type { Api, RequestInput } from '../../lib/protocol/declare.ts'
import { errors } from '../../lib/protocol/errors.ts'
import { ConsumerGroupDescribe } from '../../lib/protocol/messages/consumer-group-describe.ts'
import { ConsumerGroupHeartbeat } from '../../lib/protocol/messages/consumer-group-heartbeat.ts'
import { DeleteGroups } from '../../lib/protocol/messages/delete-groups.ts'
import { DescribeGroups } from '../../lib/protocol/messages/describe-groups.ts'
import { Heartbeat } from '../../lib/protocol/messages/heartbeat.ts'
import { JoinGroup } from '../../lib/protocol/messages/join-group.ts'
import { LeaveGroup } from '../../lib/protocol/messages/leave-group.ts'
import { ListGroups } from '../../lib/protocol/messages/list-groups.ts'
import { OffsetCommit } from '../../lib/protocol/messages/offset-commit.ts'
import { OffsetDelete } from '../../lib/protocol/messages/offset-delete.ts'
import { OffsetFetch } from '../../lib/protocol/messages/offset-fetch.ts'
import { SyncGroup } from '../../lib/protocol/messages/sync-group.ts'
import { StoreUnavailable } from '../../lib/store/items.ts'
import { groupsPartition } from '../../lib/store/keys.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { versionsOf } from '../protocol/every-message.ts'
import { FixedClock } from '../support/log.ts'
import { brokerWorld } from './world.ts'

const joining = (memberId = ''): RequestInput<typeof JoinGroup> => ({
  groupId: 'g',
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 30_000,
  memberId,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: subscription('t') }],
})

/** What a consumer of one topic says of itself, in version 0. */
const subscription = (topic: string): Buffer => {
  const name = Buffer.from(topic)
  return Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 1, 0, name.length]), name, Buffer.from([0, 0, 0, 0])])
}

type World = ReturnType<typeof brokerWorld>

/** Joins as the version wants it: twice where the first time only gives an id. */
const join = async ({ ask }: World, version: number) => {
  const first = await ask(JoinGroup, version, joining())
  return first.errorCode === errors.MEMBER_ID_REQUIRED ? ask(JoinGroup, version, joining(first.memberId)) : first
}

const world = (): World => brokerWorld({ clock: new FixedClock() })

test.each(versionsOf(JoinGroup))('a member joins, syncs, beats and leaves: JoinGroup v%i', async (version) => {
  const w = world()
  const joined = await join(w, version)
  const { memberId, generationId } = joined
  expect(joined).toMatchObject({ errorCode: 0, generationId: 1, protocolName: 'range', leader: memberId })
  expect(joined.members).toMatchObject([{ memberId, metadata: subscription('t') }])
  const assignments = [{ memberId, assignment: Buffer.from('all') }]
  const synced = await w.ask(SyncGroup, Math.min(version, 5), { groupId: 'g', generationId, memberId, assignments })
  expect(synced).toMatchObject({ errorCode: 0, assignment: Buffer.from('all') })
  const beat = await w.ask(Heartbeat, Math.min(version, 4), { groupId: 'g', generationId, memberId })
  expect(beat.errorCode).toBe(0)
  const left = await w.ask(LeaveGroup, Math.min(version, 5), { groupId: 'g', memberId, members: [{ memberId }] })
  expect(left.errorCode).toBe(0)
  const late = await w.ask(Heartbeat, Math.min(version, 4), { groupId: 'g', generationId, memberId })
  expect(late.errorCode).toBe(errors.UNKNOWN_MEMBER_ID)
})

test.each(versionsOf(LeaveGroup))('who is no member leaves nothing: LeaveGroup v%i', async (version) => {
  const answer = await world().ask(LeaveGroup, version, { groupId: 'g', memberId: 'x', members: [{ memberId: 'x' }] })
  if (version < 3) expect(answer.errorCode).toBe(errors.UNKNOWN_MEMBER_ID)
  else expect(answer).toMatchObject({ errorCode: 0, members: [{ errorCode: errors.UNKNOWN_MEMBER_ID }] })
})

describe('offsets', () => {
  const committing = (topicId: string, partitionIndex: number, committedOffset: bigint) => ({
    groupId: 'g',
    memberId: '',
    topics: [
      {
        name: 't',
        topicId,
        partitions: [{ partitionIndex, committedOffset, committedLeaderEpoch: 3, committedMetadata: 'm' }],
      },
    ],
  })

  test.each(versionsOf(OffsetCommit))('are committed: OffsetCommit v%i', async (version) => {
    const w = world()
    const topicId = await w.createTopic('t', 2)
    const committed = await w.ask(OffsetCommit, version, committing(topicId, 1, 42n))
    expect(committed.topics[0]?.partitions).toEqual([{ partitionIndex: 1, errorCode: 0 }])
    const beyond = await w.ask(OffsetCommit, version, committing(topicId, 2, 42n))
    expect(beyond.topics[0]?.partitions[0]?.errorCode).toBe(errors.UNKNOWN_TOPIC_OR_PARTITION)
    const groups = [{ groupId: 'g', topics: [{ name: 't', partitionIndexes: [0, 1] }] }]
    const fetched = await w.ask(OffsetFetch, 8, { groups })
    expect(fetched.groups[0]?.topics[0]?.partitions).toMatchObject([
      { partitionIndex: 0, committedOffset: -1n, committedLeaderEpoch: -1, metadata: '' },
      { partitionIndex: 1, committedOffset: 42n, committedLeaderEpoch: version >= 6 ? 3 : -1, metadata: 'm' },
    ])
  })

  test.each(versionsOf(OffsetFetch))('are fetched, some and all: OffsetFetch v%i', async (version) => {
    const w = world()
    const topicId = await w.createTopic('t', 2)
    await w.ask(OffsetCommit, 9, committing(topicId, 1, 42n))
    const some = [{ name: 't', topicId, partitionIndexes: [1] }]
    const expected = [{ partitionIndex: 1, committedOffset: 42n, errorCode: 0 }]
    for (const topics of version < 2 ? [some] : [some, null]) {
      const answer = await w.ask(OffsetFetch, version, { groupId: 'g', topics, groups: [{ groupId: 'g', topics }] })
      const found = version < 8 ? answer.topics : answer.groups[0]?.topics
      expect(found).toMatchObject([{ [version < 10 ? 'name' : 'topicId']: version < 10 ? 't' : topicId }])
      expect(found?.[0]?.partitions).toMatchObject(expected)
    }
  })

  test('of a topic that does not exist are none, by its id an error', async () => {
    const w = world()
    const topics = [{ name: 'nowhere', topicId: 'AAAAAAAAAAAAAAAAAAAABg', partitionIndexes: [0] }]
    const byName = await w.ask(OffsetFetch, 9, { groups: [{ groupId: 'g', topics }] })
    expect(byName.groups[0]?.topics[0]?.partitions).toMatchObject([{ committedOffset: -1n, errorCode: 0 }])
    const byId = await w.ask(OffsetFetch, 10, { groups: [{ groupId: 'g', topics }] })
    expect(byId.groups[0]?.topics[0]?.partitions).toMatchObject([{ errorCode: errors.UNKNOWN_TOPIC_ID }])
  })

  test('of a topic that was deleted and made again are gone', async () => {
    const w = world()
    const topicId = await w.createTopic('t', 2)
    await w.ask(OffsetCommit, 9, committing(topicId, 1, 42n))
    const topic = await w.context.topics.find('t')
    if (topic !== undefined) await w.context.topics.delete(topic)
    await w.createTopic('t', 2)
    const all = await w.ask(OffsetFetch, 8, { groups: [{ groupId: 'g', topics: null }] })
    expect(all.groups[0]?.topics).toEqual([])
  })

  test('are deleted, but not of a topic that somebody consumes', async () => {
    const w = world()
    const topicId = await w.createTopic('t', 2)
    await w.ask(OffsetCommit, 9, committing(topicId, 1, 42n))
    const deleting = {
      groupId: 'g',
      topics: [{ name: 't', partitions: [{ partitionIndex: 1 }, { partitionIndex: 5 }] }],
    }
    const joined = await join(w, 5)
    const refused = await w.ask(OffsetDelete, 0, deleting)
    expect(refused.topics[0]?.partitions[0]?.errorCode).toBe(errors.GROUP_SUBSCRIBED_TO_TOPIC)
    await w.ask(LeaveGroup, 5, { groupId: 'g', members: [{ memberId: joined.memberId }] })
    const done = await w.ask(OffsetDelete, 0, deleting)
    expect(done.topics[0]?.partitions.map(({ errorCode }) => errorCode)).toEqual([0, errors.UNKNOWN_TOPIC_OR_PARTITION])
    expect((await w.ask(OffsetDelete, 0, { ...deleting, groupId: 'none' })).errorCode).toBe(errors.GROUP_ID_NOT_FOUND)
  })
})

describe('groups are listed, described and deleted', () => {
  test.each(versionsOf(ListGroups))('ListGroups v%i', async (version) => {
    const w = world()
    await join(w, 5)
    const list = (filters: RequestInput<typeof ListGroups>) => w.ask(ListGroups, version, filters)
    const { groups } = await list({})
    expect(groups).toMatchObject([{ groupId: 'g', protocolType: 'consumer' }])
    if (version >= 4) {
      expect(groups).toMatchObject([{ groupState: 'CompletingRebalance' }])
      expect((await list({ statesFilter: ['completingrebalance'] })).groups).toHaveLength(1)
      expect((await list({ statesFilter: ['Stable'] })).groups).toHaveLength(0)
    }
    if (version >= 5) {
      expect(groups).toMatchObject([{ groupType: 'classic' }])
      expect((await list({ typesFilter: ['Consumer'] })).groups).toHaveLength(0)
    }
  })

  test.each(versionsOf(DescribeGroups))('DescribeGroups v%i', async (version) => {
    const w = world()
    const { memberId, generationId } = await join(w, 5)
    const assignments = [{ memberId, assignment: Buffer.from('all') }]
    await w.ask(SyncGroup, 3, { groupId: 'g', generationId, memberId, assignments })
    const { groups } = await w.ask(DescribeGroups, version, { groups: ['g', 'none'] })
    expect(groups[0]).toMatchObject({ errorCode: 0, groupState: 'Stable', protocolData: 'range' })
    expect(groups[0]?.members).toMatchObject([
      { memberId, clientId: 'suite', clientHost: '/127.0.0.1', memberAssignment: Buffer.from('all') },
    ])
    const missing = version < 6 ? errors.NONE : errors.GROUP_ID_NOT_FOUND
    expect(groups[1]).toMatchObject({ errorCode: missing, groupState: 'Dead' })
  })

  test.each(versionsOf(DeleteGroups))('DeleteGroups v%i', async (version) => {
    const w = world()
    const { memberId } = await join(w, 5)
    const remove = async () => {
      const { results } = await w.ask(DeleteGroups, version, { groupsNames: ['g', 'none'] })
      return results.map(({ errorCode }) => errorCode)
    }
    expect(await remove()).toEqual([errors.NON_EMPTY_GROUP, errors.GROUP_ID_NOT_FOUND])
    await w.ask(LeaveGroup, 5, { groupId: 'g', members: [{ memberId }] })
    expect(await remove()).toEqual([errors.NONE, errors.GROUP_ID_NOT_FOUND])
  })
})

describe('the new protocol', () => {
  const beating = (memberEpoch: number, more: Partial<RequestInput<typeof ConsumerGroupHeartbeat>> = {}) => ({
    groupId: 'g',
    memberId: 'me',
    memberEpoch,
    ...(memberEpoch === 0 && { rebalanceTimeoutMs: 60_000, subscribedTopicNames: ['t'], topicPartitions: [] }),
    ...more,
  })

  test.each(versionsOf(ConsumerGroupHeartbeat))('a member joins and is described: v%i', async (version) => {
    const w = world()
    const topicId = await w.createTopic('t', 2)
    const joined = await w.ask(ConsumerGroupHeartbeat, version, beating(0))
    const assignment = { topicPartitions: [{ topicId, partitions: [0, 1] }] }
    expect(joined).toMatchObject({
      errorCode: 0,
      memberId: 'me',
      memberEpoch: 1,
      heartbeatIntervalMs: 5000,
      assignment,
    })
    const owned = assignment.topicPartitions
    const second = await w.ask(ConsumerGroupHeartbeat, version, beating(1, { topicPartitions: owned }))
    expect(second).toMatchObject({ errorCode: 0, memberEpoch: 1, assignment: null })
    const { groups } = await w.ask(ConsumerGroupDescribe, version, {
      groupIds: ['g', 'none'],
      includeAuthorizedOperations: false,
    })
    expect(groups[0]).toMatchObject({ errorCode: 0, groupState: 'Stable', groupEpoch: 1, assignorName: 'uniform' })
    expect(groups[0]?.members).toMatchObject([
      { memberId: 'me', memberEpoch: 1, subscribedTopicNames: ['t'], memberType: version === 0 ? -1 : 1 },
    ])
    expect(groups[0]?.members[0]?.assignment.topicPartitions).toEqual([{ topicId, topicName: 't', partitions: [0, 1] }])
    expect(groups[1]).toMatchObject({ errorCode: errors.GROUP_ID_NOT_FOUND, errorMessage: 'Group none not found.' })
    const classic = await w.ask(DescribeGroups, 6, { groups: ['g'] })
    expect(classic.groups[0]).toMatchObject({ errorCode: errors.GROUP_ID_NOT_FOUND, groupState: 'Dead' })
  })

  test('names its members itself in version 0 only', async () => {
    const w = world()
    const first = await w.ask(ConsumerGroupHeartbeat, 0, beating(0, { memberId: '' }))
    expect(first.errorCode).toBe(0)
    expect(first.memberId).toMatch(/./)
    const second = await w.ask(ConsumerGroupHeartbeat, 1, beating(0, { memberId: '' }))
    expect(second.errorCode).toBe(errors.INVALID_REQUEST)
  })

  test('commits under its epoch, and not in versions that do not know epochs', async () => {
    const w = world()
    await w.createTopic('t', 2)
    await w.ask(ConsumerGroupHeartbeat, 1, beating(0))
    const commit = async (version: number, generationIdOrMemberEpoch: number) => {
      const partitions = [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: null }]
      const request = { groupId: 'g', memberId: 'me', generationIdOrMemberEpoch, topics: [{ name: 't', partitions }] }
      return (await w.ask(OffsetCommit, version, request)).topics[0]?.partitions[0]?.errorCode
    }
    expect(await commit(9, 1)).toBe(0)
    expect(await commit(9, 7)).toBe(errors.STALE_MEMBER_EPOCH)
    expect(await commit(8, 7)).toBe(errors.UNSUPPORTED_VERSION)
  })
})

test('a member commits to a group that is gone: it is told so, or in old versions that its generation is', async () => {
  const w = world()
  await w.createTopic('t', 1)
  const commit = async (version: number, generationIdOrMemberEpoch: number) => {
    const partitions = [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: null }]
    const request = { groupId: 'gone', memberId: 'me', generationIdOrMemberEpoch, topics: [{ name: 't', partitions }] }
    return (await w.ask(OffsetCommit, version, request)).topics[0]?.partitions[0]?.errorCode
  }
  expect(await commit(9, 3)).toBe(errors.GROUP_ID_NOT_FOUND)
  expect(await commit(8, 3)).toBe(errors.ILLEGAL_GENERATION)
  expect(await commit(2, 3)).toBe(errors.ILLEGAL_GENERATION)
  expect(await commit(9, -1)).toBe(0)
})

test('when the stores do not answer, every client is told what makes it try again', async () => {
  const items = memoryItems()
  const broken = {
    ...items,
    get: (...args: Parameters<typeof items.get>) =>
      args[0].partition === groupsPartition ? Promise.reject(new StoreUnavailable('down')) : items.get(...args),
    query: (...args: Parameters<typeof items.query>) =>
      args[0] === groupsPartition ? Promise.reject(new StoreUnavailable('down')) : items.query(...args),
  }
  const w = brokerWorld({ items: broken })
  await w.createTopic('t', 1)
  const said = async <A extends Api>(api: A, version: number, request: RequestInput<A>): Promise<string> =>
    JSON.stringify(await w.ask(api, version, request), (_, value) =>
      typeof value === 'bigint' ? Number(value) : value,
    )
  const member = { groupId: 'g', memberId: 'm', generationId: 1 }
  const [loading, away, timedOut] = ['14', '15', '7'].map((code) => `"errorCode":${code}`)
  expect(await said(JoinGroup, 9, joining())).toContain(loading)
  expect(await said(SyncGroup, 5, { ...member, assignments: [] })).toContain(away)
  expect(await said(Heartbeat, 4, member)).toContain(away)
  expect(await said(LeaveGroup, 5, { groupId: 'g', members: [{ memberId: 'm' }] })).toContain(away)
  expect(await said(OffsetFetch, 9, { groups: [{ groupId: 'g', topics: [] }] })).toContain(loading)
  const partitions = [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: null }]
  const topics = [{ name: 't', partitions }]
  expect(await said(OffsetCommit, 9, { groupId: 'g', memberId: '', topics })).toContain(timedOut)
  expect(await said(OffsetDelete, 0, { groupId: 'g', topics: [] })).toContain(away)
  expect(await said(ListGroups, 5, {})).toContain(away)
  expect(await said(DescribeGroups, 6, { groups: ['g'] })).toContain(away)
  expect(await said(DeleteGroups, 2, { groupsNames: ['g'] })).toContain(away)
  expect(await said(ConsumerGroupHeartbeat, 1, { groupId: 'g', memberId: 'm', memberEpoch: 1 })).toContain(loading)
  expect(w.lines).toEqual([])
})

test('two brokers over the same stores serve one group', async () => {
  const clock = new FixedClock()
  const items = memoryItems()
  const objects = memoryObjects(() => clock.now())
  const over = () =>
    brokerWorld({ items, objects, clock, groups: new Groups({ items, objects, clock }, new Topics(items, clock)) })
  const [x, y] = [over(), over()]
  const { memberId, generationId } = await join(x, 5)
  const assignments = [{ memberId, assignment: Buffer.from('all') }]
  await y.ask(SyncGroup, 3, { groupId: 'g', generationId, memberId, assignments })
  expect((await x.ask(Heartbeat, 3, { groupId: 'g', generationId, memberId })).errorCode).toBe(0)
})
