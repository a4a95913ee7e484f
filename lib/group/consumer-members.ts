import { assign } from './assign.ts'
import type { AssignorName, ConsumerGroup, ConsumerMember, GroupTopic } from './group.ts'
import { noPartitions } from './partitions.ts'
import { type TopicPattern, topicPattern } from './topic-pattern.ts'

/** Without these members; what they had is for the others. */
export const withoutConsumers = (
  group: ConsumerGroup,
  leaves: (member: ConsumerMember) => boolean,
  nowMs: number,
): ConsumerGroup => {
  const members = group.members.filter((member) => !leaves(member))
  if (members.length === group.members.length) return group
  const emptySinceMs = members.length === 0 ? nowMs : undefined
  return retarget({ ...group, members, emptySinceMs, fence: group.fence + 1 }, group.topics)
}

/** New targets in a new epoch, from what the members subscribe to and which of these topics there are. */
export const retarget = (group: ConsumerGroup, candidates: readonly GroupTopic[]): ConsumerGroup => {
  const topics = subscribedTopics(group.members, candidates)
  const test = subscriptionTest()
  const subscribers = group.members.map((member) => ({
    memberId: member.memberId,
    topicIds: new Set(topics.filter(({ name }) => test(member, name)).map(({ id }) => id)),
    current: member.target,
  }))
  const assignor = preferred(group.members)
  const targets = assign(assignor, subscribers, topics)
  const epoch = group.epoch + 1
  return {
    ...group,
    epoch,
    targetEpoch: epoch,
    assignor,
    topics,
    members: group.members.map((member) => ({ ...member, target: targets.get(member.memberId) ?? noPartitions })),
  }
}

/** Those of the topics that somebody subscribes to, by name. */
export const subscribedTopics = (
  members: readonly ConsumerMember[],
  candidates: readonly GroupTopic[],
): readonly GroupTopic[] => {
  const test = subscriptionTest()
  return candidates
    .filter(({ name }) => members.some((member) => test(member, name)))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** Members that subscribe by the same expression share its work. */
const subscriptionTest = (): ((member: ConsumerMember, name: string) => boolean) => {
  const patterns = new Map<string, TopicPattern>()
  return ({ subscribedNames, subscribedRegex }, name) => {
    if (subscribedNames.includes(name)) return true
    if (subscribedRegex === '') return false
    const pattern = patterns.get(subscribedRegex) ?? topicPattern(subscribedRegex)
    patterns.set(subscribedRegex, pattern)
    return pattern.matches(name)
  }
}

/** What most members ask for; `uniform` where nobody asks. */
const preferred = (members: readonly ConsumerMember[]): AssignorName => {
  const count = (name: AssignorName): number => members.filter(({ assignor }) => assignor === name).length
  return count('range') > count('uniform') ? 'range' : 'uniform'
}
