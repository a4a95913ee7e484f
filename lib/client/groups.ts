import { assignmentOf } from '../group/consumer-protocol.ts'
import { errors } from '../protocol/errors.ts'
import { ConsumerGroupDescribe } from '../protocol/messages/consumer-group-describe.ts'
import { DescribeGroups } from '../protocol/messages/describe-groups.ts'
import { ListGroups } from '../protocol/messages/list-groups.ts'
import { type KafkaCluster, Refused, requireNone, requireSettled } from './cluster.ts'
import type { TopicPartition } from './offsets.ts'

export type ListedGroup = {
  readonly groupId: string
  readonly protocolType: string
  readonly state: string
  /** `Classic`, `Consumer`. */
  readonly type: string
}

/** Every broker tells of those that it coordinates. */
export const listGroups = async (
  cluster: KafkaCluster,
  statesFilter: readonly string[],
  typesFilter: readonly string[],
): Promise<readonly ListedGroup[]> => {
  const { brokers } = await cluster.metadata([])
  const groups = new Map<string, ListedGroup>()
  for (const { nodeId } of brokers) {
    const answer = await cluster.patiently(async () => {
      const listed = await (await cluster.node(nodeId)).ask(ListGroups, { statesFilter, typesFilter })
      requireNone(listed)
      return listed.groups
    })
    for (const { groupId, protocolType, groupState, groupType } of answer) {
      groups.set(groupId, { groupId, protocolType, state: groupState, type: capitalized(groupType || 'classic') })
    }
  }
  return [...groups.values()].toSorted((a, b) => (a.groupId < b.groupId ? -1 : 1))
}

const capitalized = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1).toLowerCase()

export type DescribedMember = {
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly host: string
  readonly assigned: readonly TopicPartition[]
  /** Of groups of the new protocol. */
  readonly epoch: number | undefined
  readonly target: readonly TopicPartition[] | undefined
}

export type DescribedGroup = {
  readonly groupId: string
  readonly state: string
  readonly assignor: string
  /** Of groups of the new protocol. */
  readonly epoch: number | undefined
  readonly targetEpoch: number | undefined
  readonly members: readonly DescribedMember[]
}

/** Throws `Refused` with GROUP_ID_NOT_FOUND where there is none. */
export const describeGroup = (cluster: KafkaCluster, groupId: string): Promise<DescribedGroup> =>
  cluster.patiently(async () => {
    const connection = await cluster.coordinatorOf(groupId)
    if (connection.versionOf(ConsumerGroupDescribe) !== undefined) {
      const request = { groupIds: [groupId], includeAuthorizedOperations: false }
      const [group] = (await connection.ask(ConsumerGroupDescribe, request)).groups
      requireSettled(group?.errorCode ?? errors.NONE)
      if (group?.errorCode === errors.NONE) {
        return {
          groupId,
          state: group.groupState,
          assignor: group.assignorName,
          epoch: group.groupEpoch,
          targetEpoch: group.assignmentEpoch,
          members: group.members.map(({ memberId, instanceId, clientId, clientHost, memberEpoch, ...member }) => ({
            memberId,
            instanceId,
            clientId,
            host: clientHost,
            epoch: memberEpoch,
            assigned: partitionsIn(member.assignment),
            target: partitionsIn(member.targetAssignment),
          })),
        }
      }
    }
    const [group] = (await connection.ask(DescribeGroups, { groups: [groupId] })).groups
    if (group === undefined) throw new Error('a broker describes the group it is asked for')
    requireNone(group)
    if (group.groupState === 'Dead') throw new Refused(errors.GROUP_ID_NOT_FOUND, `Group ${groupId} not found.`)
    return {
      groupId,
      state: group.groupState,
      assignor: group.protocolData,
      epoch: undefined,
      targetEpoch: undefined,
      members: group.members.map(({ memberId, groupInstanceId, clientId, clientHost, memberAssignment }) => ({
        memberId,
        instanceId: groupInstanceId,
        clientId,
        host: clientHost,
        epoch: undefined,
        assigned: assignmentIn(memberAssignment),
        target: undefined,
      })),
    }
  })

type Assignment = {
  readonly topicPartitions: readonly { readonly topicName: string; readonly partitions: readonly number[] }[]
}

const partitionsIn = ({ topicPartitions }: Assignment): readonly TopicPartition[] =>
  topicPartitions.flatMap(({ topicName, partitions }) =>
    partitions.map((partition) => ({ topic: topicName, partition })),
  )

/** What a member of a classic group was assigned; nothing where its bytes are something else. */
export const assignmentIn = (bytes: Buffer): readonly TopicPartition[] =>
  [...(assignmentOf(bytes) ?? [])].flatMap(([topic, partitions]) =>
    partitions.map((partition) => ({ topic, partition })),
  )
