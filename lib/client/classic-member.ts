import { realClock } from '../clock.ts'
import { assignmentBytes, subscriptionBytes, subscriptionOf } from '../group/consumer-protocol.ts'
import { errors } from '../protocol/errors.ts'
import { Heartbeat } from '../protocol/messages/heartbeat.ts'
import { JoinGroup } from '../protocol/messages/join-group.ts'
import { LeaveGroup } from '../protocol/messages/leave-group.ts'
import { SyncGroup } from '../protocol/messages/sync-group.ts'
import { type KafkaCluster, requireNone } from './cluster.ts'
import { assignmentIn } from './groups.ts'
import type { Change, Member, MemberSettings } from './member.ts'
import { byTopic, type Committer, inOrder, partitionsOf, type TopicPartition } from './offsets.ts'

const protocolType = 'consumer'
/** Kafka's `heartbeat.interval.ms`. */
const heartbeatMs = 3000

type Assigned = ReadonlyMap<string, readonly TopicPartition[]>

/** A member that gives everything away at each rebalance, and gets its part again (KIP-54's eager protocol). */
export class ClassicMember implements Member {
  readonly #cluster: KafkaCluster
  readonly #settings: MemberSettings
  #memberId = ''
  #generation = -1
  #owned: readonly TopicPartition[] = []
  #nextBeatMs = 0

  constructor(cluster: KafkaCluster, settings: MemberSettings) {
    this.#cluster = cluster
    this.#settings = settings
  }

