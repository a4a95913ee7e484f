import { NewerGroupFormat } from '../../lib/group/group-bytes.ts'
import type { TopicCommits } from '../../lib/group/offset-documents.ts'
import type { Committer } from '../../lib/group/offsets.ts'
import type { Reply } from './fleet.ts'
import type { CommitTry, Tenure } from './groups-history.ts'
import { type Coordinator, type GroupService, type GroupWorld, groupId } from './groups-world.ts'
import { Process } from './process.ts'

/** What a client does with a partition that it holds. */
type Holding = { readonly tenure: Tenure; position: number; committed: number }

export const requestTimeoutMs = 5000
const workPauseMs = { least: 300, most: 1500 }
const longestProcessed = 5

/**
 * A program that consumes in a group: what clients of both protocols share. It runs in a process of its own, that may die
 * or stand still; it processes records of what it holds, and commits what it has processed.
 */
export abstract class Client {
  readonly world: GroupWorld
  readonly name: string
  readonly instanceId: string | null
  readonly process: Process
  memberId = ''
  /** Generation or member epoch. */
  number = 0
  /** The error that said it must come back. */
  lost: string | undefined
  /** It leaves as soon as it can. */
  isLeaving = false
  hasEnded = false
  /** It stood still, and another has been started in its place. */
  hasBeenReplaced = false
  /** It is dead, and nobody waits for it any more. */
  readonly crashed = Promise.withResolvers<void>()
  readonly #holdings = new Map<string, Holding>()
  #coordinator: Coordinator
  #leaseMs = 0
  /** Commits go one after the other: they share a connection. */
  #commits: Promise<unknown> = Promise.resolve()

  constructor(world: GroupWorld, name: string, instanceId: string | null) {
    this.world = world
    this.name = name
    this.instanceId = instanceId
    this.process = new Process(world.schedule)
    this.#coordinator = world.coordinator()
  }

  /** Until it has left, or was told that it must not come back. */
  abstract run(): Promise<void>

  /** What it says when it commits. */
  abstract committer(): Committer

  /** Undefined under the new protocol. */
  abstract get generation(): number | undefined

  /** It knows its place in the group and waits for nothing. */
  abstract get isSettled(): boolean

