import { errors } from '../protocol/errors.ts'
import { ListOffsets } from '../protocol/messages/list-offsets.ts'
import { OffsetCommit } from '../protocol/messages/offset-commit.ts'
import { OffsetFetch } from '../protocol/messages/offset-fetch.ts'
import { type KafkaCluster, Refused, requireNone, requireSettled } from './cluster.ts'

export type TopicPartition = { readonly topic: string; readonly partition: number }

export type Committed = { readonly offset: bigint; readonly leaderEpoch: number }

export const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}-${partition}`

/** Questions that are no times (KIP-79). */
export const latest = -1n
export const earliest = -2n

const readUncommitted = 0
/** Later versions name topics by their ids. */
const lastVersionWithNames = 9

export const byTopic = <One extends TopicPartition>(all: readonly One[]): ReadonlyMap<string, readonly One[]> => {
  const topics = new Map<string, One[]>()
  for (const one of all) topics.set(one.topic, [...(topics.get(one.topic) ?? []), one])
  return topics
}

/** Partitions by topic and index, as they are shown. */
export const inOrder = <One extends TopicPartition>(all: readonly One[]): readonly One[] =>
  all.toSorted((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))

/** Partitions of topics, all of those that are there. */
export const partitionsOf = async (
  cluster: KafkaCluster,
  topics: readonly string[],
  creates = false,
): Promise<readonly (TopicPartition & { readonly leaderId: number })[]> =>
  cluster.patiently(async () => {
    const found = (await cluster.metadata(topics, creates)).topics
    for (const { errorCode } of found) requireSettled(errorCode)
    return found.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, leaderId }) => ({ topic: name ?? '', partition: partitionIndex, leaderId })),
    )
  })

/** The offsets for a time, each of its partition's leader; −1 where there is none. Partitions that are not there are left out. */
export const offsetsAt = async (
  cluster: KafkaCluster,
  wanted: readonly TopicPartition[],
  timestamp: bigint,
): Promise<ReadonlyMap<string, bigint>> =>
  cluster.patiently(async () => {
    const names = new Set(wanted.map(nameOf))
    const there = (await partitionsOf(cluster, [...byTopic(wanted).keys()])).filter((one) => names.has(nameOf(one)))
    const found = new Map<string, bigint>()
    for (const [leaderId, own] of Map.groupBy(there, ({ leaderId }) => leaderId)) {
      const topics = [...byTopic(own)].map(([name, partitions]) => ({
        name,
        partitions: partitions.map(({ partition }) => ({ partitionIndex: partition, timestamp })),
      }))
      const request = { replicaId: -1, isolationLevel: readUncommitted, topics }
      for (const { name, partitions } of (await (await cluster.node(leaderId)).ask(ListOffsets, request)).topics) {
        for (const { partitionIndex, errorCode, offset } of partitions) {
          requireNone({ errorCode })
          found.set(nameOf({ topic: name, partition: partitionIndex }), offset)
        }
      }
    }
    return found
  })

/** All that a group has committed. */
export const committedBy = async (
  cluster: KafkaCluster,
  groupId: string,
): Promise<readonly (TopicPartition & Committed)[]> =>
  cluster.patiently(async () => {
    const connection = await cluster.coordinatorOf(groupId)
    const version = connection.versionOf(OffsetFetch, lastVersionWithNames) ?? 0
    const isOld = version < firstVersionWithGroups
    const request = isOld ? { groupId, topics: null } : { groups: [{ groupId, topics: null }] }
    const answer = await connection.ask(OffsetFetch, request, { maxVersion: lastVersionWithNames })
    const { errorCode, topics } = isOld ? answer : (answer.groups[0] ?? answer)
    if (errorCode === errors.GROUP_ID_NOT_FOUND) return []
    requireNone({ errorCode })
    return inOrder(
      topics.flatMap(({ name, partitions }) =>
        partitions.flatMap(({ partitionIndex, committedOffset, committedLeaderEpoch }) =>
          committedOffset < 0n
            ? []
            : [{ topic: name, partition: partitionIndex, offset: committedOffset, leaderEpoch: committedLeaderEpoch }],
        ),
      ),
    )
  })

const firstVersionWithGroups = 8

export type Committer = {
  readonly groupId: string
  readonly memberId: string
  readonly instanceId: string | null
  /** The generation of a classic group, the member's epoch of a new one. */
  readonly epoch: number
}

/** Whoever is no member and commits for a group that has none. */
export const administrator = (groupId: string): Committer => ({ groupId, memberId: '', instanceId: null, epoch: -1 })

export type NewOffset = TopicPartition & { readonly offset: bigint }

/** Throws `Refused` at the first offset that is not committed. */
export const commitOffsets = async (
  cluster: KafkaCluster,
  { groupId, memberId, instanceId, epoch }: Committer,
  offsets: readonly NewOffset[],
): Promise<void> => {
  if (offsets.length === 0) return
  await cluster.patiently(async () => {
    const connection = await cluster.coordinatorOf(groupId)
    const topics = [...byTopic(offsets)].map(([name, partitions]) => ({
      name,
      partitions: partitions.map(({ partition, offset }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedMetadata: '',
      })),
    }))
    const request = { groupId, memberId, groupInstanceId: instanceId, generationIdOrMemberEpoch: epoch, topics }
    const answer = await connection.ask(OffsetCommit, request, { maxVersion: lastVersionWithNames })
    for (const { partitions } of answer.topics) {
      for (const { errorCode } of partitions) {
        requireSettled(errorCode)
        if (errorCode !== errors.NONE) throw new Refused(errorCode, null)
      }
    }
  })
}
