import { withoutConsumers } from './consumer-members.ts'
import type { ClassicGroup, ConsumerGroup, ConsumerMember, Group, Member } from './group.ts'
import { withoutEnded } from './lease-group.ts'
import { isGone } from './life-signs.ts'
import { closesAtMs, tryClose, withoutMembers } from './rebalance.ts'

/** What time alone has done to the group. It runs first in every step, so nothing needs a timer. */
export const expire = (group: Group, limits: { readonly consumerSessionTimeoutMs: number }, nowMs: number): Group => {
  if (group.type === 'classic') return expireClassic(group, nowMs)
  return group.type === 'consumer' ? expireConsumer(group, limits, nowMs) : withoutEnded(group, nowMs)
}

export const expireClassic = (group: ClassicGroup, nowMs: number): ClassicGroup => {
  const pending = group.pending.filter(({ untilMs }) => nowMs < untilMs)
  const waiting = pending.length === group.pending.length ? group : { ...group, pending }
  const due = nowMs >= group.deadlineMs && (group.state === 'CompletingRebalance' || group.state === 'Stable')
  const leaves = (member: Member): boolean => hasVanished(member, nowMs) || (due && !member.synced)
  return tryClose(withoutMembers(waiting, leaves, nowMs), nowMs)
}

/** Whoever waits at the barrier has no chance to give a sign of life. */
const hasVanished = (member: Member, nowMs: number): boolean =>
  !member.joined && isGone(member, member.sessionTimeoutMs, nowMs)

const expireConsumer = (
  group: ConsumerGroup,
  { consumerSessionTimeoutMs }: { readonly consumerSessionTimeoutMs: number },
  nowMs: number,
): ConsumerGroup => {
  const leaves = (member: ConsumerMember): boolean =>
    isGone(member, consumerSessionTimeoutMs, nowMs) ||
    (member.revokeUntilMs !== undefined && nowMs > member.revokeUntilMs)
  return withoutConsumers(group, leaves, nowMs)
}

/** When time alone will do something for whoever waits at a barrier or for an assignment. */
export const nextDueMs = (group: ClassicGroup): number =>
  group.state === 'PreparingRebalance' ? closesAtMs(group) : group.deadlineMs
