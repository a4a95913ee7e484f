import { LogBytes } from '../../lib/journal/bytes.ts'
import { newCheckpointItem } from '../../lib/journal/checkpoint-item.ts'
import type { Clock } from '../../lib/journal/clock.ts'
import type { Rules } from '../../lib/journal/journal.ts'
import { Lane, type LogJournal } from '../../lib/journal/lane.ts'
import { Logs } from '../../lib/journal/logs.ts'
import { isOutage } from '../../lib/journal/outage.ts'
import type { State } from '../../lib/log/state.ts'
import { flush } from '../../lib/maintenance/flush.ts'
import { type FaultSource, faultyItems, faultyObjects, type StoreCall } from '../../lib/store/faults.ts'
import type { Items } from '../../lib/store/items.ts'
import { checkpointKey, journalPartition, type Shard } from '../../lib/store/keys.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { ObjectNotFound, type Objects } from '../../lib/store/objects.ts'
import type { Anomaly } from './checker.ts'
import { Recorder } from './history.ts'
import { type Follows, Paths, Tally } from './paths.ts'
import { Process } from './process.ts'
import { Random } from './random.ts'
import { drawScenario, type Scenario } from './scenario.ts'
import { Schedule } from './schedule.ts'
import { Watcher } from './watcher.ts'
import { calm, faultOf, latencyOf, spellOf } from './weather.ts'
import { type WireOptions, wiredItems, wiredObjects } from './wire.ts'

/** A way to break the code from outside, to see whether anybody notices. */
export type Mutation = {
  readonly rules?: (rules: Rules, follows: () => Follows) => Rules
  /** Stores that lie to the code. */
  readonly items?: (items: Items, follows: () => Follows) => Items
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
}

export type Reply<Value> =
  | { readonly outcome: 'answered'; readonly value: Value }
  | { readonly outcome: 'failed'; readonly error: unknown }
  /** The client gave up waiting, for whatever reason. */
  | { readonly outcome: 'silence' }

type Handling = { readonly machine: Machine; readonly what: string }

