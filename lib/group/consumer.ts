import { retarget, subscribedTopics, withoutConsumers } from './consumer-members.ts'
import { expire } from './expire.ts'
import {
  type AssignorName,
  asConsumer,
  type ConsumerGroup,
  type ConsumerMember,
  type ErrorName,
  type Group,
  type GroupTopic,
  type Moment,
  newGroup,
  type Partitions,
  type Step,
} from './group.ts'
import { seen } from './life-signs.ts'
import type { GroupLimits } from './limits.ts'
import { isNone, minus, noPartitions, union } from './partitions.ts'
import { inNewEpoch, reconcile, withConsumer } from './reconcile.ts'
import { PatternProblem, topicPattern } from './topic-pattern.ts'

/** Null: as in the heartbeat before. */
export type ConsumerRequest = {
  /** Empty where the coordinator is to name the member (v0). */
  readonly memberId: string
  /** 0 joins, −1 leaves, −2 leaves for a while. */
  readonly memberEpoch: number
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  /** −1 where it is as before. */
  readonly rebalanceTimeoutMs: number
  readonly subscribedNames: readonly string[] | null
  readonly subscribedRegex: string | null
  readonly assignor: string | null
  readonly owned: Partitions | null
}

export type ConsumerReply = {
  readonly error: ErrorName
  readonly message: string | null
  readonly memberId: string
  readonly memberEpoch: number
  /** Null: as told before. */
  readonly assignment: Partitions | null
}

type Stepped = Step<ConsumerReply>

/** Which topics a heartbeat has to know of; undefined when what the group knows is recent enough. */
export type WantedTopics = { readonly names: readonly string[]; readonly all: boolean }

export const wantedTopics = (
  group: Group | undefined,
  request: ConsumerRequest,
  { topicsSeenForMs }: GroupLimits,
  nowMs: number,
): WantedTopics | undefined => {
  const members = group?.type === 'consumer' ? group.members : []
  const seenMs = group?.type === 'consumer' ? group.topicsSeenMs : 0
  const known = members.find(({ memberId }) => memberId === request.memberId)
  // Some clients say all they have said before with every heartbeat.
  const changes =
    request.memberEpoch === 0 || known === undefined || subscriptionChanged(known, subscribed(known, request))
  if (request.memberEpoch < 0 || (!changes && nowMs - seenMs < topicsSeenForMs)) return undefined
  const names = [...members.flatMap(({ subscribedNames }) => subscribedNames), ...(request.subscribedNames ?? [])]
  const all = members.some(({ subscribedRegex }) => subscribedRegex !== '') || Boolean(request.subscribedRegex)
  return { names: [...new Set(names)], all }
}

/**
 * The one request of the new protocol: joins, lives, confirms, leaves. It never waits: whatever the member has to know
 * is in the answer to one of its next heartbeats. `topics` are those that were wanted and exist.
 */
export const consumerHeartbeat = (
  group: Group | undefined,
  request: ConsumerRequest,
  topics: readonly GroupTopic[] | undefined,
  limits: GroupLimits,
  moment: Moment,
): Stepped => {
  const problem = problemOf(request)
  if (problem !== undefined) return { group, reply: refusedConsumer(problem.error, problem.message) }
  if (group === undefined && request.memberEpoch !== 0) return unknown(group)
  // Members that died are gone first: the group of the other protocol that they leave behind may change its type.
  const present = group && expire(group, limits, moment.nowMs)
  const consumers = asConsumer(present ?? newGroup(moment))
  if (consumers === undefined) {
    return { group: present, reply: refusedConsumer('GROUP_ID_NOT_FOUND', 'The group is not a consumer group.') }
  }
  const stepped = consumers.members.length === 0 && request.memberEpoch !== 0 ? unknown(consumers) : undefined
  const step = stepped ?? stepOf(consumers, request, topics, limits, moment)
  // A refusal makes no group, and changes nobody's type.
  return step.group === consumers ? { ...step, group: present } : step
}

