import { LogBytes } from '../../lib/journal/bytes.ts'
import { newCheckpointItem } from '../../lib/journal/checkpoint-item.ts'
import type { Clock } from '../../lib/journal/clock.ts'
import type { Rules } from '../../lib/journal/journal.ts'
import type { Lane, LogJournal } from '../../lib/journal/lane.ts'
import { Logs } from '../../lib/journal/logs.ts'
import { isOutage } from '../../lib/journal/outage.ts'
import type { AppendRequest } from '../../lib/log/append.ts'
import { NewerFormat } from '../../lib/log/at-rest.ts'
import type { State } from '../../lib/log/state.ts'
import { flush } from '../../lib/maintenance/flush.ts'
import { type FaultSource, faultyItems, faultyObjects, type StoreCall } from '../../lib/store/faults.ts'
import type { Items } from '../../lib/store/items.ts'
import { checkpointKey, journalPartition, type Shard } from '../../lib/store/keys.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { ObjectNotFound, type Objects } from '../../lib/store/objects.ts'
import { asOlderStores, type Build, foldOf, lanesWith } from './builds.ts'
import type { Anomaly } from './checker.ts'
import { Fleet, type Reply } from './fleet.ts'
import { Recorder } from './history.ts'
import { type Follows, Paths, Tally } from './paths.ts'
import { Process } from './process.ts'
import { Random } from './random.ts'
import { drawScenario, type Scenario } from './scenario.ts'
import { Schedule } from './schedule.ts'
import { Watcher } from './watcher.ts'
import { calm, faultClassOf, faultOf, latencyOf, spellOf } from './weather.ts'
import { type Answer, type WireOptions, wiredItems, wiredObjects } from './wire.ts'

/** A way to break the code from outside, to see whether anybody notices. */
export type Mutation = {
  readonly rules?: (rules: Rules, follows: () => Follows) => Rules
  /** Stores that lie to the code. */
  readonly items?: (items: Items, follows: () => Follows) => Items
  readonly objects?: (objects: Objects) => Objects
  /** What machines are asked to append. */
  readonly send?: (request: AppendRequest) => AppendRequest
  readonly fold?: (fold: LogJournal['fold'], follows: () => Follows) => LogJournal['fold']
  /** The machine that a maintenance job believes it runs on. */
  readonly job?: (machine: Machine, name: string) => Machine
}

/** One instance of Wadi. */
export type Machine = {
  readonly name: string
  readonly process: Process
  readonly clock: Clock
  readonly items: Items
  readonly objects: Objects
  readonly bytes: LogBytes
  readonly paths: Paths
  readonly lane: (shard: Shard) => Lane
  /** The same without a mutation of its fold, and the items without their lies. */
  readonly soundLane: (shard: Shard) => Lane
  readonly soundItems: Items
  /** The leader epoch under which it believes to lead a topic's shard. */
  readonly leads: Map<string, number>
}

/** Wednesday, 1 November 2023. */
const startMs = 1_698_800_000_000
/** A clock that is wrong by more than any answer takes. */
const wrongClockMs = 1000

/** Nothing takes longer on a machine that runs, however slow the stores are. */
const longestHandlingMs = 300_000

/** Stores, machines that use them, and all that can happen to both. Everything follows from the seed. */
export class World {
  readonly random: Random
  readonly schedule = new Schedule(startMs)
  readonly recorder = new Recorder()
  readonly tally = new Tally()
  readonly faults = new Tally()
  readonly anomalies: Anomaly[] = []
  readonly watcher: Watcher
  readonly scenario: Scenario
  /** What happened, line by line; undefined when nobody wants to know. */
  readonly trace: string[] | undefined
  readonly mutation: Mutation
  /** What is stored, as the version under test would have stored it, and without faults. */
  readonly stored: { readonly items: Items; readonly objects: Objects }
  readonly #items: Items
  readonly #objects: Objects
  readonly #fleet: Fleet<Machine, Build>
  #climate: Scenario['climate']
  #machines = 0
  #producerIds = 0
  /** No client begins anything any more. */
  isClosing = false
  /** Clients that have not ended. */
  running = 0

