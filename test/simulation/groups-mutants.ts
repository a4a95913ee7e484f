import type { ConsumerRequest } from '../../lib/group/consumer.ts'
import type { Group } from '../../lib/group/group.ts'
import type { FetchedOffsets } from '../../lib/group/groups.ts'
import type { Committer } from '../../lib/group/offsets.ts'
import type { Item, Items, NewItem, PutOutcome, ReplaceOutcome } from '../../lib/store/items.ts'
import { groupsPartition } from '../../lib/store/keys.ts'
import { asOlderDocument } from './builds.ts'
import type { GroupAnomalyClass } from './groups-history.ts'
import type { GroupMutation, GroupService } from './groups-world.ts'

type Mutant = GroupMutation & {
  /** The rule that holds no longer. */
  readonly removes: string
  /** What somebody has to notice. */
  readonly shows: GroupAnomalyClass
}

/**
 * Each takes one rule away, from outside: stores that lie, and steps that skip what they must not skip. A simulation that
 * does not notice is no proof of anything.
 */
export const groupMutants: Readonly<Record<string, Mutant>> = {
  blindReplace: {
    removes: 'a group is replaced only as it was read',
    shows: 'backwards',
    items: (items) => ({
      ...items,
      replace: async (key, item, version) => {
        const now = await items.get(key, { consistent: true })
        return items.replace(key, item, now?.version ?? version)
      },
    }),
  },
  blindOffsets: {
    removes: 'offsets are replaced only as they were read',
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
  groupUnknownIsStored: {
    removes: 'a replace without an answer is read again',
    shows: 'lost-commit',
    items: (items) => withWrites(items, (outcome) => (outcome.outcome === 'unknown' ? { outcome: 'stored' } : outcome)),
  },
  conflictIsStored: {
    removes: 'a step that met a conflict is made again',
    shows: 'lost-commit',
    items: (items) =>
      withWrites(items, (outcome) => (outcome.outcome === 'conflict' ? { outcome: 'stored' } : outcome)),
  },
  staleGroup: {
    removes: 'a group is read consistently',
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
  noCounter: {
    removes: 'commits of one member are stored in their order',
    shows: 'backwards',
    items: (items) => withOffsets(items, (body) => ({ ...body, partitions: inFirstCommit(body['partitions']) })),
  },
  lateFence: {
    removes: 'offsets are fenced before they are told to their next owner',
    shows: 'fenced-commit-stored',
    items: (items) => withReplaces(items, (item, before) => offsetsIn(item) !== offsetsIn(before)),
  },
  noFence: {
    removes: 'the fence of offsets rises with the generation',
    shows: 'fenced-commit-stored',
    items: (items) => withBodies(items, (body) => ({ ...body, fence: 0 })),
  },
  anyGeneration: {
    removes: 'a commit counts only in its own generation or epoch',
    shows: 'fenced-commit-accepted',
    groups: (groups, present) =>
      over(groups, {
        commit: (id, committer, topics) => groups.commit(id, inPresent(present(), committer), topics),
      }),
  },
  deafHeartbeat: {
    removes: 'a heartbeat tells of a rebalance',
    shows: 'unassigned',
    groups: (groups) =>
      over(groups, {
        heartbeat: async (id, request) => {
          await groups.heartbeat(id, request)
          return 'NONE'
        },
      }),
  },
  silenceIsConsent: {
    removes: 'a partition goes on only when its owner says that it gave it up',
    shows: 'two-owners',
    groups: (groups) =>
      over(groups, {
        consumerHeartbeat: (id, request) => groups.consumerHeartbeat(id, { ...request, owned: nothingOf(request) }),
      }),
  },
  earlyExpiry: {
    removes: 'a session lasts as long as it was promised',
    shows: 'two-owners',
    items: (items) => withBodies(items, (body) => ({ ...body, members: older(body['members']) })),
  },
  oneForAll: {
    removes: 'each member is given its own assignment',
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
  commitNotStored: {
    removes: 'a commit is acknowledged when it is stored',
    shows: 'lost-commit',
    items: (items) => withReplaces(items, (item, before) => offsetsIn(item) === offsetsIn(before)),
  },
  rememberedOffsets: {
    removes: 'committed offsets are read when they are asked for',
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
  endlessCommit: {
    removes: 'every request is answered',
    shows: 'hung',
    groups: (groups) => over(groups, { commit: () => new Promise(() => {}) }),
  },
  generationBack: {
    removes: 'generations rise',
    shows: 'number-back',
    items: (items) => withBodies(items, (body) => ({ ...body, generation: Number(body['generation'] ?? 0) % 3 })),
  },
  anyAdministrator: {
    removes: 'an administrator commits only where nobody owns',
    shows: 'commit-under-an-owner',
    groups: (groups, present) =>
      over(groups, {
        commit: (id, committer, topics) => groups.commit(id, asMember(present(), committer), topics),
      }),
  },
  unknownIsNone: {
    removes: 'who meets a document of a newer version stops',
    shows: 'wrong-fetch',
    items: (items) => ({
      ...items,
      get: async (key, options) => {
        const item = await items.get(key, options)
        return item === undefined || asOlderDocument(item.body) === item.body ? item : undefined
      },
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
  if (group.type === 'lease') return committer
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