const stepOf = (
  group: ConsumerGroup,
  request: ConsumerRequest,
  topics: readonly GroupTopic[] | undefined,
  limits: GroupLimits,
  moment: Moment,
): Stepped => {
  if (request.memberEpoch < 0) return leave(group, request, moment.nowMs)
  return request.memberEpoch === 0
    ? join(group, request, topics, limits, moment)
    : live(group, request, topics, limits, moment)
}

const join = (
  group: ConsumerGroup,
  request: ConsumerRequest,
  topics: readonly GroupTopic[] | undefined,
  { maxMembers }: GroupLimits,
  moment: Moment,
): Stepped => {
  const { nowMs } = moment
  const memberId = request.memberId === '' ? moment.randomId : request.memberId
  const known = group.members.find((member) => member.memberId === memberId)
  const former = group.members.find(({ instanceId }) => instanceId !== null && instanceId === request.instanceId)
  if (former !== undefined && former !== known) {
    if (former.epoch !== awayEpoch) {
      const message = `The instance ${request.instanceId} is in use by another member.`
      return { group, reply: refusedConsumer('UNRELEASED_INSTANCE_ID', message) }
    }
    return enter(group, former, { ...former, memberId, confirmed: false, seenMs: nowMs }, request, topics, nowMs)
  }
  if (known !== undefined) return enter(group, known, { ...known, seenMs: nowMs }, request, topics, nowMs)
  if (group.members.length >= maxMembers) {
    return { group, reply: refusedConsumer('GROUP_MAX_SIZE_REACHED', `The group has ${maxMembers} members already.`) }
  }
  const member = newMember(memberId, request, nowMs)
  // Whoever is no member could commit as long as there was none.
  const fence = group.members.length === 0 ? group.fence + 1 : group.fence
  const grown = { ...group, fence, emptySinceMs: undefined, members: [...group.members, member] }
  return enter(grown, member, member, request, topics, nowMs)
}

/** A static member that has left for a while keeps its place under this epoch. */
const awayEpoch = -2

const newMember = (memberId: string, request: ConsumerRequest, nowMs: number): ConsumerMember => ({
  memberId,
  instanceId: request.instanceId,
  rackId: request.rackId,
  clientId: request.clientId,
  clientHost: request.clientHost,
  rebalanceTimeoutMs: request.rebalanceTimeoutMs,
  subscribedNames: [],
  subscribedRegex: '',
  assignor: null,
  epoch: 0,
  previousEpoch: 0,
  givenEpoch: 0,
  freshEpoch: undefined,
  target: noPartitions,
  assigned: noPartitions,
  revoking: noPartitions,
  revokeUntilMs: undefined,
  confirmed: false,
  seenMs: nowMs,
})

/**
 * A member comes or comes back. Its epoch is new, so that everything it sent before is out of date. That it has nothing is
 * believed only when it says so under the new epoch: this request may be an old one that arrives late.
 */
const enter = (
  group: ConsumerGroup,
  former: ConsumerMember,
  entering: ConsumerMember,
  request: ConsumerRequest,
  topics: readonly GroupTopic[] | undefined,
  nowMs: number,
): Stepped => {
  // Its time to give something up begins anew: it has not been told of anything yet.
  const member = { ...subscribed(entering, request), revokeUntilMs: undefined }
  const replaced = { ...group, members: group.members.map((other) => (other === former ? member : other)) }
  const targeted = withTopics(replaced, topics, member.epoch === 0 || subscriptionChanged(former, member), nowMs)
  const present = targeted.members.find((other) => other.memberId === member.memberId)
  if (present === undefined) return unknown(group)
  const renewed = present.epoch === 0 ? targeted : inNewEpoch(targeted, present, 'fresh')
  return settle(renewed, present.memberId, null, true, nowMs)
}

