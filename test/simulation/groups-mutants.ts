import type { ConsumerRequest } from '../../lib/group/consumer.ts'
import type { Group } from '../../lib/group/group.ts'
import type { FetchedOffsets } from '../../lib/group/groups.ts'
import type { Committer } from '../../lib/group/offsets.ts'
import type { Item, Items, NewItem, PutOutcome, ReplaceOutcome } from '../../lib/store/items.ts'
import { groupsPartition } from '../../lib/store/keys.ts'
import type { GroupAnomalyClass } from './groups-history.ts'
import type { GroupMutation, GroupService } from './groups-world.ts'

type Mutant = GroupMutation & {
  /** What somebody has to notice. */
  readonly shows: GroupAnomalyClass
}

/**
 * Each takes one rule away, from outside: stores that lie, and steps that skip what they must not skip. A simulation that
 * does not notice is no proof of anything.
 */
export const groupMutants: Readonly<Record<string, Mutant>> = {
  'documents are replaced whatever their version': {
    shows: 'backwards',
    items: (items) => ({
      ...items,
      replace: async (key, item, version) => {
        const now = await items.get(key, { consistent: true })
        return items.replace(key, item, now?.version ?? version)
      },
    }),
  },
  'offsets are replaced whatever their version': {
    shows: 'backwards',
    items: (items) => ({
      ...items,
      replace: async (key, item, version) => {
        if (key.partition === groupsPartition) return items.replace(key, item, version)
        const now = await items.get(key, { consistent: true })
        return items.replace(key, item, now?.version ?? version)
      },
    }),
  },
  'no answer counts as stored': {
    shows: 'lost-commit',
    items: (items) => withWrites(items, (outcome) => (outcome.outcome === 'unknown' ? { outcome: 'stored' } : outcome)),
  },
  'a conflict counts as stored': {
    shows: 'lost-commit',
    items: (items) =>
      withWrites(items, (outcome) => (outcome.outcome === 'conflict' ? { outcome: 'stored' } : outcome)),
  },
  'the group is read from a copy': {
    shows: 'backwards',
    items: (items) => {
      let copy: Item | undefined
      let reads = 0
      return {
        ...items,
        get: async (key, options) => {
          if (key.partition !== groupsPartition) return items.get(key, options)
          reads += 1
          if (reads % readsPerCopy === 1) copy = await items.get(key, options)
          return copy
        },
      }
    },
  },
  'commits that meet are stored in any order': {
    shows: 'backwards',
    items: (items) => withOffsets(items, (body) => ({ ...body, partitions: inFirstCommit(body['partitions']) })),
  },
  'a fetch writes no fence': {
    shows: 'fenced-commit-stored',
    items: (items) => withReplaces(items, (item, before) => offsetsIn(item) !== offsetsIn(before)),
  },
  'a fence never rises': {
    shows: 'fenced-commit-stored',
    items: (items) => withBodies(items, (body) => ({ ...body, fence: 0 })),
  },
  'a commit is of whatever generation there is': {
    shows: 'fenced-commit-accepted',
    groups: (groups, present) =>
      over(groups, {
        commit: (id, committer, topics) => groups.commit(id, inPresent(present(), committer), topics),
      }),
  },
  'a heartbeat finds that all is well': {
    shows: 'unassigned',
    groups: (groups) =>
      over(groups, {
        heartbeat: async (id, request) => {
          await groups.heartbeat(id, request)
          return 'NONE'
        },
      }),
  },
  'a member that says nothing has given up everything': {
    shows: 'two-owners',
    groups: (groups) =>
      over(groups, {
        consumerHeartbeat: (id, request) => groups.consumerHeartbeat(id, { ...request, owned: nothingOf(request) }),
      }),
  },
  'sessions end early': {
    shows: 'two-owners',
    items: (items) => withBodies(items, (body) => ({ ...body, members: older(body['members']) })),
  },
  'everybody is assigned what the first one has asked for': {
    shows: 'two-owners-in-a-generation',
    groups: (groups) => {
      let first: Buffer | undefined
      let generation = 0
      return over(groups, {
        sync: async (id, request) => {
          const reply = await groups.sync(id, request)
          if (reply.error !== 'NONE') return reply
          if (request.generation !== generation) first = undefined
          generation = request.generation
          first ??= reply.assignment
          return { ...reply, assignment: first }
        },
      })
    },
  },
  'offsets are acknowledged and not stored': {
    shows: 'lost-commit',
    items: (items) => withReplaces(items, (item, before) => offsetsIn(item) === offsetsIn(before)),
  },
  'a coordinator remembers what was committed': {
    shows: 'wrong-fetch',
    groups: (groups) => {
      let first: FetchedOffsets | undefined
      return over(groups, {
        fetchOffsets: async (id, asking, topicIds) => {
          const reply = await groups.fetchOffsets(id, asking, topicIds)
          if (reply.error === 'NONE') first ??= reply
          return reply.error === 'NONE' ? (first ?? reply) : reply
        },
      })
    },
  },
  'commits go on for ever': {
    shows: 'hung',
    groups: (groups) => over(groups, { commit: () => new Promise(() => {}) }),
  },
  'generations begin anew': {
    shows: 'number-back',
    items: (items) => withBodies(items, (body) => ({ ...body, generation: Number(body['generation'] ?? 0) % 3 })),
  },
  'an administrator may commit at any time': {
    shows: 'commit-under-an-owner',
    groups: (groups, present) =>
      over(groups, {
        commit: (id, committer, topics) => groups.commit(id, asMember(present(), committer), topics),
      }),
  },
}

