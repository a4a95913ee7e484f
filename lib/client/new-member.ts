import { realClock } from '../clock.ts'
import { errors } from '../protocol/errors.ts'
import { ConsumerGroupHeartbeat } from '../protocol/messages/consumer-group-heartbeat.ts'
import { type KafkaCluster, requireNone } from './cluster.ts'
import type { Change, Member, MemberSettings } from './member.ts'
import { byTopic, type Committer, inOrder, nameOf, type TopicPartition } from './offsets.ts'

const joining = 0
const leaving = -1
const leavingForAWhile = -2

/** A member of the new protocol (KIP-848): the coordinator assigns, and takes away only what somebody else gets. */
export class NewMember implements Member {
  readonly #cluster: KafkaCluster
  readonly #settings: MemberSettings
  readonly #memberId = realClock.randomId()
  #epoch = joining
  #nextBeatMs = 0
  #owned: readonly TopicPartition[] = []
  #topicIds: ReadonlyMap<string, string> = new Map()

  constructor(cluster: KafkaCluster, settings: MemberSettings) {
    this.#cluster = cluster
    this.#settings = settings
  }

  committer(): Committer {
    const { groupId, instanceId } = this.#settings
    return { groupId, memberId: this.#memberId, instanceId, epoch: this.#epoch }
  }

  async beat(revoke: (partitions: readonly TopicPartition[]) => Promise<void>): Promise<Change | undefined> {
    if (realClock.now() < this.#nextBeatMs) return undefined
    const isJoining = this.#epoch === joining
    const answer = await this.#ask(isJoining ? { isJoining, owned: [] } : { isJoining })
    const isFenced = answer.errorCode === errors.FENCED_MEMBER_EPOCH || answer.errorCode === errors.UNKNOWN_MEMBER_ID
    if (isFenced) {
      const revoked = this.#owned
      this.#owned = []
      this.#epoch = joining
      return revoked.length > 0 ? { revoked, assigned: [] } : undefined
    }
    requireNone(answer)
    this.#epoch = answer.memberEpoch
    this.#nextBeatMs = realClock.now() + answer.heartbeatIntervalMs
    if (answer.assignment === null) return undefined
    const assigned = await this.#named(answer.assignment.topicPartitions)
    const names = new Set(assigned.map(nameOf))
    const revoked = this.#owned.filter((one) => !names.has(nameOf(one)))
    const isSame = revoked.length === 0 && assigned.length === this.#owned.length
    if (revoked.length > 0) await revoke(revoked)
    this.#owned = assigned
    // What it has now is told at once: somebody may wait for what it has given away.
    const told = await this.#ask({ isJoining: false, owned: assigned })
    if (told.errorCode === errors.NONE) this.#epoch = told.memberEpoch
    if (told.assignment !== null) this.#nextBeatMs = 0
    return isSame ? undefined : { revoked, assigned }
  }

  /** Only what has changed is told; everything, when it joins. */
  async #ask({ isJoining, owned }: { readonly isJoining: boolean; readonly owned?: readonly TopicPartition[] }) {
    const { groupId, instanceId, topics, rebalanceTimeoutMs } = this.#settings
    const topicPartitions =
      owned === undefined
        ? null
        : [...byTopic(owned)].map(([topic, own]) => ({
            topicId: this.#topicIds.get(topic) ?? '',
            partitions: own.map(({ partition }) => partition),
          }))
    return this.#cluster.patiently(async () => {
      const connection = await this.#cluster.coordinatorOf(groupId, 'member')
      return connection.ask(ConsumerGroupHeartbeat, {
        groupId,
        memberId: this.#memberId,
        memberEpoch: this.#epoch,
        instanceId,
        topicPartitions,
        ...(isJoining && { rebalanceTimeoutMs, subscribedTopicNames: topics }),
      })
    })
  }

  async #named(
    assigned: readonly { readonly topicId: string; readonly partitions: readonly number[] }[],
  ): Promise<readonly TopicPartition[]> {
    const ids = new Set(this.#topicIds.values())
    if (assigned.some(({ topicId }) => !ids.has(topicId))) {
      const { topics } = await this.#cluster.metadata(this.#settings.topics)
      this.#topicIds = new Map(topics.map(({ name, topicId }) => [name ?? '', topicId]))
    }
    const names = new Map([...this.#topicIds].map(([name, id]) => [id, name]))
    return inOrder(
      assigned.flatMap(({ topicId, partitions }) => {
        const topic = names.get(topicId)
        return topic === undefined ? [] : partitions.map((partition) => ({ topic, partition }))
      }),
    )
  }

  async leave(): Promise<void> {
    if (this.#epoch === joining) return
    const { groupId, instanceId } = this.#settings
    const memberEpoch = instanceId === null ? leaving : leavingForAWhile
    const connection = await this.#cluster.coordinatorOf(groupId, 'member')
    await connection.ask(ConsumerGroupHeartbeat, { groupId, memberId: this.#memberId, memberEpoch, instanceId })
  }
}
