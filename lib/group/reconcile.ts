import type { ConsumerGroup, ConsumerMember, Partitions } from './group.ts'
import { common, isNone, isSame, minus, noPartitions, pairsOf, partitionsOf, union } from './partitions.ts'

/**
 * Brings one member as far towards its target as the others allow: first it gives up what it shall not have, and only
 * when it has confirmed that does anybody else get it (KIP-848). `owned` is what it says it has, null where it says nothing.
 *
 * A member's epoch rises with everything it is given or has given up. So a heartbeat or a commit that was sent before and
 * arrives after carries an older epoch, and cannot be taken for a confirmation. That is stricter than Kafka, which
 * relies on the order within one connection.
 */
export const reconcile = (
  group: ConsumerGroup,
  before: ConsumerMember,
  owned: Partitions | null,
  nowMs: number,
): ConsumerGroup => {
  const released = owned !== null && !isNone(before.revoking) && isNone(common(owned, before.revoking))
  const held = released ? { ...before, revoking: noPartitions, revokeUntilMs: undefined } : before
  const confirmed = owned === null ? held.confirmed : isSame(owned, held.assigned)
  const revoke = minus(held.assigned, held.target)
  if (!isNone(revoke)) {
    const next = {
      ...held,
      assigned: common(held.assigned, held.target),
      revoking: union(held.revoking, revoke),
      revokeUntilMs: held.revokeUntilMs ?? nowMs + held.rebalanceTimeoutMs,
      confirmed: false,
    }
    return released ? inNewEpoch(freed(group), next) : withConsumer(group, next)
  }
  const same = confirmed === held.confirmed ? held : { ...held, confirmed }
  if (!isNone(held.revoking)) return withConsumer(group, same)
  const given = minus(minus(held.target, held.assigned), ownedByOthers(group, held.memberId))
  if (!isNone(given)) {
    const next = { ...held, assigned: union(held.assigned, given), confirmed: false }
    return inNewEpoch(released ? freed(group) : group, next)
  }
  if (released) return inNewEpoch(freed(group), same)
  const late = same.epoch < group.targetEpoch
  return withConsumer(group, late ? { ...same, previousEpoch: same.epoch, epoch: group.targetEpoch } : same)
}

/** Everything that others have, or have not given up yet. */
const ownedByOthers = (group: ConsumerGroup, memberId: string): Partitions =>
  partitionsOf(
    group.members
      .filter((other) => other.memberId !== memberId)
      .flatMap((other) => [...pairsOf(other.assigned), ...pairsOf(other.revoking)]),
  )

/** Partitions have no owner any more: whoever had them may commit nothing more that the next owner would not see. */
const freed = (group: ConsumerGroup): ConsumerGroup => ({ ...group, fence: group.fence + 1 })

/** The member with an epoch that it never had before. */
export const inNewEpoch = (group: ConsumerGroup, member: ConsumerMember): ConsumerGroup => {
  const isBehind = Math.max(member.epoch, member.previousEpoch) < group.targetEpoch
  const epoch = isBehind ? group.targetEpoch : group.epoch + 1
  const renewed = { ...member, previousEpoch: member.epoch, epoch }
  return withConsumer({ ...group, epoch: Math.max(group.epoch, epoch) }, renewed)
}

/** The group with one member changed; the same group where nothing changed. */
export const withConsumer = (group: ConsumerGroup, changed: ConsumerMember): ConsumerGroup =>
  group.members.includes(changed)
    ? group
    : { ...group, members: group.members.map((other) => (other.memberId === changed.memberId ? changed : other)) }
