import type { JoinReply } from '../../lib/group/join.ts'
import type { Committer } from '../../lib/group/offsets.ts'
import type { SyncRequest } from '../../lib/group/sync.ts'
import { Client, requestTimeoutMs } from './groups-client.ts'
import { groupId } from './groups-world.ts'

/** A join may be held, and waits for others anyway. */
const joinTimeoutMs = 25_000
const shortPauseMs = 100
const longPauseMs = 1000
const protocolName = 'range'

/** A member of a classic group: gives up everything before it joins again. */
export class ClassicClient extends Client {
  #isSettled = false
  /** The member id with which a join was given up: that may still come, and count as having given up everything. */
  #joinsLate: string | undefined

  override get isSettled(): boolean {
    return this.#isSettled
  }

  override get generation(): number {
    return this.number
  }

  override committer(): Committer {
    return { memberId: this.memberId, instanceId: this.instanceId, generationOrEpoch: this.number }
  }

  /** After its last good answer the coordinators cannot have given to another what it has. */
  get #leaseMs(): number {
    const { sessionTimeoutMs, rebalanceTimeoutMs, largestSkewMs, staleForMs } = this.world.scenario
    if (this.#joinsLate === this.memberId) return 0
    return Math.min(sessionTimeoutMs, rebalanceTimeoutMs) - 2 * largestSkewMs - staleForMs
  }

  override async run(): Promise<void> {
    while (!this.hasEnded) {
      this.lost = undefined
      const joined = await this.#join()
      if (joined !== undefined && (await this.#sync(joined))) await this.#stay()
      this.#isSettled = false
      this.drop(this.partitions)
      if (this.isLeaving) await this.#leave()
    }
  }

  async #join(): Promise<JoinReply | undefined> {
    const { scenario } = this.world
    const { sessionTimeoutMs, rebalanceTimeoutMs, metadataBytes } = scenario
    const { memberId, instanceId, name: clientId } = this
    const request = {
      memberId,
      instanceId,
      clientId,
      clientHost: '/127.0.0.1',
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      protocolType: 'consumer',
      protocols: [{ name: protocolName, metadata: Buffer.alloc(metadataBytes, clientId) }],
      knowsMemberIdRequired: true,
      knowsSkipAssignment: true,
    }
    const reply = await this.ask('join', joinTimeoutMs, (groups) => groups.join(groupId, request))
    if (reply.outcome === 'silence' && memberId !== '') this.#joinsLate = memberId
    if (reply.outcome !== 'answered') return this.#pause(shortPauseMs)
    const { value } = reply
    if (value.error === 'NONE') {
      this.memberId = value.memberId
      this.number = value.generation
      return value
    }
    if (value.error === 'MEMBER_ID_REQUIRED') {
      this.memberId = value.memberId
      return undefined
    }
    if (value.error === 'COORDINATOR_LOAD_IN_PROGRESS') return this.#pause(shortPauseMs)
    // The group is one of the other protocol still.
    if (value.error === 'INCONSISTENT_GROUP_PROTOCOL') return this.#pause(longPauseMs)
    return this.#refused('join', value.error)
  }

  async #sync(joined: JoinReply): Promise<boolean> {
    const { random, schedule } = this.world
    const { memberId, instanceId } = this
    const leads = joined.leader === memberId && !joined.skipAssignment
    const request: SyncRequest = {
      memberId,
      instanceId,
      generation: joined.generation,
      protocolType: joined.protocolType,
      protocol: joined.protocol,
      assignments: leads ? this.#assign(joined) : [],
    }
    for (;;) {
      const sentMs = schedule.nowMs
      const reply = await this.ask('sync', 2 * requestTimeoutMs, (groups) => groups.sync(groupId, request))
      if (reply.outcome !== 'answered') {
        // Some repeat what had no answer, others begin again.
        if (random.chance(0.5)) continue
        return false
      }
      const { error, assignment } = reply.value
      if (error === 'NONE') {
        const partitions: readonly string[] = JSON.parse(assignment.length === 0 ? '[]' : assignment.toString())
        this.renew(sentMs + this.#leaseMs)
        this.take(partitions)
        return true
      }
      if (error !== 'REBALANCE_IN_PROGRESS') this.#refused('sync', error)
      return false
    }
  }

  /** One partition after the other, beginning with anybody. */
  #assign({ members }: JoinReply): SyncRequest['assignments'] {
    const { random, scenario } = this.world
    const first = random.int(Math.max(1, members.length))
    const all = scenario.topics.flatMap(({ id, partitions }) =>
      Array.from({ length: partitions }, (_, index) => `${id}/${index}`),
    )
    return members.map(({ memberId }, place) => {
      const mine = all.filter((_, i) => (i + first) % members.length === place)
      return { memberId, assignment: Buffer.from(JSON.stringify(mine)) }
    })
  }

  /** Heartbeats until it must join again. */
  async #stay(): Promise<void> {
    const { schedule, scenario, random } = this.world
    let pauseMs = scenario.heartbeatMs
    this.#isSettled = true
    for (;;) {
      await this.sleep(pauseMs)
      pauseMs = scenario.heartbeatMs
      if (this.lost !== undefined) return this.#refused('commit', this.lost)
      if (this.isLeaving) return this.commit(this.partitions)
      const { memberId, instanceId, number: generation } = this
      const sentMs = schedule.nowMs
      const reply = await this.ask('heartbeat', requestTimeoutMs, (groups) =>
        groups.heartbeat(groupId, { memberId, instanceId, generation }),
      )
      if (reply.outcome !== 'answered') pauseMs = shortPauseMs
      else if (reply.value === 'NONE') this.renew(sentMs + this.#leaseMs)
      else if (reply.value === 'REBALANCE_IN_PROGRESS') {
        if (random.chance(0.8)) await this.commit(this.partitions)
        return
      } else return this.#refused('heartbeat', reply.value)
    }
  }

  /** It is no member any more, or none of this generation. */
  #refused(what: string, error: string): undefined {
    this.note(`${what} is refused: ${error}`)
    this.#isSettled = false
    this.drop(this.partitions)
    if (error === 'UNKNOWN_MEMBER_ID') this.memberId = ''
    else if (error === 'FENCED_INSTANCE_ID') this.hasEnded = true
    else if (error !== 'ILLEGAL_GENERATION') this.world.report('unexpected-answer', `${what} of ${this.name}: ${error}`)
    return undefined
  }

  async #pause(ms: number): Promise<undefined> {
    await this.sleep(ms)
    return undefined
  }

  /** Static members do not say that they go. */
  async #leave(): Promise<void> {
    const { memberId, instanceId } = this
    this.hasEnded = true
    if (memberId === '' || instanceId !== null) return
    await this.ask('leave', requestTimeoutMs, (groups) => groups.leave(groupId, [{ memberId, instanceId }]))
  }
}
