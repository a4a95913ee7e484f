import type { Call } from '../broker/context.ts'
import { assignmentOf } from '../group/consumer-protocol.ts'
import type { ClassicDescription, ConsumerDescription } from '../group/describe.ts'
import { shardOfPartition } from '../journal/topics.ts'
import { partitionOf } from '../log/state.ts'
import { committedOf } from './groups-describe.ts'
import { HttpProblem } from './http-problem.ts'

export type GroupDescription = ClassicDescription | ConsumerDescription

export type Member = { readonly memberId: string; readonly instanceId: string | null; readonly clientId: string }

/** How far a group is behind in one partition. */
export type Lag = {
  readonly topic: string
  readonly partition: number
  readonly currentOffset: bigint
  readonly logEndOffset: bigint
  /** Who consumes the partition, as far as it is known. */
  readonly member: Member | undefined
}

/** Throws a problem where there is no such group. */
export const requireGroup = async ({ groups }: Call, groupId: string): Promise<GroupDescription> => {
  const group = await groups.describe(groupId)
  if (group === undefined) throw new HttpProblem('GROUP_NOT_FOUND', `Consumer group ${groupId} cannot be found.`)
  return group
}

/** Every partition of topics that still exist for which the group has committed an offset, in order. */
export const lagsOf = async (call: Call, groupId: string, group: GroupDescription): Promise<readonly Lag[]> => {
  const owners = ownersIn(group)
  const byTopic = (await committedOf({ call }, groupId)).map(({ topic, partitions }) =>
    Promise.all(
      partitions.map(async ({ index, offset }): Promise<Lag> => {
        const state = await call.logs.lane(shardOfPartition(topic, index)).state('confirmed')
        const { endOffset } = partitionOf(state, index)
        const member = owners.get(`${topic.name}/${index}`)
        return { topic: topic.name, partition: index, currentOffset: offset, logEndOffset: endOffset, member }
      }),
    ),
  )
  return (await Promise.all(byTopic)).flatMap((lags) => lags.toSorted((a, b) => a.partition - b.partition))
}

const ownersIn = (group: GroupDescription): ReadonlyMap<string, Member> => {
  const owned = (member: Member, name: string, partitions: readonly number[]) =>
    partitions.map((index) => [`${name}/${index}`, member] as const)
  if (group.type === 'consumer') {
    return new Map(
      group.members.flatMap((member) =>
        member.assigned.flatMap(({ name, partitions }) => owned(member, name, partitions)),
      ),
    )
  }
  if (group.protocolType !== 'consumer') return new Map()
  return new Map(
    group.members.flatMap((member) =>
      [...(assignmentOf(member.assignment) ?? [])].flatMap(([name, partitions]) => owned(member, name, partitions)),
    ),
  )
}