/** A copy is read so often before it is renewed. */
const readsPerCopy = 5

/** The service with some of its calls replaced. */
const over = (groups: GroupService, calls: Partial<GroupService>): GroupService => ({
  join: (id, request) => groups.join(id, request),
  sync: (id, request) => groups.sync(id, request),
  heartbeat: (id, request) => groups.heartbeat(id, request),
  leave: (id, leavers) => groups.leave(id, leavers),
  consumerHeartbeat: (id, request) => groups.consumerHeartbeat(id, request),
  commit: (id, committer, topics) => groups.commit(id, committer, topics),
  fetchOffsets: (id, asking, topicIds) => groups.fetchOffsets(id, asking, topicIds),
  deleteOffsets: (id, topics) => groups.deleteOffsets(id, topics),
  delete: (id) => groups.delete(id),
  deleteExpired: () => groups.deleteExpired(),
  ...calls,
})

const withWrites = (
  items: Items,
  change: <Outcome extends PutOutcome | ReplaceOutcome>(outcome: Outcome) => Outcome | { readonly outcome: 'stored' },
): Items => ({
  ...items,
  putIfAbsent: async (key, item) => change(await items.putIfAbsent(key, item)),
  replace: async (key, item, version) => change(await items.replace(key, item, version)),
})

/** Of the offsets documents only those are replaced that are to be; the others seem to be. */
const withReplaces = (items: Items, isWanted: (item: NewItem, before: Item | undefined) => boolean): Items => ({
  ...items,
  replace: async (key, item, version) => {
    if (key.partition === groupsPartition) return items.replace(key, item, version)
    const before = await items.get(key, { consistent: true })
    return isWanted(item, before) ? items.replace(key, item, version) : { outcome: 'stored' }
  },
})

type Change = (body: Readonly<Record<string, unknown>>) => object

/** Something else is stored as the group. */
const withBodies = (items: Items, change: Change): Items =>
  withChanged(items, change, (partition) => partition === groupsPartition)

const withOffsets = (items: Items, change: Change): Items =>
  withChanged(items, change, (partition) => partition !== groupsPartition)

const withChanged = (items: Items, change: Change, isMeant: (partition: string) => boolean): Items => {
  const changed = (item: NewItem): NewItem => ({
    ...item,
    body: Buffer.from(JSON.stringify(change(JSON.parse(item.body.toString())))),
  })
  return {
    ...items,
    putIfAbsent: (key, item) => items.putIfAbsent(key, isMeant(key.partition) ? changed(item) : item),
    replace: (key, item, version) => items.replace(key, isMeant(key.partition) ? changed(item) : item, version),
  }
}

const offsetsIn = (item: NewItem | undefined): unknown =>
  item && JSON.stringify(JSON.parse(item.body.toString()).partitions)

/** Nobody can tell which commit it was. */
const inFirstCommit = (partitions: unknown): object =>
  Object.fromEntries(
    Object.entries(Object(partitions)).map(([index, one]) => [
      index,
      Array.isArray(one) ? [...one.slice(0, 4), 1] : one,
    ]),
  )

/** Members that were heard of some seconds earlier than they were. */
const older = (members: unknown): unknown =>
  Array.isArray(members) ? members.map((member) => ({ ...member, seenMs: member.seenMs - 5000 })) : members

const nothingOf = ({ memberEpoch, owned }: ConsumerRequest): ConsumerRequest['owned'] =>
  memberEpoch > 0 ? (owned ?? {}) : owned

/** As if its request said the generation or the epoch of now. */
const inPresent = (group: Group | undefined, committer: Committer): Committer => {
  if (group === undefined || committer.generationOrEpoch < 0) return committer
  if (group.type === 'classic') return { ...committer, generationOrEpoch: group.generation }
  const member = group.members.find(({ memberId }) => memberId === committer.memberId)
  return member ? { ...committer, generationOrEpoch: member.epoch } : committer
}

/** As if somebody else, who is a member, had asked. */
const asMember = (group: Group | undefined, committer: Committer): Committer => {
  const member = group?.members[0]
  if (group === undefined || member === undefined || committer.generationOrEpoch >= 0) return committer
  const { memberId, instanceId } = member
  return inPresent(group, { memberId, instanceId, generationOrEpoch: 0 })
}
