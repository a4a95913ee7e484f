import type { ErrorName, Group, LeaseGroup, Partitions } from './group.ts'
import { identify } from './group.ts'
import { has, isNone, minus, partitionsOf } from './partitions.ts'

/**
 * What a group has committed in one topic: one document, replaced by version.
 *
 * How a commit is fenced. A commit reads this document first, **then** the group's, and writes this one under the version
 * it has read. Whoever reads offsets reads the group first, and sees to it that the document has at least the group's
 * fence: if it has less, the document is written, with nothing changed but the fence. The group's fence rises, in one
 * write with the change itself, whenever a member loses the right to commit something that somebody else may get.
 *
 * So let a commit be valid by the group it has read, and stored after another member has fetched the offset under a
 * higher fence. Then the document has not been written between the commit's first read and its write; so it had that
 * fence when the commit read it; so the group had it too, and the commit read the group afterwards. But by that group
 * it is not valid. This costs one small write per topic and rebalance, when somebody fetches, and none before.
 *
 * A document that is missing is put, so that a late first commit meets it too.
 */
export type OffsetsDocument = {
  /** At most the group's, as it is stored. */
  readonly fence: number
  /** Commits so far: counts on also when offsets are deleted. */
  readonly commits: number
  readonly partitions: Readonly<Record<number, Committed>>
}

export type Committed = {
  readonly offset: bigint
  readonly leaderEpoch: number
  readonly metadata: string
  readonly committedMs: number
  /** Which of the document's commits it was. */
  readonly commit: number
}

export const noOffsets: OffsetsDocument = { fence: 0, commits: 0, partitions: {} }

export type Commit = {
  readonly index: number
  readonly offset: bigint
  readonly leaderEpoch: number
  readonly metadata: string
}

/**
 * The document after a commit; the same where nothing is left to do. What has been committed since `seen` was read was
 * under way at the same time: the higher offset stays, whoever was stored first. So two commits of one member that
 * overtake each other in the stores never go backwards. A commit that comes alone may go where it likes.
 */
export const committed = (
  document: OffsetsDocument,
  commits: readonly Commit[],
  { seen, fence, nowMs }: { readonly seen: OffsetsDocument; readonly fence: number; readonly nowMs: number },
): OffsetsDocument => {
  const late = commits.filter(({ index, offset }) => {
    const present = document.partitions[index]
    return present === undefined || present.commit === seen.partitions[index]?.commit || present.offset < offset
  })
  if (late.length === 0) return document
  const commit = document.commits + 1
  const changed = late.map(
    ({ index, offset, leaderEpoch, metadata }) =>
      [index, { offset, leaderEpoch, metadata, committedMs: nowMs, commit }] as const,
  )
  return {
    fence: Math.max(document.fence, fence),
    commits: commit,
    partitions: { ...document.partitions, ...Object.fromEntries(changed) },
  }
}

/** Who commits: a member of a generation or under an epoch, or, with −1 and no name, somebody who is no member. */
export type Committer = {
  readonly memberId: string
  readonly instanceId: string | null
  readonly generationOrEpoch: number
  /** It commits under a lease, and only ever forward. */
  readonly isLease?: boolean
}

/** Why a commit of these partitions is refused; undefined is valid. `group` is after its expiry. */
export const commitRefusal = (
  group: Group | undefined,
  committer: Committer,
  partitions: Partitions,
): ErrorName | undefined => {
  const { memberId, generationOrEpoch } = committer
  if (generationOrEpoch < 0 && (group === undefined || group.members.length === 0)) return undefined
  if (group === undefined) return 'GROUP_ID_NOT_FOUND'
  if (group.type === 'consumer') {
    const member = group.members.find((one) => one.memberId === memberId)
    if (member === undefined) return 'UNKNOWN_MEMBER_ID'
    // A static member that is away: its successor takes over without anybody being fenced.
    if (member.epoch < 0) return 'STALE_MEMBER_EPOCH'
    if (member.epoch === generationOrEpoch) return undefined
    // Sent before the member knew of its present epoch: fine for what it has had all the time.
    const kept = Object.entries(partitions).every(([topicId, indexes]) =>
      indexes.every((index) => has(member.assigned, topicId, index) || has(member.revoking, topicId, index)),
    )
    return member.previousEpoch === generationOrEpoch && member.previousEpoch > 0 && kept
      ? undefined
      : 'STALE_MEMBER_EPOCH'
  }
  if (group.type === 'lease') return leaseRefusal(group, committer, partitions)
  const found = identify(group.members, committer)
  if ('error' in found) return found.error
  if (generationOrEpoch !== group.generation) return 'ILLEGAL_GENERATION'
  return group.state === 'CompletingRebalance' ? 'REBALANCE_IN_PROGRESS' : undefined
}

/** A lease commits what it has, and nobody else anything while there are leases. */
const leaseRefusal = (
  group: LeaseGroup,
  { memberId, isLease }: Committer,
  partitions: Partitions,
): ErrorName | undefined => {
  if (!isLease) return 'UNKNOWN_MEMBER_ID'
  const lease = group.members.find((one) => one.memberId === memberId)
  const lent = partitionsOf((lease?.ranges ?? []).map(({ topicId, index }) => [topicId, index] as const))
  return isNone(minus(partitions, lent)) && lease !== undefined ? undefined : 'FENCED_MEMBER_EPOCH'
}

/** Why somebody may not fetch offsets as a member; most do not say who they are. */
export const fetchRefusal = (
  group: Group | undefined,
  { memberId, memberEpoch }: { readonly memberId: string | null; readonly memberEpoch: number },
): ErrorName | undefined => {
  if (group?.type !== 'consumer' || memberId === null || memberEpoch < 0) return undefined
  const member = group.members.find((one) => one.memberId === memberId)
  if (member === undefined) return 'UNKNOWN_MEMBER_ID'
  return memberEpoch === member.epoch || memberEpoch === member.previousEpoch ? undefined : 'STALE_MEMBER_EPOCH'
}

/**
 * Whether an offset is forgotten: its group has had no members for so long, and it is as old. What consumers without a
 * group commit has only its own age.
 */
export const isExpired = (
  group: Group,
  { committedMs }: Committed,
  { retentionMs, nowMs }: { readonly retentionMs: number; readonly nowMs: number },
): boolean => group.emptySinceMs !== undefined && nowMs - Math.max(sinceOf(group), committedMs) >= retentionMs

const sinceOf = (group: Group): number =>
  group.type === 'classic' && group.protocolType === null ? 0 : (group.emptySinceMs ?? 0)