const live = (
  group: ConsumerGroup,
  request: ConsumerRequest,
  topics: readonly GroupTopic[] | undefined,
  { consumerSessionTimeoutMs }: GroupLimits,
  { nowMs }: Moment,
): Stepped => {
  const found = find(group, request)
  if ('error' in found) return { group, reply: refusedConsumer(found.error, found.message) }
  const { member } = found
  const { memberEpoch, owned } = request
  const isPresent = memberEpoch === member.epoch
  // The answer that told the present epoch was lost.
  const missedOne =
    memberEpoch === member.previousEpoch &&
    (owned === null || isNone(minus(owned, union(member.assigned, member.revoking))))
  if (!isPresent && !missedOne) {
    const message = `The member's epoch is ${member.epoch}. It must abandon all its partitions and join again.`
    return { group, reply: refusedConsumer('FENCED_MEMBER_EPOCH', message) }
  }
  const living = subscribed(seen(member, consumerSessionTimeoutMs, nowMs), request)
  const changed = rejoined(group, living, memberEpoch)
  const targeted = withTopics(changed, topics, subscriptionChanged(member, living), nowMs)
  const full = request.subscribedNames !== null && request.rebalanceTimeoutMs !== -1 && owned !== null
  const isRecent = memberEpoch >= member.givenEpoch
  return settle(targeted, member.memberId, isRecent ? owned : null, full || !isPresent, nowMs)
}

/** What a member's first heartbeat after a request to join says about that request. */
const rejoined = (group: ConsumerGroup, member: ConsumerMember, saidEpoch: number): ConsumerGroup => {
  if (member.freshEpoch === undefined) return withConsumer(group, member)
  // It has not joined again, that request was an old one. Or it has, and this one is older: neither may be believed.
  if (saidEpoch !== member.freshEpoch) return inNewEpoch(group, { ...member, confirmed: false })
  // It has joined again, and abandoned before what it had.
  const next = {
    ...member,
    givenEpoch: saidEpoch,
    freshEpoch: undefined,
    revoking: noPartitions,
    revokeUntilMs: undefined,
    confirmed: false,
  }
  return isNone(member.revoking) ? withConsumer(group, next) : inNewEpoch({ ...group, fence: group.fence + 1 }, next)
}

/** Reconciles the member and tells it what it must know. */
const settle = (
  group: ConsumerGroup,
  memberId: string,
  owned: Partitions | null,
  full: boolean,
  nowMs: number,
): Stepped => {
  const before = group.members.find((other) => other.memberId === memberId)
  if (before === undefined) return unknown(group)
  const reconciled = reconcile(group, before, owned, nowMs)
  const member = reconciled.members.find((other) => other.memberId === memberId) ?? before
  const assignment = full || !member.confirmed ? member.assigned : null
  return {
    group: reconciled,
    reply: { error: 'NONE', message: null, memberId, memberEpoch: member.epoch, assignment },
  }
}

/** New targets where members, subscriptions or topics have changed. */
const withTopics = (
  group: ConsumerGroup,
  topics: readonly GroupTopic[] | undefined,
  changed: boolean,
  nowMs: number,
): ConsumerGroup => {
  if (topics === undefined) return changed ? retarget(group, group.topics) : group
  const looked = { ...group, topicsSeenMs: nowMs }
  const sameTopics = JSON.stringify(subscribedTopics(group.members, topics)) === JSON.stringify(group.topics)
  return changed || !sameTopics ? retarget(looked, topics) : looked
}

const leave = (group: ConsumerGroup, request: ConsumerRequest, nowMs: number): Stepped => {
  const found = find(group, request)
  if ('error' in found) return { group, reply: refusedConsumer(found.error, found.message) }
  const { member } = found
  const reply: ConsumerReply = {
    error: 'NONE',
    message: null,
    memberId: member.memberId,
    memberEpoch: request.memberEpoch,
    assignment: null,
  }
  if (request.memberEpoch !== awayEpoch)
    return { group: withoutConsumers(group, (one) => one === member, nowMs), reply }
  const away = {
    ...member,
    epoch: awayEpoch,
    previousEpoch: member.epoch,
    revoking: noPartitions,
    revokeUntilMs: undefined,
    seenMs: nowMs,
  }
  return { group: { ...withConsumer(group, away), fence: group.fence + 1 }, reply }
}

