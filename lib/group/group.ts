import assert from 'node:assert'
import type { errors } from '../protocol/errors.ts'

/** Kafka's name of an error. */
export type ErrorName = keyof typeof errors

/** A consumer group: one document, replaced by version. Its state is what the last step made of it. */
export type Group = ClassicGroup | ConsumerGroup

type Life = {
  /** Drawn when the group was made: a group that is deleted and made again has another, and other offsets. */
  readonly life: string
  /**
   * Rises whenever a commit that was valid stops being so and somebody else may get the partitions: `offsets.ts`.
   * Never falls, also when an empty group changes its type.
   */
  readonly fence: number
  /** Since when it has no members; undefined while it has some. */
  readonly emptySinceMs: number | undefined
}

/** Kafka's states of a classic group; Dead is a group that does not exist. */
type ClassicState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable'

/** A group whose members agree among themselves: one of them assigns, in bytes that nobody else reads. */
export type ClassicGroup = Life & {
  readonly type: 'classic'
  readonly state: ClassicState
  readonly generation: number
  /** `consumer`, `connect` and so on; null where there were only commits of standalone consumers. */
  readonly protocolType: string | null
  /** What the members have agreed on for this generation. */
  readonly protocol: string | null
  readonly leader: string | null
  /** In the order in which they came. */
  readonly members: readonly Member[]
  /** Member ids that were given out and have not joined yet. */
  readonly pending: readonly PendingMember[]
  /** The barrier of a rebalance stays open at least until here, so that members that start together join together. */
  readonly notBeforeMs: number
  /** Where the barrier ends without the missing members, and after it, until when members must have synced. */
  readonly deadlineMs: number
}

export type Member = {
  readonly memberId: string
  /** `group.instance.id` of a static member. */
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** What it could agree to, best first. */
  readonly protocols: readonly Protocol[]
  readonly assignment: Buffer
  /** It waits at the barrier. */
  readonly joined: boolean
  /** It has asked for its assignment in this generation. */
  readonly synced: boolean
  /** When it was heard of, see `life-signs.ts`. */
  readonly seenMs: number
}

export type Protocol = { readonly name: string; readonly metadata: Buffer }

type PendingMember = { readonly memberId: string; readonly untilMs: number }

/** A group whose members are assigned to by the coordinator (KIP-848). */
export type ConsumerGroup = Life & {
  readonly type: 'consumer'
  /** Rises with every change of targets and whenever a member is given partitions; members' epochs are drawn from it. */
  readonly epoch: number
  /** The epoch of the last change of targets. */
  readonly targetEpoch: number
  readonly assignor: AssignorName
  /** The topics that somebody subscribes to and that exist, by name. */
  readonly topics: readonly GroupTopic[]
  /** When they were looked up. */
  readonly topicsSeenMs: number
  readonly members: readonly ConsumerMember[]
}

export type AssignorName = 'uniform' | 'range'

export type GroupTopic = { readonly id: string; readonly name: string; readonly partitions: number }

export type ConsumerMember = {
  readonly memberId: string
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeoutMs: number
  readonly subscribedNames: readonly string[]
  /** Empty where there is none. */
  readonly subscribedRegex: string
  /** What it would like to be assigned by. */
  readonly assignor: AssignorName | null
  /** What it must say with every heartbeat and commit; −2 where a static member has left for a while. */
  readonly epoch: number
  readonly previousEpoch: number
  /** In which it was given partitions last: what it said before it knew this epoch says nothing about them. */
  readonly givenEpoch: number
  /** An epoch that it can know only from the answer to joining again, before which it has abandoned what it had. */
  readonly freshEpoch: number | undefined
  /** What it shall have. */
  readonly target: Partitions
  /** What it was told to have. */
  readonly assigned: Partitions
  /** What it was told to give up and has not confirmed. Nobody else gets it before. */
  readonly revoking: Partitions
  /** When it is thrown out if it has not given up what it is to give up. */
  readonly revokeUntilMs: number | undefined
  /** It has said that it has what it was told to have. */
  readonly confirmed: boolean
  readonly seenMs: number
}

/** Partition indexes, ascending, by topic id; no topic without partitions. */
export type Partitions = Readonly<Record<string, readonly number[]>>

/** The time of a step, and 16 characters that nobody else draws, the same however often the step is tried. */
export type Moment = { readonly nowMs: number; readonly randomId: string }

