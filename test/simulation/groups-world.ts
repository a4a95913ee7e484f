import { AsyncLocalStorage } from 'node:async_hooks'
import type { Group, GroupTopic } from '../../lib/group/group.ts'
import { NewerGroupFormat } from '../../lib/group/group-bytes.ts'
import { Groups } from '../../lib/group/groups.ts'
import { OutcomeUnknown } from '../../lib/store/documents.ts'
import { type Fault, type FaultSource, faultyItems, faultyObjects, type StoreCall } from '../../lib/store/faults.ts'
import { type ItemKey, type Items, StoreUnavailable } from '../../lib/store/items.ts'
import { offsetsPartition } from '../../lib/store/keys.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import type { Objects } from '../../lib/store/objects.ts'
import { newerDocuments } from './builds.ts'
import { Fleet, type Reply } from './fleet.ts'
import { type CommitTry, type GroupAnomalyClass, GroupRecorder } from './groups-history.ts'
import { drawGroupScenario, type GroupScenario } from './groups-scenario.ts'
import { GroupWatch } from './groups-watch.ts'
import { Tally } from './paths.ts'
import { Process } from './process.ts'
import { Random } from './random.ts'
import { Schedule } from './schedule.ts'
import { faultClassOf, faultOf, latencyOf } from './weather.ts'
import { type WireOptions, wiredItems, wiredObjects } from './wire.ts'

/** What is asked of a coordinator. */
export type GroupService = Pick<
  Groups,
  | 'join'
  | 'sync'
  | 'heartbeat'
  | 'leave'
  | 'consumerHeartbeat'
  | 'commit'
  | 'fetchOffsets'
  | 'deleteOffsets'
  | 'delete'
  | 'deleteExpired'
>

/** A way to break the coordinators from outside, to see whether anybody notices. */
export type GroupMutation = {
  readonly items?: (items: Items) => Items
  /** `present` is the group as it is stored, whatever the coordinator has read. */
  readonly groups?: (groups: GroupService, present: () => Group | undefined) => GroupService
}

export type Coordinator = { readonly name: string; readonly process: Process; readonly groups: GroupService }

export const groupId = 'group'

/** Wednesday, 1 November 2023. */
const startMs = 1_698_800_000_000
const slowCommitMs = { least: 1000, most: 20_000 }
/** Nothing takes longer on a coordinator that runs: a hold, then writes without answers, and calls that are only slow. */
const longestHandlingMs = 120_000

/** Coordinators over shared stores, and all that can happen to them. Everything follows from the seed. */
export class GroupWorld {
  readonly random: Random
  readonly schedule = new Schedule(startMs)
  readonly recorder = new GroupRecorder()
  readonly faults = new Tally()
  readonly tally = new Tally()
  readonly scenario: GroupScenario
  readonly watch: GroupWatch
  /** What happened, line by line; undefined when nobody wants to know. */
  readonly trace: string[] | undefined
  /** Nothing goes wrong any more, and nobody leaves. */
  isClosing = false
  operations = 0
  /** The last of those that stand still thaw then, and the last late request has arrived. */
  restlessUntilMs = 0
  readonly #mutation: GroupMutation
  readonly #items: Items
  readonly #objects: Objects
  readonly #fleet: Fleet<Coordinator, 'older' | 'newer'>
  readonly #looking = new AsyncLocalStorage<Looks>()
  #made = 0