  committer(): Committer {
    const { groupId, instanceId } = this.#settings
    return { groupId, memberId: this.#memberId, instanceId, epoch: this.#generation }
  }

  async beat(revoke: (partitions: readonly TopicPartition[]) => Promise<void>): Promise<Change | undefined> {
    if (this.#generation >= 0) {
      if (realClock.now() < this.#nextBeatMs) return undefined
      this.#nextBeatMs = realClock.now() + heartbeatMs
      if (await this.#isStillIn()) return undefined
    }
    const revoked = this.#owned
    if (revoked.length > 0) await revoke(revoked)
    this.#owned = []
    this.#owned = await this.#cluster.patiently(() => this.#join())
    this.#nextBeatMs = realClock.now() + heartbeatMs
    return { revoked, assigned: this.#owned }
  }

  async #isStillIn(): Promise<boolean> {
    const { groupId, instanceId } = this.#settings
    const request = { groupId, generationId: this.#generation, memberId: this.#memberId, groupInstanceId: instanceId }
    const { errorCode } = await this.#cluster.patiently(async () => {
      const connection = await this.#cluster.coordinatorOf(groupId, 'member')
      return connection.ask(Heartbeat, request)
    })
    switch (errorCode) {
      case errors.NONE:
        return true
      case errors.UNKNOWN_MEMBER_ID:
        this.#memberId = ''
        return false
      case errors.REBALANCE_IN_PROGRESS:
      case errors.ILLEGAL_GENERATION:
      case errors.NOT_COORDINATOR:
      case errors.COORDINATOR_NOT_AVAILABLE:
        return false
      default:
        requireNone({ errorCode })
        return false
    }
  }

  /** Again, until a rebalance ends that this member has taken part in from its beginning to its end. */
  async #join(): Promise<readonly TopicPartition[]> {
    const { groupId, instanceId, sessionTimeoutMs, rebalanceTimeoutMs, topics, assignor } = this.#settings
    for (;;) {
      const connection = await this.#cluster.coordinatorOf(groupId, 'member')
      const asked = {
        groupId,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        memberId: this.#memberId,
        groupInstanceId: instanceId,
        protocolType,
        protocols: [{ name: assignor, metadata: subscriptionBytes(topics) }],
      }
      const joined = await connection.ask(JoinGroup, asked, { waitMs: rebalanceTimeoutMs })
      if (joined.errorCode === errors.MEMBER_ID_REQUIRED) {
        this.#memberId = joined.memberId
        continue
      }
      if (joined.errorCode === errors.UNKNOWN_MEMBER_ID) {
        this.#memberId = ''
        continue
      }
      if (joined.errorCode === errors.REBALANCE_IN_PROGRESS) continue
      requireNone(joined)
      this.#memberId = joined.memberId
      this.#generation = joined.generationId
      const isLeader = joined.leader === joined.memberId && !joined.skipAssignment
      const assigned: Assigned = isLeader ? await this.#assign(joined.members) : new Map()
      const synced = await connection.ask(SyncGroup, {
        groupId,
        generationId: this.#generation,
        memberId: this.#memberId,
        groupInstanceId: instanceId,
        protocolType,
        protocolName: joined.protocolName,
        assignments: [...assigned].map(([memberId, own]) => ({
          memberId,
          assignment: assignmentBytes(indexesOf(own)),
        })),
      })
      const isBehind =
        synced.errorCode === errors.REBALANCE_IN_PROGRESS || synced.errorCode === errors.ILLEGAL_GENERATION
      if (isBehind) continue
      if (synced.errorCode === errors.UNKNOWN_MEMBER_ID) {
        this.#memberId = ''
        continue
      }
      requireNone(synced)
      return inOrder(assignmentIn(synced.assignment))
    }
  }

  async #assign(members: readonly { readonly memberId: string; readonly metadata: Buffer }[]): Promise<Assigned> {
    const subscribed = members.map(({ memberId, metadata }) => ({ memberId, topics: subscriptionOf(metadata) ?? [] }))
    const topics = [...new Set(subscribed.flatMap((one) => one.topics))]
    const partitions = byTopic(await partitionsOf(this.#cluster, topics, true))
    return this.#settings.assignor === 'range' ? inRanges(subscribed, partitions) : inTurns(subscribed, partitions)
  }

  async leave(): Promise<void> {
    const { groupId, instanceId } = this.#settings
    // A static member is expected back: its session ends by itself.
    if (this.#memberId === '' || instanceId !== null) return
    const connection = await this.#cluster.coordinatorOf(groupId, 'member')
    const members = [{ memberId: this.#memberId, groupInstanceId: instanceId }]
    await connection.ask(LeaveGroup, { groupId, memberId: this.#memberId, members })
  }
}

type Subscribed = { readonly memberId: string; readonly topics: readonly string[] }
type Partitions = ReadonlyMap<string, readonly TopicPartition[]>

const consumersOf = (members: readonly Subscribed[], topic: string): readonly string[] =>
  members
    .filter(({ topics }) => topics.includes(topic))
    .map(({ memberId }) => memberId)
    .toSorted()

/** Kafka's RangeAssignor: of each topic neighbouring partitions, the first members one more. */
const inRanges = (members: readonly Subscribed[], partitions: Partitions): Assigned => {
  const assigned = new Map<string, TopicPartition[]>(members.map(({ memberId }) => [memberId, []]))
  for (const [topic, all] of partitions) {
    const consumers = consumersOf(members, topic)
    const [each, more] = [Math.floor(all.length / consumers.length), all.length % consumers.length]
    for (const [i, memberId] of consumers.entries()) {
      const start = each * i + Math.min(i, more)
      assigned.get(memberId)?.push(...inOrder(all).slice(start, start + each + (i < more ? 1 : 0)))
    }
  }
  return assigned
}

/** Kafka's RoundRobinAssignor: partition after partition to one member after the other. */
const inTurns = (members: readonly Subscribed[], partitions: Partitions): Assigned => {
  const assigned = new Map<string, TopicPartition[]>(members.map(({ memberId }) => [memberId, []]))
  const inTurn = members.map(({ memberId }) => memberId).toSorted()
  let turn = 0
  for (const one of inOrder([...partitions.values()].flat())) {
    const consumers = consumersOf(members, one.topic)
    while (!consumers.includes(inTurn[turn % inTurn.length] ?? '')) turn += 1
    assigned.get(inTurn[turn++ % inTurn.length] ?? '')?.push(one)
  }
  return assigned
}

const indexesOf = (partitions: readonly TopicPartition[]): ReadonlyMap<string, readonly number[]> =>
  new Map([...byTopic(partitions)].map(([topic, own]) => [topic, own.map(({ partition }) => partition)]))
