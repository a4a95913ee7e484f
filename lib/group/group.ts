import assert from 'node:assert'
import type { errors } from '../protocol/errors.ts'

/** Kafka's name of an error. */
export type ErrorName = keyof typeof errors

/** A consumer group: one document, replaced by version. Its state is what the last step made of it. */
export type Group = ClassicGroup | ConsumerGroup | LeaseGroup

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

/** A group of workers without sessions: each has what it was lent, `lease.ts`. Leases stand where members do. */
export type LeaseGroup = Life & {
  readonly type: 'lease'
  /** The number of the newest lease. */
  readonly epoch: number
  /** Somebody who has no lease may be committing: the next lease has to raise the fence. */
  readonly isOpen: boolean
  readonly members: readonly Lease[]
  /** Records that failed and are behind the committed offset: to be handed out again, or to be taken away as dead. */
  readonly failed: readonly FailedRecord[]
  /** Numbers of the latest leases of which everything was acknowledged: a repeat is told so. */
  readonly done: readonly number[]
}

export type Lease = {
  /** `<number>-<life>`: what its holder says. */
  readonly memberId: string
  readonly instanceId: null
  readonly number: number
  readonly clientId: string
  readonly clientHost: string
  /** From then on somebody else may take over what it has; until somebody does it is as good as before. */
  readonly untilMs: number
  /** What was handed out and is not committed, a range for each partition. */
  readonly ranges: readonly LeaseRange[]
}

/** Offsets from `from` to before `upTo`; below 2⁵³. */
export type LeaseRange = {
  readonly topicId: string
  readonly name: string
  readonly index: number
  readonly from: number
  readonly upTo: number
}

export type FailedRecord = {
  readonly topicId: string
  readonly name: string
  readonly index: number
  readonly offset: number
  /** How often it was handed out. */
  readonly attempts: number
  /** What was said of it last. */
  readonly error: string
  /** The lease that has it, or null. */
  readonly lease: number | null
  /** When it may be handed out again. */
  readonly dueMs: number
  /** It is not handed out any more, only to the dead letters. */
  readonly isDead: boolean
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

/** Nobody uses it, and nothing is left that another type of group would not know of. */
const isFree = (group: Group): boolean =>
  group.members.length === 0 && (group.type !== 'lease' || group.failed.length === 0)

const generationOf = (group: Group): number => (group.type === 'classic' ? group.generation : group.epoch)

/** An empty group may change its type; its offsets stay, and its numbers go on. Undefined while others use it. */
export const asClassic = (group: Group): ClassicGroup | undefined => {
  if (group.type === 'classic') return group
  if (!isFree(group)) return undefined
  const { life, emptySinceMs, fence } = group
  return {
    type: 'classic',
    life,
    fence: fence + 1,
    emptySinceMs,
    ...noGeneration,
    generation: generationOf(group),
    protocolType: 'consumer',
  }
}

export const asConsumer = (group: Group): ConsumerGroup | undefined => {
  if (group.type === 'consumer') return group
  if (!isFree(group)) return undefined
  const { life, emptySinceMs, fence } = group
  const epoch = generationOf(group)
  return {
    type: 'consumer',
    life,
    fence: fence + 1,
    emptySinceMs,
    epoch,
    targetEpoch: epoch,
    assignor: 'uniform',
    topics: [],
    topicsSeenMs: 0,
    members: [],
  }
}

export const asLease = (group: Group): LeaseGroup | undefined => {
  if (group.type === 'lease') return group
  if (!isFree(group)) return undefined
  const { life, emptySinceMs, fence } = group
  return {
    type: 'lease',
    life,
    fence: fence + 1,
    emptySinceMs,
    epoch: generationOf(group),
    isOpen: false,
    members: [],
    failed: [],
    done: [],
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
  else if (group.type === 'consumer') assertConsumer(group)
  else assertLeases(group)
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

const assertLeases = ({ epoch, isOpen, members, failed }: LeaseGroup): void => {
  assert(!isOpen || members.length === 0, 'while there are leases nobody else commits')
  const numbers = new Set(members.map(({ number }) => number))
  assert(numbers.size === members.length, 'a lease has a number of its own')
  assert(
    members.every(({ number }) => number <= epoch),
    'no lease is ahead of its group',
  )
  const ranges = members.flatMap((lease) => lease.ranges)
  assert(
    ranges.every(({ from, upTo }) => from < upTo),
    'what was committed is not lent any more',
  )
  const lent = new Set(ranges.map(({ topicId, index }) => `${topicId}-${index}`))
  assert(lent.size === ranges.length, 'a partition is lent to one')
  const places = new Set(failed.map(({ topicId, index, offset }) => `${topicId}-${index}-${offset}`))
  assert(places.size === failed.length, 'a record that failed is there once')
  assert(
    failed.every(({ lease, isDead }) => lease === null || (numbers.has(lease) && !isDead)),
    'a record that failed is held by a lease that is there, or by none',
  )
}
