import type { ClassicGroup, Member } from './group.ts'

/** What a member tells when it joins an existing group must have a protocol in common with all the others. */
export const agrees = (group: ClassicGroup, joining: Pick<Member, 'memberId' | 'protocols'>): boolean => {
  const others = group.members.filter(({ memberId }) => memberId !== joining.memberId)
  return joining.protocols.some(({ name }) => others.every((member) => supports(member, name)))
}

const supports = (member: Pick<Member, 'protocols'>, name: string): boolean =>
  member.protocols.some((protocol) => protocol.name === name)

/** Every member votes for the first of its protocols that all have; a tie goes to what the first member likes better. */
export const vote = (members: readonly Member[]): string | null => {
  const common = (members[0]?.protocols ?? [])
    .map(({ name }) => name)
    .filter((name) => members.every((member) => supports(member, name)))
  const votes = members.map((member) => member.protocols.find(({ name }) => common.includes(name))?.name)
  const count = (name: string): number => votes.filter((voted) => voted === name).length
  return common.toSorted((a, b) => count(b) - count(a))[0] ?? null
}

/** How long a rebalance may take: as long as the most patient member allows. */
const rebalanceTimeoutMs = ({ members }: ClassicGroup): number =>
  Math.max(...members.map((member) => member.rebalanceTimeoutMs))

/** Opens the barrier, unless it is open; everybody is to join again until the deadline. */
export const openBarrier = (group: ClassicGroup, nowMs: number): ClassicGroup =>
  group.state === 'PreparingRebalance'
    ? group
    : {
        ...group,
        state: 'PreparingRebalance',
        notBeforeMs: nowMs,
        deadlineMs: nowMs + Math.max(0, rebalanceTimeoutMs(group)),
      }

/** Closes the barrier if everybody is there or the time is up. */
export const tryClose = (group: ClassicGroup, nowMs: number): ClassicGroup => {
  if (group.state !== 'PreparingRebalance') return group
  if (group.members.length === 0 || nowMs >= group.deadlineMs) return close(group, nowMs)
  return isComplete(group) && nowMs >= group.notBeforeMs ? close(group, nowMs) : group
}

const isComplete = ({ pending, members }: ClassicGroup): boolean =>
  pending.length === 0 && members.every(({ joined }) => joined)

/** When time alone will do something about the barrier: the time is up, or that of a member that has not joined. */
export const closesAtMs = (group: ClassicGroup): number =>
  isComplete(group)
    ? group.notBeforeMs
    : Math.min(group.deadlineMs, ...group.pending.map(({ untilMs }) => Math.max(untilMs, group.notBeforeMs)))

/** A new generation of those who joined. Static members may be late: they leave with their session only. */
const close = (group: ClassicGroup, nowMs: number): ClassicGroup => {
  const members = group.members.filter(({ joined, instanceId }) => joined || instanceId !== null)
  const next = { ...group, generation: group.generation + 1, fence: group.fence + 1 }
  if (members.length === 0) return emptied(next, nowMs)
  const leader = members.find(({ memberId, joined }) => joined && memberId === group.leader) ?? members.find(hasJoined)
  // Nobody is there who could assign: the static members get as much time again.
  if (leader === undefined) return { ...group, members, deadlineMs: nowMs + rebalanceTimeoutMs({ ...group, members }) }
  return {
    ...next,
    state: 'CompletingRebalance',
    protocol: vote(members),
    leader: leader.memberId,
    members: members.map((member) => ({
      ...member,
      assignment: noAssignment,
      synced: false,
      joined: false,
      seenMs: member.joined ? nowMs : member.seenMs,
    })),
    deadlineMs: nowMs + rebalanceTimeoutMs({ ...group, members }),
  }
}

const hasJoined = ({ joined }: Member): boolean => joined

const noAssignment = Buffer.alloc(0)

const emptied = (group: ClassicGroup, nowMs: number): ClassicGroup => ({
  ...group,
  state: 'Empty',
  protocol: null,
  leader: null,
  members: [],
  emptySinceMs: nowMs,
})

/** Without these members; the rest rebalances. */
export const withoutMembers = (
  group: ClassicGroup,
  leaves: (member: Member) => boolean,
  nowMs: number,
): ClassicGroup => {
  const members = group.members.filter((member) => !leaves(member))
  if (members.length === group.members.length) return group
  return tryClose({ ...openBarrier(group, nowMs), members }, nowMs)
}