  constructor(seed: number, options: { readonly mutation?: GroupMutation; readonly isTraced?: boolean } = {}) {
    this.random = new Random(seed)
    this.scenario = drawGroupScenario(this.random)
    this.#mutation = options.mutation ?? {}
    this.trace = options.isTraced ? [] : undefined
    this.watch = new GroupWatch(this.recorder, () => this.schedule.nowMs, this.tally.hit)
    this.#fleet = new Fleet({
      random: this.random,
      schedule: this.schedule,
      faults: this.faults,
      kind: 'coordinator ',
      make: (build) => this.#newCoordinator(build === 'newer'),
      travel: (what, arrive) => this.#travel(what, arrive),
      note: (line) => this.note(line),
      hung: (detail) => this.report('hung', detail),
      longestHandlingMs,
    })
    const source: FaultSource = { decide: (call) => this.#decide(call), sleep: (ms) => this.schedule.sleep(ms) }
    this.#items = faultyItems(this.watch.items(memoryItems()), source)
    this.#objects = faultyObjects(
      memoryObjects(() => this.schedule.nowMs),
      source,
    )
    for (let i = 0; i < this.scenario.coordinators; i++) this.#fleet.add('older')
    for (const { atMs, slot, isNewer } of this.scenario.deployments) {
      this.schedule.after(atMs, () => this.#fleet.deploy(slot, isNewer ? 'newer' : 'older'))
    }
    this.note(`scenario ${JSON.stringify(this.scenario)}`)
  }

  get elapsedMs(): number {
    return this.schedule.nowMs - startMs
  }

  note(line: string): void {
    this.trace?.push(`${this.elapsedMs.toFixed(3)} ${line}`)
  }

  report(anomaly: GroupAnomalyClass, detail: string): void {
    this.recorder.reports.push({ class: anomaly, detail })
    this.note(`ANOMALY ${anomaly} ${detail}`)
  }

  /** Runs something that nobody waits for. */
  spawn(name: string, work: Promise<void>): void {
    work.catch((error: unknown) =>
      this.report('unexpected-error', `${name}: ${error instanceof Error ? error.stack : error}`),
    )
  }

  coordinator(): Coordinator {
    return this.#fleet.machine()
  }

  isInService(coordinator: Coordinator): boolean {
    return this.#fleet.isInService(coordinator)
  }

  async request<Value>(
    what: string,
    coordinator: Coordinator,
    timeoutMs: number,
    handle: (groups: GroupService) => Promise<Value>,
  ): Promise<Reply<Value>> {
    this.operations += 1
    return this.#fleet.request(what, coordinator, timeoutMs, async ({ groups }) => {
      try {
        return await handle(groups)
      } catch (error) {
        if (!this.#isRetriable(error))
          this.report('unexpected-error', `${what}: ${error instanceof Error ? error.stack : error}`)
        throw error
      }
    })
  }

  #isRetriable(error: unknown): boolean {
    const isStopped = error instanceof NewerGroupFormat && this.scenario.deployments.length > 0
    if (isStopped) this.faults.hit('format not known')
    return isStopped || error instanceof StoreUnavailable || error instanceof OutcomeUnknown
  }

  /** Requests that are being handled by coordinators that live. */
  pending(): readonly { readonly what: string }[] {
    return this.#fleet.pending()
  }

  /** Commits are known to have looked when an answer about their topic's offsets has arrived. */
  looking<Value>(tries: readonly CommitTry[], commit: () => Promise<Value>): Promise<Value> {
    return this.#looking.run(new Looks(tries), commit)
  }

  /** Everything that stands still until a moment goes on then. */
  restless(untilMs: number): void {
    this.restlessUntilMs = Math.max(this.restlessUntilMs, untilMs)
  }

  #travel(what: string, arrive: () => void): void {
    const { random, scenario, schedule } = this
    if (!this.isClosing && random.chance(scenario.lost)) {
      this.faults.hit('message lost')
      this.note(`lost: ${what}`)
      return
    }
    const isLate = !this.isClosing && random.chance(scenario.late)
    const hopMs = isLate ? random.spread(100, scenario.longestLateMs) : random.logNormal(0.7, 0.5)
    if (isLate) {
      this.faults.hit('message late')
      this.note(`late by ${hopMs}: ${what}`)
      this.restless(schedule.nowMs + hopMs)
    }
    schedule.after(hopMs, arrive)
  }

  #newCoordinator(isNewer: boolean): Coordinator {
    this.#made += 1
    const name = `s${this.#made}`
    const process = new Process(this.schedule)
    const { random, schedule, scenario } = this
    const skewMs = Math.round(random.between(-1, 1) * scenario.largestSkewMs)
    const clock = {
      now: () => Math.floor(schedule.nowMs + skewMs),
      sleep: (ms: number, wake?: AbortSignal) => sleepOrWake(process, ms, wake),
      random: () => random.next(),
      randomId: () => random.id(),
    }
    const wire = this.#wire(name, process)
    const wired = this.#looked(wiredItems(this.#items, wire))
    const read = isNewer ? newerDocuments(wired) : wired
    const items = this.#mutation.items?.(read) ?? read
    const objects = wiredObjects(this.#objects, wire)
    const groups = new Groups({ items, objects, clock }, this.#topics(), scenario.limits)
    return { name, process, groups: this.#mutation.groups?.(groups, () => this.watch.group) ?? groups }
  }

  #looked(items: Items): Items {
    return {
      ...items,
      get: async (key, options) => {
        const item = await items.get(key, options)
        this.#looking.getStore()?.looked(key, this.recorder.tick())
        return item
      },
    }
  }

  #topics() {
    const { topics } = this.scenario
    return {
      find: async (name: string): Promise<GroupTopic | undefined> => topics.find((topic) => topic.name === name),
      all: async (): Promise<readonly GroupTopic[]> => topics,
    }
  }

  #wire(name: string, process: Process): WireOptions {
    const { random, schedule } = this
    return {
      process,
      stumble: () => this.#stumble(name, process),
      after: (ms, run) => schedule.after(ms, run),
      latencyMs: (call) => latencyOf(call, random) / 2,
      pageSize: 1000,
      patienceMs: () => random.spread(20, 3000),
      onSent: (called) => this.note(`${name} ${called.call} ${called.where}`),
      onAnswered: (called, answer) => {
        if (this.trace) this.note(`${name} ${called.call} ${called.where} → ${summaryOf(answer)}`)
      },
    }
  }

  #decide(call: StoreCall) {
    if (this.isClosing) return { fault: 'pass' } as const
    const fault = this.#slowCommit(call) ?? faultOf(call, this.scenario.climate, this.random, this.faults.hit)
    const isTooOld = this.watch.writtenMs(call.where) < this.schedule.nowMs - this.scenario.staleForMs
    if (fault.fault === 'pass' || (fault.fault === 'stale' && isTooOld)) return { fault: 'pass' } as const
    const counted = faultClassOf(call, fault)
    if (counted !== undefined) this.faults.hit(counted)
    this.note(`fault ${fault.fault} of ${call.call} ${call.where}`)
    if (fault.fault === 'late' || fault.fault === 'echo') this.restless(this.schedule.nowMs + fault.afterMs)
    return fault
  }

  #slowCommit({ call, where }: StoreCall): Fault | undefined {
    if (call !== 'replace' || !where.startsWith(offsetsPartition(''))) return undefined
    const { random, scenario } = this
    if (!random.chance(scenario.slowCommits)) return undefined
    return { fault: 'delay', beforeMs: random.spread(slowCommitMs.least, slowCommitMs.most), afterMs: 0 }
  }

  #stumble(name: string, process: Process): void {
    if (this.isClosing) return
    const frozenMs = this.#fleet.stumble(name, process, this.scenario.climate)
    if (frozenMs > 0) this.restless(this.schedule.nowMs + frozenMs)
  }

  /** After this nothing new goes wrong. */
  calmDown(): void {
    this.isClosing = true
    this.note('calm')
  }
}

