import type { ConsumerReply, ConsumerRequest } from '../../lib/group/consumer.ts'
import type { Partitions } from '../../lib/group/group.ts'
import type { Committer } from '../../lib/group/offsets.ts'
import { pairsOf, partitionsOf } from '../../lib/group/partitions.ts'
import { Client, requestTimeoutMs, topicOf } from './groups-client.ts'
import { type GroupWorld, groupId } from './groups-world.ts'

const shortPauseMs = 100
const longPauseMs = 1000
/** Epochs that leave for good, and for a while. */
const leftEpoch = -1
const awayEpoch = -2

/** A member under the new protocol: gives up what it is told to give up, says so, and takes what it is told to take. */
export class ConsumerClient extends Client {
  /** What the coordinators know to be its own. */
  #said = ''
  /** The answer to what it has said last is missing: it says everything again. */
  #isFull = true
  #target: readonly string[] = []
  #isReconciling = false
  /** One more whenever it had to abandon everything. */
  #membership = 0
  #isSettled = false
  /** When it asked and was told that there is nothing new, so that it had nothing to give up; or it was no member. */
  #quietMs: number

  constructor(world: GroupWorld, name: string, instanceId: string | null) {
    super(world, name, instanceId)
    this.memberId = world.random.id()
    this.#quietMs = world.schedule.nowMs
  }

  override get isSettled(): boolean {
    return this.#isSettled
  }

  override get generation(): undefined {
    return undefined
  }

  override committer(): Committer {
    return { memberId: this.memberId, instanceId: this.instanceId, generationOrEpoch: this.number }
  }

  override asking() {
    return { memberId: this.memberId, memberEpoch: this.number }
  }

  /**
   * How long the coordinators must leave it what it has, when they have answered what it sent just now: as long as its
   * session lasts, and as it has time to give up what they may have asked for since it was told that all is well.
   */
  #leaseMs(sentMs: number): number {
    const { sessionTimeoutMs, rebalanceTimeoutMs, largestSkewMs } = this.world.scenario
    return Math.min(sessionTimeoutMs, this.#quietMs + rebalanceTimeoutMs - sentMs) - 2 * largestSkewMs
  }

  override async run(): Promise<void> {
    const { scenario, schedule } = this.world
    while (!this.hasEnded) {
      if (this.isLeaving) return this.#leave()
      const request = this.#request()
      const sentMs = schedule.nowMs
      const reply = await this.ask('heartbeat', requestTimeoutMs, (groups) =>
        groups.consumerHeartbeat(groupId, request),
      )
      if (reply.outcome !== 'answered') this.#isFull = true
      else if (reply.value.error === 'NONE') this.#told(request, reply.value, sentMs)
      else await this.#refused(reply.value)
      const hasToSay = this.#isFull || this.#isReconciling || this.#said !== JSON.stringify(this.#owned())
      this.#isSettled = !hasToSay
      await this.sleep(hasToSay ? shortPauseMs : scenario.heartbeatMs)
    }
  }

  #told({ owned }: ConsumerRequest, reply: ConsumerReply, sentMs: number): void {
    this.#isFull = false
    if (owned !== null) this.#said = JSON.stringify(owned)
    if (reply.assignment === null) this.#quietMs = sentMs
    this.number = reply.memberEpoch
    this.renew(sentMs + this.#leaseMs(sentMs))
    if (reply.assignment === null) return
    this.#target = [...pairsOf(reply.assignment)].map(([topicId, index]) => `${topicId}/${index}`)
    if (!this.#isReconciling) this.world.spawn(`reconciliation of ${this.name}`, this.#reconcile())
  }

  /** Gives up, then takes; what it is told meanwhile comes after that. Heartbeats go on, and say nothing about it. */
  async #reconcile(): Promise<void> {
    this.#isReconciling = true
    const membership = this.#membership
    for (;;) {
      const target = this.#target
      const toDrop = this.partitions.filter((partition) => !target.includes(partition))
      if (toDrop.length > 0 && this.world.random.chance(0.8)) await this.commit(toDrop)
      if (membership !== this.#membership) return
      this.drop(toDrop)
      this.take(target.filter((partition) => !this.holds(partition)))
      if (target === this.#target) break
    }
    this.#isReconciling = false
  }

  #owned(): Partitions {
    return partitionsOf(
      this.partitions.map((partition) => {
        const { topicId, index } = topicOf(partition)
        return [topicId, index] as const
      }),
    )
  }

  #request(): ConsumerRequest {
    const { scenario } = this.world
    const isFull = this.#isFull || this.number === 0
    const owned = this.#owned()
    return {
      memberId: this.memberId,
      memberEpoch: this.number,
      instanceId: this.instanceId,
      rackId: null,
      clientId: this.name,
      clientHost: '/127.0.0.1',
      rebalanceTimeoutMs: isFull ? scenario.rebalanceTimeoutMs : -1,
      subscribedNames: isFull ? scenario.topics.map(({ name }) => name) : null,
      subscribedRegex: null,
      assignor: null,
      owned: isFull || (!this.#isReconciling && this.#said !== JSON.stringify(owned)) ? owned : null,
    }
  }

  async #refused({ error }: ConsumerReply): Promise<void> {
    this.note(`heartbeat is refused: ${error}`)
    this.#isSettled = false
    this.#isFull = true
    this.#abandon()
    if (error === 'FENCED_INSTANCE_ID') {
      this.hasEnded = true
      return
    }
    if (error === 'UNKNOWN_MEMBER_ID') this.#quietMs = this.world.schedule.nowMs
    const isKnown = error === 'FENCED_MEMBER_EPOCH' || error === 'UNKNOWN_MEMBER_ID'
    // The instance is in use still, or the group is one of the other protocol.
    if (error === 'UNRELEASED_INSTANCE_ID' || error === 'GROUP_ID_NOT_FOUND') await this.sleep(longPauseMs)
    else if (!isKnown) this.world.report('unexpected-answer', `heartbeat of ${this.name}: ${error}`)
    this.number = 0
  }

  #abandon(): void {
    this.#membership += 1
    this.#isReconciling = false
    this.drop(this.partitions)
    this.#target = []
  }

  async #leave(): Promise<void> {
    await this.commit(this.partitions)
    this.#abandon()
    this.hasEnded = true
    if (this.number === 0) return
    const request = {
      ...this.#request(),
      memberEpoch: this.instanceId === null ? leftEpoch : awayEpoch,
    }
    await this.ask('leave', requestTimeoutMs, (groups) => groups.consumerHeartbeat(groupId, request))
  }
}