/** What a request does to its group: the document to store, and what to say once it is stored. The same group: nothing. */
export type Step<Reply> = { readonly group: Group | undefined; readonly reply: Reply }

/** A group that has only offsets. */
export const newGroup = ({ nowMs, randomId }: Moment): ClassicGroup => ({
  type: 'classic',
  life: randomId,
  fence: 0,
  emptySinceMs: nowMs,
  ...noGeneration,
  generation: 0,
  protocolType: null,
})

const noGeneration = {
  state: 'Empty',
  protocol: null,
  leader: null,
  members: [],
  pending: [],
  notBeforeMs: 0,
  deadlineMs: 0,
} as const satisfies Partial<ClassicGroup>

/** An empty group may change its type; its offsets stay, and its numbers go on. Undefined while others use it. */
export const asClassic = (group: Group): ClassicGroup | undefined => {
  if (group.type === 'classic') return group
  if (group.members.length > 0) return undefined
  const { life, emptySinceMs, epoch, fence } = group
  return {
    type: 'classic',
    life,
    fence: fence + 1,
    emptySinceMs,
    ...noGeneration,
    generation: epoch,
    protocolType: 'consumer',
  }
}

export const asConsumer = (group: Group): ConsumerGroup | undefined => {
  if (group.type === 'consumer') return group
  if (group.members.length > 0) return undefined
  const { life, emptySinceMs, generation, fence } = group
  return {
    type: 'consumer',
    life,
    fence: fence + 1,
    emptySinceMs,
    epoch: generation,
    targetEpoch: generation,
    assignor: 'uniform',
    topics: [],
    topicsSeenMs: 0,
    members: [],
  }
}

type Identity = { readonly memberId: string; readonly instanceId: string | null }

/** The member that a request comes from, or why it is none. */
export const identify = (
  members: readonly Member[],
  { memberId, instanceId }: Identity,
): { readonly member: Member } | { readonly error: ErrorName } => {
  if (instanceId !== null) {
    const member = members.find((candidate) => candidate.instanceId === instanceId)
    if (member === undefined) return { error: 'UNKNOWN_MEMBER_ID' }
    return member.memberId === memberId ? { member } : { error: 'FENCED_INSTANCE_ID' }
  }
  const member = members.find((candidate) => candidate.memberId === memberId)
  return member === undefined ? { error: 'UNKNOWN_MEMBER_ID' } : { member }
}

/** The group with one member changed; the same group where nothing changed. */
export const withMember = (group: ClassicGroup, changed: Member): ClassicGroup =>
  group.members.includes(changed)
    ? group
    : {
        ...group,
        members: group.members.map((member) => (member.memberId === changed.memberId ? changed : member)),
      }

/** What must hold of every group that is stored. */
export const assertGroup = (group: Group): void => {
  const ids = group.members.map(({ memberId }) => memberId)
  assert(new Set(ids).size === ids.length, 'a member id is there once')
  const instances = group.members.flatMap(({ instanceId }) => instanceId ?? [])
  assert(new Set(instances).size === instances.length, 'a static member is there once')
  assert((ids.length === 0) === (group.emptySinceMs !== undefined), 'a group is empty since a time, or has members')
  if (group.type === 'classic') assertClassic(group)
  else assertConsumer(group)
}

const assertClassic = ({ state, members, leader, protocol, protocolType }: ClassicGroup): void => {
  if (state === 'Empty') assert(members.length === 0, 'an empty group has no members')
  if (state === 'CompletingRebalance' || state === 'Stable') {
    assert(
      members.some(({ memberId }) => memberId === leader),
      'the leader is a member',
    )
    assert(protocol !== null && protocolType !== null, 'the members have agreed')
    assert(
      members.every(({ joined }) => !joined),
      'nobody waits at a barrier that is not there',
    )
  }
}

const assertConsumer = ({ epoch, targetEpoch, members }: ConsumerGroup): void => {
  assert(targetEpoch <= epoch, 'targets are not newer than the group')
  const owned = new Set<string>()
  for (const member of members) {
    assert(member.epoch <= epoch, 'no member is ahead of its group')
    for (const partitions of [member.assigned, member.revoking]) {
      for (const [topicId, indexes] of Object.entries(partitions)) {
        for (const index of indexes) {
          assert(!owned.has(`${topicId}-${index}`), 'a partition has one owner')
          owned.add(`${topicId}-${index}`)
        }
      }
    }
  }
}