/** Wednesday, 1 November 2023. */
const startMs = 1_698_800_000_000
/** A machine that stands still for so long is replaced by another, and goes on beside it when it thaws. */
const noticedFreezeMs = 2000

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
  readonly #items: Items
  readonly #objects: Objects
  readonly #slots: Machine[] = []
  readonly #handlings = new Set<Handling>()
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
    const source: FaultSource = { decide: (call) => this.#decide(call), sleep: (ms) => this.schedule.sleep(ms) }
    this.#items = faultyItems(this.watcher.items(memoryItems()), source)
    this.#objects = faultyObjects(this.watcher.objects(memoryObjects(() => this.schedule.nowMs)), source)
  }

  async start(): Promise<void> {
    const { climate } = this.scenario
    this.#climate = calm
    for (const shard of this.scenario.shards) {
      await this.#items.putIfAbsent(checkpointKey(shard), newCheckpointItem('created'))
    }
    this.#climate = climate
    for (let slot = 0; slot < this.scenario.machines; slot++) this.#slots.push(this.newMachine())
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

  machine(slot = this.random.int(this.#slots.length)): Machine {
    return this.#slots[slot] ?? this.newMachine()
  }

  /** Asks a machine over the network. Whatever was asked goes on when the client has given up. */
  request<Value>(
    what: string,
    machine: Machine,
    timeoutMs: number,
    handle: (machine: Machine) => Promise<Value>,
  ): Promise<Reply<Value>> {
    return new Promise((resolve) => {
      const hopMs = () => this.random.logNormal(0.7, 0.5)
      const arrive = (): void => {
        const handling = { machine, what }
        const arrivedMs = this.schedule.nowMs
        this.#handlings.add(handling)
        const reply = (outcome: Reply<Value>) => {
          this.#handlings.delete(handling)
          const ranAllTheTime = machine.process.frozenUntilMs <= arrivedMs
          const tookMs = this.schedule.nowMs - arrivedMs
          if (ranAllTheTime && tookMs > longestHandlingMs) this.report('hung', `${what} took ${tookMs} ms`)
          this.schedule.after(hopMs(), () => resolve(outcome))
        }
        handle(machine).then(
          (value) => reply({ outcome: 'answered', value }),
          (error: unknown) => reply({ outcome: 'failed', error }),
        )
      }
      this.schedule.after(timeoutMs, () => resolve({ outcome: 'silence' }))
      this.schedule.after(hopMs(), () => machine.process.resume(arrive))
    })
  }

  /** Requests that are being handled by machines that live and have not been frozen since a moment. */
  handledSince(sinceMs: number): readonly string[] {
    return [...this.#handlings]
      .filter(({ machine: { process } }) => !process.isDead && process.frozenUntilMs <= sinceMs)
      .map(({ machine, what }) => `${what} on ${machine.name}`)
  }

  newMachine(): Machine {
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
    const objects = wiredObjects(this.#objects, wire)
    const rules = this.mutation.rules?.(this.scenario.rules, paths.follows) ?? this.scenario.rules
    const bytes = new LogBytes(objects)
    const { inlineBytes, lingerMs } = this.scenario
    const relieve = (lane: Lane, state: State) => this.#relieve(lane, state, objects, bytes)
    const logs = new Logs({ items, objects, clock, instance: name, rules, inlineBytes, lingerMs, relieve })
    logs.watch((topicId, state) => {
      this.watcher.journal(journalPartition({ topicId, index: 0 })).checkView(name, state)
    })
    const soundLane = (shard: Shard): Lane => logs.lane(shard)
    const lane = this.mutation.fold ? this.#mutatedLanes(soundLane, this.mutation.fold, paths.follows) : soundLane
    return {
      name,
      process,
      clock,
      items,
      objects,
      bytes: new LogBytes(objects),
      paths,
      lane,
      soundLane,
      soundItems: wired,
    }
  }

  /** What a writer does when maintenance is far behind. */
  async #relieve(lane: Lane, state: State, objects: Objects, bytes: LogBytes): Promise<void> {
    const rows = new Set([...state.partitions.values()].flatMap(({ tail }) => tail.map(({ seq }) => seq)))
    if (rows.size < this.scenario.urgentRows) return
    this.tally.hit('a writer flushes')
    await flush(lane, objects, bytes).catch((error: unknown) => {
      if (!isOutage(error) && !(error instanceof ObjectNotFound)) this.report('unexpected-error', String(error))
    })
  }

  #mutatedLanes(
    soundLane: Machine['lane'],
    mutate: NonNullable<Mutation['fold']>,
    follows: () => Follows,
  ): Machine['lane'] {
    const { lingerMs, inlineBytes } = this.scenario
    const options = { lingerMs, inlineBytes, relieve: async () => {}, onView: () => {} }
    const lanes = new Map<string, Lane>()
    return (shard) => {
      const { journal } = soundLane(shard)
      const lane = lanes.get(shard.topicId) ?? new Lane({ ...journal, fold: mutate(journal.fold, follows) }, options)
      lanes.set(shard.topicId, lane)
      return lane
    }
  }

  #wire(name: string, process: Process, paths: Paths): WireOptions {
    const { random, schedule } = this
    return {
      process,
      stumble: () => this.#stumble(name, process),
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
        if (this.trace) this.note(`${name} ${called.call} ${called.where} → ${summaryOf(answer)}`)
      },
    }
  }

  #decide(call: StoreCall) {
    const fault = faultOf(call, this.#climate, this.random)
    if (fault.fault !== 'pass') {
      this.faults.hit(fault.fault)
      this.note(`fault ${fault.fault} of ${call.call} ${call.where}`)
    }
    return fault
  }

  #stumble(name: string, process: Process): void {
    const { crashes, freezes, longestFreezeMs } = this.#climate
    if (process.isDead || process.isFrozen) return
    if (this.random.chance(crashes)) {
      this.faults.hit('crash')
      this.note(`${name} crashes`)
      process.kill()
      for (const handling of this.#handlings) if (handling.machine.process === process) this.#handlings.delete(handling)
      this.#replace(process, this.random.spread(50, 10_000))
    } else if (this.random.chance(freezes)) {
      const ms = this.random.spread(1000, longestFreezeMs)
      this.faults.hit('freeze')
      this.note(`${name} freezes for ${ms}`)
      process.freeze(ms)
      if (ms > noticedFreezeMs) this.#replace(process, this.random.between(0, noticedFreezeMs))
    }
  }

  #replace(process: Process, afterMs: number): void {
    this.schedule.after(afterMs, () => {
      const slot = this.#slots.findIndex((machine) => machine.process === process)
      if (slot >= 0) this.#slots[slot] = this.newMachine()
    })
  }
}

const summaryOf = (answer: { readonly is: string; readonly value?: unknown; readonly error?: unknown }): string => {
  if (answer.is === 'error') return String(answer.error)
  return JSON.stringify(answer.value, (_, value: unknown) =>
    typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' ? '…' : value,
  )?.slice(0, 400)
}
