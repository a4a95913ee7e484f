import { assignmentBytes, subscriptionBytes, subscriptionOf } from './consumer-protocol.ts'
import type { ClassicGroup, ConsumerGroup, ConsumerMember, Group, GroupTopic, LeaseGroup, Partitions } from './group.ts'
import { isNone, isSame } from './partitions.ts'

export type ListedGroup = {
  readonly groupId: string
  readonly protocolType: string
  readonly state: string
  /** As Kafka's tools know types of groups, which have no leases. */
  readonly type: 'classic' | 'consumer'
  readonly kind: Group['type']
}

export const listed = (groupId: string, group: Group): ListedGroup => ({
  groupId,
  protocolType: group.type === 'classic' ? (group.protocolType ?? '') : 'consumer',
  state: stateOf(group),
  type: group.type === 'lease' ? 'classic' : group.type,
  kind: group.type,
})

/** As Kafka names states; targets are computed with what they follow from, so Assigning is never seen. */
const stateOf = (group: Group): string => {
  if (group.type === 'classic') return group.state
  if (group.members.length === 0) return 'Empty'
  if (group.type === 'lease') return 'Stable'
  return group.members.every((member) => isStable(group, member)) ? 'Stable' : 'Reconciling'
}

const isStable = ({ targetEpoch }: ConsumerGroup, { epoch, assigned, target, revoking }: ConsumerMember): boolean =>
  epoch >= targetEpoch && isNone(revoking) && isSame(assigned, target)

export const describeGroup = (group: Group): ClassicDescription | ConsumerDescription => {
  if (group.type === 'classic') return describeClassic(group)
  return group.type === 'consumer' ? describeConsumer(group) : describeLeases(group)
}

/** What DescribeGroups says. */
export type ClassicDescription = {
  readonly type: 'classic'
  readonly state: string
  readonly protocolType: string
  readonly protocol: string
  readonly members: readonly {
    readonly memberId: string
    readonly instanceId: string | null
    readonly clientId: string
    readonly clientHost: string
    readonly metadata: Buffer
    readonly assignment: Buffer
  }[]
}

/** As long as a group is not stable there is nothing to tell of what its members do. */
const describeClassic = (group: ClassicGroup): ClassicDescription => {
  const stable = group.state === 'Stable'
  return {
    type: 'classic',
    state: group.state,
    protocolType: group.protocolType ?? '',
    protocol: stable ? (group.protocol ?? '') : '',
    members: group.members.map(({ memberId, instanceId, clientId, clientHost, protocols, assignment }) => ({
      memberId,
      instanceId,
      clientId,
      clientHost,
      metadata: (stable && protocols.find(({ name }) => name === group.protocol)?.metadata) || noBytes,
      assignment: stable ? assignment : noBytes,
    })),
  }
}

const noBytes = Buffer.alloc(0)

/** Kafka's tools see leases as the members of a classic group that have been assigned what they were lent. */
const describeLeases = (group: LeaseGroup): ClassicDescription => ({
  type: 'classic',
  state: stateOf(group),
  protocolType: 'consumer',
  protocol: group.members.length === 0 ? '' : 'lease',
  members: group.members.map(({ memberId, instanceId, number, clientId, clientHost, ranges }) => {
    const held = [...ranges, ...group.failed.filter(({ lease }) => lease === number)]
    const topics = new Map<string, Set<number>>()
    for (const { name, index } of held) topics.set(name, (topics.get(name) ?? new Set()).add(index))
    const metadata = subscriptionBytes([...topics.keys()])
    return { memberId, instanceId, clientId, clientHost, metadata, assignment: assignmentBytes(topics) }
  }),
})

/** What ConsumerGroupDescribe says. */
export type ConsumerDescription = {
  readonly type: 'consumer'
  readonly state: string
  readonly epoch: number
  readonly assignor: string
  readonly members: readonly {
    readonly memberId: string
    readonly instanceId: string | null
    readonly rackId: string | null
    readonly epoch: number
    readonly clientId: string
    readonly clientHost: string
    readonly subscribedNames: readonly string[]
    readonly subscribedRegex: string
    readonly assigned: readonly DescribedTopic[]
    readonly target: readonly DescribedTopic[]
  }[]
}

export type DescribedTopic = {
  readonly topicId: string
  readonly name: string
  readonly partitions: readonly number[]
}

/** Members that have been given something since are ahead of the last change of targets; that is of use to them alone. */
const describeConsumer = (group: ConsumerGroup): ConsumerDescription => ({
  type: 'consumer',
  state: stateOf(group),
  epoch: group.targetEpoch,
  assignor: group.assignor,
  members: group.members.map((member) => ({
    memberId: member.memberId,
    instanceId: member.instanceId,
    rackId: member.rackId,
    epoch: Math.min(member.epoch, group.targetEpoch),
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedNames: member.subscribedNames,
    subscribedRegex: member.subscribedRegex,
    assigned: named(member.assigned, group.topics),
    target: named(member.target, group.topics),
  })),
})

const named = (partitions: Partitions, topics: readonly GroupTopic[]): readonly DescribedTopic[] =>
  Object.entries(partitions).flatMap(([topicId, indexes]) => {
    const topic = topics.find(({ id }) => id === topicId)
    return topic === undefined ? [] : [{ topicId, name: topic.name, partitions: indexes }]
  })

/**
 * Whether a live group consumes from a topic; undefined where only its members know. What classic members say is read
 * only if they are consumers: version int16, then an array of names (Kafka docs: "ConsumerProtocolSubscription").
 */
export const isSubscribed = (group: Group, topicName: string): boolean | undefined => {
  if (group.type === 'consumer') return group.topics.some(({ name }) => name === topicName)
  if (group.type === 'lease') {
    const held = [...group.failed, ...group.members.flatMap(({ ranges }) => ranges)]
    return held.some(({ name }) => name === topicName)
  }
  if (group.members.length === 0) return false
  if (group.protocolType !== 'consumer') return undefined
  return group.members.some(({ protocols }) =>
    protocols.some(({ metadata }) => subscriptionOf(metadata)?.includes(topicName) ?? true),
  )
}