  get partitions(): readonly string[] {
    return [...this.#holdings.keys()]
  }

  /** It knows where to begin in all that it holds. */
  get isWorking(): boolean {
    return [...this.#holdings.values()].every(({ tenure }) => tenure.fetchedAt !== undefined)
  }

  holds(partition: string): boolean {
    return this.#holdings.has(partition)
  }

  crash(): void {
    this.note('crashes')
    this.process.kill()
    this.drop(this.partitions)
    this.hasEnded = true
    this.crashed.resolve()
  }

  note(line: string): void {
    this.world.note(`${this.name} ${line}`)
  }

  sleep(ms: number): Promise<void> {
    return this.process.sleep(ms)
  }

  async ask<Value>(
    what: string,
    timeoutMs: number,
    handle: (groups: GroupService) => Promise<Value>,
  ): Promise<Reply<Value>> {
    this.#stumble()
    await new Promise<void>((resolve) => this.process.resume(resolve))
    const { random, scenario } = this.world
    if (!this.world.isInService(this.#coordinator) || random.chance(scenario.wandering)) this.wander()
    const said = `${what} of ${this.name}`
    this.note(`→ ${this.#coordinator.name} ${what} as ${this.memberId} ${this.number}`)
    const reply = await this.world.request(said, this.#coordinator, timeoutMs, handle)
    await new Promise<void>((resolve) => this.process.resume(resolve))
    if (this.world.trace) this.note(`← ${what}: ${shown(reply)}`)
    // To clients, a coordinator that cannot read the group is none.
    const isNone = reply.outcome === 'failed' && reply.error instanceof NewerGroupFormat
    if (reply.outcome === 'silence' || isNone) this.wander()
    else if (reply.outcome === 'answered') this.#tally(what, reply.value)
    return reply
  }

  #tally(what: string, value: unknown): void {
    const error = typeof value === 'object' && value !== null && 'error' in value ? value.error : value
    if (typeof error === 'string' && error !== 'NONE') this.world.tally.hit(`${what}: ${error}`)
  }

  wander(): void {
    this.#coordinator = this.world.coordinator()
  }

  #stumble(): void {
    const { random, scenario, isClosing, faults, schedule } = this.world
    if (isClosing || this.process.isFrozen) return
    if (random.chance(scenario.crashes)) {
      faults.hit('client crash')
      this.crash()
    } else if (random.chance(scenario.freezes)) {
      const ms = random.spread(1000, scenario.longestFreezeMs)
      faults.hit('client freeze')
      this.note(`freezes for ${ms}`)
      this.process.freeze(ms)
      this.world.restless(schedule.nowMs + ms)
    } else if (random.chance(scenario.leaves)) {
      this.isLeaving = true
    }
  }

  take(partitions: readonly string[]): void {
    const { recorder, schedule, watch } = this.world
    for (const partition of partitions) {
      const granted = watch.granted(this.memberId, this.generation ?? partition)
      const tenure: Tenure = {
        client: this.name,
        memberId: this.memberId,
        instanceId: this.instanceId,
        partition,
        generation: this.generation,
        grantedAt: granted.at,
        life: granted.life,
        fromMs: schedule.nowMs,
        untilMs: Number.POSITIVE_INFINITY,
        leaseMs: this.#leaseMs,
        fetchedAt: undefined,
      }
      recorder.tenures.push(tenure)
      this.#holdings.set(partition, { tenure, position: 0, committed: 0 })
    }
    if (partitions.length > 0) this.note(`takes ${partitions} in ${this.number}`)
  }

  /** What it holds is its own until then, by what it has asked and was told. */
  renew(untilMs: number): void {
    this.#leaseMs = Math.max(this.#leaseMs, untilMs)
    for (const { tenure } of this.#holdings.values()) tenure.leaseMs = this.#leaseMs
  }

  drop(partitions: readonly string[]): void {
    for (const partition of partitions) {
      const holding = this.#holdings.get(partition)
      if (holding) holding.tenure.untilMs = this.world.schedule.nowMs
      this.#holdings.delete(partition)
    }
    if (partitions.length > 0) this.note(`drops ${partitions}`)
  }

  /** Processes and commits, side by side with everything else. */
  async work(): Promise<void> {
    const { random } = this.world
    while (!this.hasEnded) {
      await this.sleep(random.between(workPauseMs.least, workPauseMs.most))
      await this.#fetch()
      const ready = [...this.#holdings.values()].filter(({ tenure }) => tenure.fetchedAt !== undefined)
      for (const holding of ready) holding.position += random.int(longestProcessed)
      if (random.chance(0.6)) await this.commit(ready.map(({ tenure }) => tenure.partition))
    }
  }

  /** Commits what was processed of these partitions, after what is being committed already. */
  commit(partitions: readonly string[]): Promise<void> {
    const next = this.#commits.then(() => this.#commit(partitions))
    this.#commits = next
    return next
  }

  async #commit(partitions: readonly string[]): Promise<void> {
    const holdings = partitions.flatMap((partition) => this.#holdings.get(partition) ?? [])
    const changed = holdings.filter(({ position, committed }) => position > committed)
    if (changed.length === 0) return
    const tries = changed.map(({ tenure, position }) => newTry(this.world, this.name, tenure, this.number, position))
    const committer = this.committer()
    const topics = topicCommits(tries)
    const reply = await this.ask('commit', requestTimeoutMs, (groups) =>
      this.world.looking(tries, () => groups.commit(groupId, committer, topics)),
    )
    settle(this.world, tries, reply)
    for (const error of new Set(tries.map(({ answer }) => answer))) this.#tally('commit', error)
    if (this.hasBeenReplaced) this.world.tally.hit('commit of a client that was taken for dead')
    for (const { answer, partition, offset } of tries) {
      const holding = changed.find(({ tenure }) => tenure.partition === partition)
      if (answer === 'NONE' && holding) holding.committed = Math.max(holding.committed, offset)
      else if (isRefusal(answer) && committer.generationOrEpoch === this.number) this.lost ??= answer
    }
  }

  /** Reads where to begin. */
  async #fetch(): Promise<void> {
    const missing = [...this.#holdings.values()].filter(({ tenure }) => tenure.fetchedAt === undefined)
    if (missing.length === 0) return
    const topicIds = [...new Set(missing.map(({ tenure }) => topicOf(tenure.partition).topicId))]
    const sentAt = this.world.recorder.tick()
    const asking = this.asking()
    const reply = await this.ask('fetch', requestTimeoutMs, (groups) => groups.fetchOffsets(groupId, asking, topicIds))
    if (reply.outcome !== 'answered') return
    const { error, offsets } = reply.value
    if (error !== 'NONE') {
      if (isRefusal(error)) this.lost ??= error
      return
    }
    for (const holding of missing) {
      const { partition } = holding.tenure
      const { topicId, index } = topicOf(partition)
      const committed = offsets.get(topicId)?.[index]
      const offset = committed && Number(committed.offset)
      const answeredAt = this.world.recorder.tick()
      this.world.recorder.fetches.push({ client: this.name, partition, sentAt, answeredAt, offset })
      if (this.#holdings.get(partition) !== holding) continue
      holding.tenure.fetchedAt = answeredAt
      holding.position = offset ?? 0
      holding.committed = offset ?? 0
    }
  }

  /** How it names itself when it fetches offsets. */
  asking(): { readonly memberId: string | null; readonly memberEpoch: number } {
    return { memberId: null, memberEpoch: -1 }
  }
}

export const topicOf = (partition: string): { readonly topicId: string; readonly index: number } => {
  const slash = partition.lastIndexOf('/')
  return { topicId: partition.slice(0, slash), index: Number(partition.slice(slash + 1)) }
}

export const newTry = (
  world: GroupWorld,
  client: string,
  tenure: Tenure | undefined,
  number: number,
  offset: number,
  partition = tenure?.partition ?? '',
): CommitTry => {
  const { recorder } = world
  const one: CommitTry = {
    id: `${client}#${recorder.commits.length}`,
    client,
    tenure,
    number,
    partition,
    offset,
    sentAt: recorder.tick(),
    lookedAt: undefined,
    endedAt: Number.POSITIVE_INFINITY,
    answer: 'silence',
  }
  recorder.commits.push(one)
  return one
}

export const topicCommits = (tries: readonly CommitTry[]): readonly TopicCommits[] =>
  [...new Set(tries.map(({ partition }) => topicOf(partition).topicId))].map((topicId) => ({
    topicId,
    commits: tries
      .filter(({ partition }) => topicOf(partition).topicId === topicId)
      .map(({ partition, offset, id }) => ({
        index: topicOf(partition).index,
        offset: BigInt(offset),
        leaderEpoch: 0,
        metadata: id,
      })),
  }))

type CommitReply = Reply<Awaited<ReturnType<GroupService['commit']>>>

/** Writes down what became of commits. */
export const settle = ({ recorder }: GroupWorld, tries: readonly CommitTry[], reply: CommitReply): void => {
  const endedAt = recorder.tick()
  for (const one of tries) {
    const { topicId, index } = topicOf(one.partition)
    one.endedAt = endedAt
    if (reply.outcome === 'answered') one.answer = reply.value.get(topicId)?.get(index) ?? 'UNKNOWN_SERVER_ERROR'
  }
}

/** What a member can do nothing about but to come back. */
const isRefusal = (answer: string): boolean =>
  answer === 'UNKNOWN_MEMBER_ID' ||
  answer === 'GROUP_ID_NOT_FOUND' ||
  answer === 'ILLEGAL_GENERATION' ||
  answer === 'FENCED_INSTANCE_ID' ||
  answer === 'STALE_MEMBER_EPOCH'

const shown = (reply: Reply<unknown>): string =>
  reply.outcome === 'answered'
    ? (JSON.stringify(reply.value, (_, value: unknown) => {
        if (typeof value === 'bigint') return String(value)
        return value instanceof Map ? [...value] : value
      })?.slice(0, 400) ?? '')
    : reply.outcome