  constructor(seed: number, options: { readonly mutation?: Mutation; readonly isTraced?: boolean } = {}) {
    this.random = new Random(seed)
    this.scenario = drawScenario(this.random)
    this.#climate = this.scenario.climate
    this.mutation = options.mutation ?? {}
    this.trace = options.isTraced ? [] : undefined
    this.watcher = new Watcher({
      report: (anomaly, detail) => this.report(anomaly, detail),
      hit: this.tally.hit,
      record: (event) => this.recorder.log.push(event),
      tick: () => this.recorder.tick(),
    })
    this.#fleet = new Fleet({
      random: this.random,
      schedule: this.schedule,
      faults: this.faults,
      kind: '',
      make: (build) => this.#newMachine(build),
      travel: (_, arrive) => this.schedule.after(this.random.logNormal(0.7, 0.5), arrive),
      note: (line) => this.note(line),
      hung: (detail) => this.report('hung', detail),
      longestHandlingMs,
    })
    const source: FaultSource = { decide: (call) => this.#decide(call), sleep: (ms) => this.schedule.sleep(ms) }
    const items = memoryItems()
    const objects = memoryObjects(() => this.schedule.nowMs)
    this.stored = asOlderStores(items, objects)
    this.#items = faultyItems(this.watcher.items(items), source)
    this.#objects = faultyObjects(this.watcher.objects(objects), source)
  }

  async start(): Promise<void> {
    const { climate } = this.scenario
    this.#climate = calm
    for (const shard of this.scenario.shards) {
      await this.#items.putIfAbsent(checkpointKey(shard), newCheckpointItem('created'))
    }
    this.#climate = climate
    for (let slot = 0; slot < this.scenario.machines; slot++) this.#fleet.add('older')
    if (this.scenario.isUpkeepOff) this.faults.hit('upkeep off')
    for (const { atMs, slot, build } of this.scenario.deployments) {
      this.schedule.after(atMs, () => {
        this.tally.hit(`deployed: ${build}`)
        this.#fleet.deploy(slot, build)
      })
    }
    for (let spell = 0; spell < this.scenario.spells; spell++) {
      const [afterMs, lastsMs] = [this.random.between(0, this.scenario.activeMs), this.random.spread(500, 10_000)]
      this.schedule.after(afterMs, () => this.#beginSpell(lastsMs))
    }
  }

  /** A time in which most of what is sent arrives late. */
  #beginSpell(lastsMs: number): void {
    if (this.isClosing) return
    this.#climate = spellOf(this.scenario.climate)
    this.schedule.after(lastsMs, () => {
      if (!this.isClosing) this.#climate = this.scenario.climate
    })
  }

  /** No faults begin any more; those that have begun go on. */
  calmDown(): void {
    this.#climate = calm
  }

  report(anomaly: string, detail: string): void {
    this.anomalies.push({ class: anomaly, detail })
    this.trace?.push(`${this.schedule.nowMs - startMs} ANOMALY ${anomaly} ${detail}`)
  }

  note(line: string): void {
    this.trace?.push(`${(this.schedule.nowMs - startMs).toFixed(3)} ${line}`)
  }

  /** Runs a client. Whatever it throws is an anomaly. */
  spawn(name: string, run: () => Promise<void>): void {
    this.running += 1
    run().then(
      () => {
        this.running -= 1
      },
      (error: unknown) => this.report('unexpected-error', `${name}: ${error instanceof Error ? error.stack : error}`),
    )
  }

  newProducerId(): number {
    this.#producerIds += 1
    return this.#producerIds
  }

  get elapsedMs(): number {
    return this.schedule.nowMs - startMs
  }

  machine(slot?: number): Machine {
    return this.#fleet.machine(slot)
  }

  request<Value>(
    what: string,
    machine: Machine,
    timeoutMs: number,
    handle: (machine: Machine) => Promise<Value>,
  ): Promise<Reply<Value>> {
    return this.#fleet.request(what, machine, timeoutMs, handle)
  }

  /** Requests that are being handled by machines that live and have not been frozen since a moment. */
  handledSince(sinceMs: number): readonly string[] {
    return this.#fleet
      .pending()
      .filter(({ machine }) => machine.process.frozenUntilMs <= sinceMs)
      .map(({ machine, what }) => `${what} on ${machine.name}`)
  }

  /** Whether this error says only that another try, perhaps on another machine, may succeed. */
  isRetriable(error: unknown): boolean {
    const isStopped = error instanceof NewerFormat && this.scenario.deployments.length > 0
    if (isStopped) this.faults.hit('format not known')
    return isStopped || isOutage(error)
  }

  /** A machine that can read whatever was written. */
  newestMachine(): Machine {
    return this.#newMachine(this.scenario.deployments.length > 0 ? 'reading' : 'older')
  }

  #newMachine(build: Build): Machine {
    this.#machines += 1
    const name = `m${this.#machines}`
    const process = new Process(this.schedule)
    const { random, schedule } = this
    const paths = new Paths(this.tally.hit, () => schedule.events)
    const skewMs = Math.round(random.between(-1, 1) * this.scenario.largestSkewMs)
    const clock: Clock = {
      now: () => Math.floor(schedule.nowMs + skewMs),
      sleep: (ms) => {
        paths.slept()
        return process.sleep(ms)
      },
      random: () => random.next(),
      randomId: () => random.id(),
    }
    const wire = this.#wire(name, process, paths)
    const wired = wiredItems(this.#items, wire)
    const items = this.mutation.items?.(wired, paths.follows) ?? wired
    const wiredStore = wiredObjects(this.#objects, wire)
    const objects = this.mutation.objects?.(wiredStore) ?? wiredStore
    if (Math.abs(skewMs) > wrongClockMs) this.faults.hit('wrong clock')
    const rules = this.mutation.rules?.(this.scenario.rules, paths.follows) ?? this.scenario.rules
    const bytes = new LogBytes(objects)
    const { inlineBytes, lingerMs } = this.scenario
    const relieve = (lane: Lane, state: State) => this.#relieve(lane, state, objects, bytes)
    const onView = ({ topicId }: Pick<Shard, 'topicId'>, state: State) =>
      this.watcher.journal(journalPartition({ topicId, index: 0 })).checkView(name, state)
    const logs = new Logs({ items, objects, clock, instance: name, rules, inlineBytes, lingerMs, relieve })
    logs.watch((topicId, state) => onView({ topicId }, state))
    const own = (shard: Shard): Lane => logs.lane(shard)
    const fold = foldOf(build)
    const options = { inlineBytes, lingerMs, relieve }
    const seeing = (lane: Lane) => lane.known && onView(lane.journal.shard, lane.known)
    const soundLane = build === 'older' ? own : lanesWith(own, fold, { ...options, onView: seeing })
    const mutated = this.mutation.fold?.(fold, paths.follows)
    const lane = mutated
      ? lanesWith(own, mutated, { ...options, relieve: async () => {}, onView: () => {} })
      : soundLane
    return {
      name,
      process,
      clock,
      items,
      objects,
      bytes,
      paths,
      lane,
      soundLane,
      soundItems: wired,
      leads: new Map(),
    }
  }

  /** What a writer does when maintenance is far behind. */
  async #relieve(lane: Lane, state: State, objects: Objects, bytes: LogBytes): Promise<void> {
    const rows = new Set([...state.partitions.values()].flatMap(({ tail }) => tail.map(({ seq }) => seq)))
    if (rows.size < this.scenario.urgentRows) return
    this.tally.hit('a writer flushes')
    await flush(lane, objects, bytes).catch((error: unknown) => {
      if (!this.isRetriable(error) && !(error instanceof ObjectNotFound)) this.report('unexpected-error', String(error))
    })
  }

  #wire(name: string, process: Process, paths: Paths): WireOptions {
    const { random, schedule } = this
    const splits = new Set<string>()
    /** However many pages come of it, a query that is split is split once. */
    const split = (where: string, isSplit: boolean): void => {
      if (isSplit && !splits.has(where)) this.faults.hit('page split')
      if (isSplit) splits.add(where)
      else splits.delete(where)
    }
    return {
      process,
      stumble: () => this.#fleet.stumble(name, process, this.#climate),
      after: (ms, run) => schedule.after(ms, run),
      latencyMs: (call) => latencyOf(call, random) / 2,
      pageSize: this.scenario.pageSize,
      patienceMs: () => random.spread(20, 3000),
      onSent: (called) => {
        paths.sent(called)
        this.note(`${name} ${called.call} ${called.where}`)
      },
      onAnswered: (called, answer) => {
        paths.answered(called, answer)
        if (called.call === 'query') split(called.where, isSplit(answer))
        if (this.trace) this.note(`${name} ${called.call} ${called.where} → ${summaryOf(answer)}`)
      },
    }
  }

  #decide(call: StoreCall) {
    const fault = faultOf(call, this.#climate, this.random, this.faults.hit)
    if (fault.fault !== 'pass') {
      const counted = faultClassOf(call, fault)
      if (counted !== undefined) this.faults.hit(counted)
      this.note(`fault ${fault.fault} of ${call.call} ${call.where}`)
    }
    return fault
  }
}

const isSplit = (answer: Answer): boolean =>
  answer.is === 'value' &&
  typeof answer.value === 'object' &&
  answer.value !== null &&
  'end' in answer.value &&
  answer.value.end === false

const summaryOf = (answer: { readonly is: string; readonly value?: unknown; readonly error?: unknown }): string => {
  if (answer.is === 'error') return String(answer.error)
  return JSON.stringify(answer.value, (_, value: unknown) =>
    typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' ? '…' : value,
  )?.slice(0, 400)
}
