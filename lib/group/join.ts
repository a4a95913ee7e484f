import { expire, expireClassic } from './expire.ts'
import {
  asClassic,
  type ClassicGroup,
  type ErrorName,
  type Group,
  identify,
  type Member,
  type Moment,
  newGroup,
  type Protocol,
  type Step,
} from './group.ts'
import type { GroupLimits } from './limits.ts'
import { agrees, openBarrier, tryClose, vote, withoutMembers } from './rebalance.ts'

export type JoinRequest = {
  /** Empty where the coordinator is to name the member. */
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocolType: string
  readonly protocols: readonly Protocol[]
  /** The client joins twice, the second time with the id it was given (v4, KIP-394). */
  readonly knowsMemberIdRequired: boolean
  /** The client understands that it leads and has nothing to assign (v9, KIP-814). */
  readonly knowsSkipAssignment: boolean
}

export type JoinReply = {
  readonly error: ErrorName
  readonly memberId: string
  readonly generation: number
  readonly protocolType: string | null
  readonly protocol: string | null
  readonly leader: string
  readonly skipAssignment: boolean
  /** All members, for the leader; nobody for the others. */
  readonly members: readonly {
    readonly memberId: string
    readonly instanceId: string | null
    readonly metadata: Buffer
  }[]
}

type Joined = Step<JoinReply | 'wait'>

/** A member comes, or comes again: it waits until all have come, or is told at once what the generation is. */
export const join = (group: Group | undefined, request: JoinRequest, limits: GroupLimits, moment: Moment): Joined => {
  const { sessionTimeoutMs } = request
  if (sessionTimeoutMs < limits.minSessionTimeoutMs || sessionTimeoutMs > limits.maxSessionTimeoutMs) {
    return { group, reply: refused('INVALID_SESSION_TIMEOUT', request) }
  }
  if (request.protocolType === '' || request.protocols.length === 0) {
    return { group, reply: refused('INCONSISTENT_GROUP_PROTOCOL', request) }
  }
  if (group === undefined && request.memberId !== '') return { group, reply: refused('UNKNOWN_MEMBER_ID', request) }
  // Members that died are gone first: the group of the other protocol that they leave behind may change its type.
  const present = group && expire(group, limits, moment.nowMs)
  const classic = asClassic(present ?? newGroup(moment))
  if (classic === undefined) return { group: present, reply: refused('INCONSISTENT_GROUP_PROTOCOL', request) }
  const step = request.memberId === '' ? joinUnknown : joinKnown
  const joined = step(classic, request, limits, moment)
  // A refusal makes no group, and changes nobody's type.
  return joined.group === classic ? { ...joined, group: present } : joined
}

/** The same request, when it has been waiting: it belongs to whatever barrier is open now. */
export const awaitJoin = (
  group: Group | undefined,
  request: JoinRequest,
  waiting: string,
  { nowMs }: Moment,
): Joined => {
  if (group?.type !== 'classic') return { group, reply: refused('UNKNOWN_MEMBER_ID', request) }
  const present = expireClassic(group, nowMs)
  const found = identify(present.members, { memberId: waiting, instanceId: request.instanceId })
  if ('error' in found) return { group: present, reply: refused(found.error, { memberId: waiting }) }
  if (present.state !== 'PreparingRebalance') return current(present, found.member)
  return found.member.joined ? { group: present, reply: 'wait' } : rejoin(present, found.member, request, nowMs)
}

/** Whoever gave up waiting without knowing its id cannot come back for it. */
export const giveUpJoin = (group: Group | undefined, waiting: string, { nowMs }: Moment): Step<'left'> => ({
  group:
    group?.type === 'classic' && group.state === 'PreparingRebalance'
      ? withoutMembers(group, ({ memberId }) => memberId === waiting, nowMs)
      : group,
  reply: 'left',
})

const joinUnknown = (group: ClassicGroup, request: JoinRequest, limits: GroupLimits, moment: Moment): Joined => {
  const { nowMs } = moment
  if (!fits(group, { ...request, memberId: '' })) return refuse(group, 'INCONSISTENT_GROUP_PROTOCOL', request)
  const memberId = newMemberId(request, moment)
  const earlier = group.members.find((member) => member.memberId === memberId)
  // This very request was stored before, and the answer lost.
  if (earlier !== undefined) return awaitJoin(group, request, memberId, moment)
  const former = group.members.find(({ instanceId }) => instanceId !== null && instanceId === request.instanceId)
  if (former !== undefined) return replaceStatic(group, former, memberId, request, nowMs)
  if (isFull(group, limits)) return refuse(group, 'GROUP_MAX_SIZE_REACHED', request)
  if (request.instanceId !== null || !request.knowsMemberIdRequired) return add(group, memberId, request, limits, nowMs)
  const pending = group.pending.some((one) => one.memberId === memberId)
    ? group.pending
    : [...group.pending, { memberId, untilMs: nowMs + request.sessionTimeoutMs }]
  return { group: { ...group, pending }, reply: refused('MEMBER_ID_REQUIRED', { memberId }) }
}