type Found = { readonly member: ConsumerMember } | { readonly error: ErrorName; readonly message: string }

const find = (group: ConsumerGroup, { memberId, instanceId }: ConsumerRequest): Found => {
  const byInstance = group.members.find((member) => instanceId !== null && member.instanceId === instanceId)
  if (byInstance !== undefined && byInstance.memberId !== memberId) {
    return { error: 'FENCED_INSTANCE_ID', message: `The instance ${instanceId} belongs to another member now.` }
  }
  const member = group.members.find((one) => one.memberId === memberId)
  return member ? { member } : { error: 'UNKNOWN_MEMBER_ID', message: `The member ${memberId} is not in the group.` }
}

/** The member with what the request says anew. */
const subscribed = (member: ConsumerMember, request: ConsumerRequest): ConsumerMember => {
  const next: ConsumerMember = {
    ...member,
    rackId: request.rackId ?? member.rackId,
    clientId: request.clientId,
    clientHost: request.clientHost,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : request.rebalanceTimeoutMs,
    subscribedNames: request.subscribedNames?.toSorted() ?? member.subscribedNames,
    subscribedRegex: request.subscribedRegex ?? member.subscribedRegex,
    assignor: request.assignor === null ? member.assignor : assignorOf(request.assignor),
  }
  return JSON.stringify(next) === JSON.stringify(member) ? member : next
}

const subscriptionChanged = (left: ConsumerMember, right: ConsumerMember): boolean =>
  left.subscribedRegex !== right.subscribedRegex ||
  left.assignor !== right.assignor ||
  JSON.stringify(left.subscribedNames) !== JSON.stringify(right.subscribedNames)

const assignorOf = (name: string): AssignorName | null => (name === 'uniform' || name === 'range' ? name : null)

type Problem = { readonly error: ErrorName; readonly message: string }

const problemOf = (request: ConsumerRequest): Problem | undefined => {
  const { memberEpoch } = request
  const invalid = (message: string): Problem => ({ error: 'INVALID_REQUEST', message })
  if (request.memberId === '' && memberEpoch !== 0) return invalid("MemberId can't be empty.")
  if (request.instanceId === '') return invalid("InstanceId can't be empty.")
  if (request.rackId === '') return invalid("RackId can't be empty.")
  if (memberEpoch < awayEpoch) return invalid(`MemberEpoch is ${memberEpoch}, but must be greater than or equal to -2.`)
  if (memberEpoch === awayEpoch && request.instanceId === null) return invalid("InstanceId can't be null.")
  if (memberEpoch === 0) {
    if (request.rebalanceTimeoutMs === -1) return invalid('RebalanceTimeoutMs must be provided in first request.')
    if (request.owned === null || !isNone(request.owned)) {
      return invalid('TopicPartitions must be empty when (re-)joining.')
    }
    if (request.subscribedNames === null && request.subscribedRegex === null) {
      return invalid('Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.')
    }
  }
  if (request.assignor !== null && assignorOf(request.assignor) === null) {
    const message = `ServerAssignor ${request.assignor} is not supported. Supported assignors: uniform, range.`
    return { error: 'UNSUPPORTED_ASSIGNOR', message }
  }
  return patternProblem(request.subscribedRegex)
}

const patternProblem = (regex: string | null): Problem | undefined => {
  if (regex === null || regex === '') return undefined
  try {
    topicPattern(regex)
    return undefined
  } catch (error) {
    if (!(error instanceof PatternProblem)) throw error
    return {
      error: 'INVALID_REGULAR_EXPRESSION',
      message: `SubscribedTopicRegex \`${regex}\` is not a valid regular expression: ${error.message}.`,
    }
  }
}

const unknown = (group: Group | undefined): Stepped => ({
  group,
  reply: refusedConsumer('UNKNOWN_MEMBER_ID', 'The member is not in the group.'),
})

export const refusedConsumer = (error: ErrorName, message: string | null): ConsumerReply => ({
  error,
  message,
  memberId: '',
  memberEpoch: 0,
  assignment: null,
})