/** What commits of one request have seen of the offsets. A group that was made again is looked at anew. */
class Looks {
  readonly #tries: readonly CommitTry[]
  #place = ''

  constructor(tries: readonly CommitTry[]) {
    this.#tries = tries
  }

  looked({ partition, sort }: ItemKey, at: number): void {
    if (!partition.startsWith(offsetsPartition(''))) return
    if (partition !== this.#place) for (const one of this.#tries) one.lookedAt = undefined
    this.#place = partition
    for (const one of this.#tries) if (one.partition.startsWith(`${sort}/`)) one.lookedAt ??= at
  }
}

const sleepOrWake = (process: Process, ms: number, wake: AbortSignal | undefined): Promise<void> => {
  const slept = process.sleep(ms)
  if (wake === undefined) return slept
  return new Promise((resolve) => {
    void slept.then(resolve)
    if (wake.aborted) resolve()
    else wake.addEventListener('abort', () => resolve())
  })
}

const summaryOf = (answer: { readonly is: string; readonly value?: unknown; readonly error?: unknown }): string => {
  if (answer.is === 'error') return String(answer.error)
  return (
    JSON.stringify(answer.value, (name, value: unknown) => (name === 'body' ? textOf(value) : value))?.slice(0, 1500) ??
    ''
  )
}

const textOf = (value: unknown): string =>
  typeof value === 'object' && value !== null && 'data' in value && Array.isArray(value.data)
    ? Buffer.from(value.data).toString()
    : ''