const joinKnown = (group: ClassicGroup, request: JoinRequest, limits: GroupLimits, { nowMs }: Moment): Joined => {
  const { memberId } = request
  if (!fits(group, request)) return refuse(group, 'INCONSISTENT_GROUP_PROTOCOL', request)
  if (group.pending.some((one) => one.memberId === memberId)) {
    const pending = group.pending.filter((one) => one.memberId !== memberId)
    return add({ ...group, pending }, memberId, request, limits, nowMs)
  }
  const found = identify(group.members, request)
  if ('error' in found) return refuse(group, found.error, request)
  const { member } = found
  const same = sameProtocols(member.protocols, request.protocols)
  const mayStay = group.state === 'CompletingRebalance' || (group.state === 'Stable' && memberId !== group.leader)
  return same && mayStay ? current(group, member) : rejoin(group, member, request, nowMs)
}

const fits = (group: ClassicGroup, request: JoinRequest): boolean =>
  group.members.length === 0 || (group.protocolType === request.protocolType && agrees(group, request))

/** Who has an id that has not joined takes a place too. */
const isFull = ({ members, pending }: ClassicGroup, { maxMembers }: GroupLimits): boolean =>
  members.length + pending.length >= maxMembers

/** As Kafka names them: what the client calls itself, and chance. */
export const newMemberId = ({ instanceId, clientId }: JoinRequest, { randomId }: Moment): string =>
  `${instanceId ?? clientId}-${randomId}`

const add = (
  group: ClassicGroup,
  memberId: string,
  request: JoinRequest,
  { initialJoinDelayMs }: GroupLimits,
  nowMs: number,
): Joined => {
  const members = [
    ...group.members,
    { ...memberOf(memberId, request), assignment: noBytes, joined: true, seenMs: nowMs },
  ]
  const grown = { ...group, emptySinceMs: undefined, members, protocolType: request.protocolType }
  const barrier = openBarrier(grown, nowMs)
  // Members that start together come one after the other: a group that forms waits a little for the next.
  const notBeforeMs = group.members.length === 0 ? nowMs + initialJoinDelayMs : barrier.notBeforeMs
  return closeOrWait({ ...barrier, notBeforeMs }, memberId, nowMs)
}

const memberOf = (memberId: string, request: JoinRequest) => ({
  memberId,
  instanceId: request.instanceId,
  clientId: request.clientId,
  clientHost: request.clientHost,
  sessionTimeoutMs: request.sessionTimeoutMs,
  rebalanceTimeoutMs: request.rebalanceTimeoutMs,
  protocols: request.protocols,
  synced: false,
})

const noBytes = Buffer.alloc(0)

const rejoin = (group: ClassicGroup, member: Member, request: JoinRequest, nowMs: number): Joined => {
  const changed: Member = {
    ...member,
    ...memberOf(member.memberId, request),
    synced: member.synced,
    joined: true,
    seenMs: nowMs,
  }
  const members = group.members.map((one) => (one === member ? changed : one))
  return closeOrWait(openBarrier({ ...group, members }, nowMs), member.memberId, nowMs)
}

/** The same instance, started again: it takes the place of its former self, which is fenced from now on. */
const replaceStatic = (
  group: ClassicGroup,
  former: Member,
  memberId: string,
  request: JoinRequest,
  nowMs: number,
): Joined => {
  const member: Member = { ...former, ...memberOf(memberId, request), synced: former.synced, seenMs: nowMs }
  const replaced: ClassicGroup = {
    ...group,
    fence: group.fence + 1,
    leader: group.leader === former.memberId ? memberId : group.leader,
    members: group.members.map((one) => (one === former ? member : one)),
  }
  const stays = group.state === 'Stable' && vote(replaced.members) === group.protocol
  if (!stays) return rejoin(replaced, member, request, nowMs)
  const told = current(replaced, member)
  if (told.reply === 'wait' || replaced.leader !== memberId) return told
  // It must not assign anew: nobody would ask for it. Older clients are told that somebody else leads.
  return request.knowsSkipAssignment
    ? { ...told, reply: { ...told.reply, skipAssignment: true } }
    : { ...told, reply: { ...told.reply, leader: former.memberId, members: [] } }
}

const closeOrWait = (group: ClassicGroup, memberId: string, nowMs: number): Joined => {
  const closed = tryClose(group, nowMs)
  const member = closed.members.find((one) => one.memberId === memberId)
  return closed.state === 'PreparingRebalance' || member === undefined
    ? { group: closed, reply: 'wait' }
    : current(closed, member)
}

/** What a member of the present generation is told. */
const current = (group: ClassicGroup, member: Member): Joined => {
  const leads = member.memberId === group.leader
  const members = group.members.map(({ memberId, instanceId, protocols }) => ({
    memberId,
    instanceId,
    metadata: protocols.find(({ name }) => name === group.protocol)?.metadata ?? noBytes,
  }))
  return {
    group,
    reply: {
      error: 'NONE',
      memberId: member.memberId,
      generation: group.generation,
      protocolType: group.protocolType,
      protocol: group.protocol,
      leader: group.leader ?? '',
      skipAssignment: false,
      members: leads ? members : [],
    },
  }
}

const sameProtocols = (left: readonly Protocol[], right: readonly Protocol[]): boolean =>
  left.length === right.length &&
  left.every(({ name, metadata }, i) => name === right[i]?.name && metadata.equals(right[i].metadata))

const refuse = (group: ClassicGroup, error: ErrorName, request: JoinRequest): Joined => ({
  group,
  reply: refused(error, request),
})

export const refused = (error: ErrorName, { memberId }: { readonly memberId: string }): JoinReply => ({
  error,
  memberId,
  generation: -1,
  protocolType: null,
  protocol: null,
  leader: '',
  skipAssignment: false,
  members: [],
})
