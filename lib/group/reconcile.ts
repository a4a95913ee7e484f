import type { ConsumerGroup, ConsumerMember, Partitions } from './group.ts'
import { common, isNone, isSame, minus, noPartitions, pairsOf, partitionsOf, union } from './partitions.ts'

/**
 * Brings one member as far towards its target as the others allow: first it gives up what it shall not have, and only
 * when it has confirmed that does anybody else get it (KIP-848). `owned` is what it says it has, null where it says nothing.
 *
 * A member's epoch rises with everything it is given or has given up. So a heartbeat or a commit that was sent before and
 * arrives after carries an older epoch, and cannot be taken for a confirmation; and it is told to give up only when it has
 * said that it has what it was given, or not having it might mean that it is about to take it. Both is stricter than Kafka,
 * which relies on the order within one connection.
 */
export const reconcile = (
  group: ConsumerGroup,
  before: ConsumerMember,
  owned: Partitions | null,
  nowMs: number,
): ConsumerGroup => {
  const released = owned !== null && !isNone(before.revoking) && isNone(common(owned, before.revoking))
  const held = released ? { ...before, revoking: noPartitions, revokeUntilMs: undefined } : before
  const heard = withOwned(held, owned)
  const revoke = minus(heard.assigned, heard.target)
  if (!isNone(revoke)) {
    const revoked = toRevoke(heard, revoke, nowMs)
    return released ? inNewEpoch(freed(group), revoked) : withConsumer(group, revoked)
  }
  if (!isNone(heard.revoking)) return withConsumer(group, heard)
  // Targets may have changed back before it was told anything.
  const settled = heard.revokeUntilMs === undefined ? heard : { ...heard, revokeUntilMs: undefined }
  const given = minus(minus(settled.target, settled.assigned), ownedByOthers(group, settled.memberId))
  if (!isNone(given)) {
    const next = { ...settled, assigned: union(settled.assigned, given), confirmed: false }
    return inNewEpoch(released ? freed(group) : group, next, 'given')
  }
  if (released) return inNewEpoch(freed(group), settled)
  return settled.epoch < group.targetEpoch ? inNewEpoch(group, settled) : withConsumer(group, settled)
}

const withOwned = (member: ConsumerMember, owned: Partitions | null): ConsumerMember => {
  const confirmed = owned === null ? member.confirmed : isSame(owned, member.assigned)
  return confirmed === member.confirmed ? member : { ...member, confirmed }
}

/** From now on it has time; but as long as it has not confirmed what it was given last, it is told that. */
const toRevoke = (member: ConsumerMember, revoke: Partitions, nowMs: number): ConsumerMember => {
  const revokeUntilMs = member.revokeUntilMs ?? nowMs + member.rebalanceTimeoutMs
  if (!member.confirmed) return member.revokeUntilMs === revokeUntilMs ? member : { ...member, revokeUntilMs }
  return {
    ...member,
    assigned: common(member.assigned, member.target),
    revoking: union(member.revoking, revoke),
    revokeUntilMs,
    confirmed: false,
  }
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

/** The member with an epoch that it never had before: given partitions, or to be told only when it joins again. */
export const inNewEpoch = (group: ConsumerGroup, member: ConsumerMember, why?: 'given' | 'fresh'): ConsumerGroup => {
  const isBehind = Math.max(member.epoch, member.previousEpoch) < group.targetEpoch
  const epoch = isBehind ? group.targetEpoch : group.epoch + 1
  const renewed = {
    ...member,
    previousEpoch: member.epoch,
    epoch,
    givenEpoch: why === 'given' ? epoch : member.givenEpoch,
    freshEpoch: why === 'fresh' ? epoch : undefined,
  }
  return withConsumer({ ...group, epoch: Math.max(group.epoch, epoch) }, renewed)
}

/** The group with one member changed; the same group where nothing changed. */
export const withConsumer = (group: ConsumerGroup, changed: ConsumerMember): ConsumerGroup =>
  group.members.includes(changed)
    ? group
    : { ...group, members: group.members.map((other) => (other.memberId === changed.memberId ? changed : other)) }
