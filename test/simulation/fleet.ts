import type { Tally } from './paths.ts'
import type { Process } from './process.ts'
import type { Random } from './random.ts'
import type { Schedule } from './schedule.ts'

type Member = { readonly name: string; readonly process: Process }

export type Reply<Value> =
  | { readonly outcome: 'answered'; readonly value: Value }
  | { readonly outcome: 'failed'; readonly error: unknown }
  /** The client gave up waiting, for whatever reason. */
  | { readonly outcome: 'silence' }

type FleetOptions<Machine, Build> = {
  readonly random: Random
  readonly schedule: Schedule
  readonly faults: Tally
  /** What this fleet's machines are called where faults are counted: `coordinator `, or nothing. */
  readonly kind: string
  readonly make: (build: Build) => Machine
  /** Brings a request or an answer over the network, or loses it. */
  readonly travel: (what: string, arrive: () => void) => void
  readonly note: (line: string) => void
  readonly hung: (detail: string) => void
  /** Nothing takes longer on a machine that runs, however slow the stores are. */
  readonly longestHandlingMs: number
}

type Handling<Machine> = { readonly machine: Machine; readonly what: string }

/** How often a machine that is about to ask its stores something dies or stands still instead. */
export type Stumbles = { readonly crashes: number; readonly freezes: number; readonly longestFreezeMs: number }

/** A machine that stands still for so long is replaced by another, and goes on beside it when it thaws. */
const noticedFreezeMs = 2000
/** A machine that died is replaced after this. */
const replacedMs = { least: 50, most: 10_000 }

/**
 * Machines in service, one in each slot, of the version that was deployed there last; those that were replaced and go
 * on all the same; and what all of them are being asked.
 */
export class Fleet<Machine extends Member, Build> {
  readonly #options: FleetOptions<Machine, Build>
  readonly #slots: Machine[] = []
  readonly #builds: Build[] = []
  readonly #handlings = new Set<Handling<Machine>>()

  constructor(options: FleetOptions<Machine, Build>) {
    this.#options = options
  }

  add(build: Build): void {
    this.#builds.push(build)
    this.#slots.push(this.#options.make(build))
  }

  machine(slot = this.#options.random.int(this.#slots.length)): Machine {
    const machine = this.#slots[slot]
    if (machine === undefined) throw new Error(`there is no slot ${slot}`)
    return machine
  }

  isInService(machine: Machine): boolean {
    return this.#slots.includes(machine)
  }

  /** Asks a machine over the network. What was asked goes on, or begins, when the client has given up. */
  request<Value>(
    what: string,
    machine: Machine,
    timeoutMs: number,
    handle: (machine: Machine) => Promise<Value>,
  ): Promise<Reply<Value>> {
    const { schedule, faults, travel, hung, longestHandlingMs } = this.#options
    return new Promise((resolve) => {
      const handling = { machine, what }
      const arrive = (): void => {
        const arrivedMs = schedule.nowMs
        this.#handlings.add(handling)
        const reply = (outcome: Reply<Value>) => {
          this.#handlings.delete(handling)
          const tookMs = schedule.nowMs - arrivedMs
          const ranAllTheTime = machine.process.frozenUntilMs <= arrivedMs
          if (ranAllTheTime && tookMs > longestHandlingMs) hung(`${what} took ${tookMs} ms`)
          travel(`answer to ${what}`, () => resolve(outcome))
        }
        handle(machine).then(
          (value) => reply({ outcome: 'answered', value }),
          (error: unknown) => reply({ outcome: 'failed', error }),
        )
      }
      schedule.after(timeoutMs, () => {
        if (this.#handlings.has(handling)) faults.hit('abandoned by its client')
        resolve({ outcome: 'silence' })
      })
      travel(what, () => machine.process.resume(arrive))
    })
  }

  /** What machines that live are being asked. */
  pending(): readonly Handling<Machine>[] {
    return [...this.#handlings].filter(({ machine }) => !machine.process.isDead)
  }

  /** The machine in a slot makes place for another. It goes on with what it does, or is stopped in the middle of it. */
  deploy(slot: number, build: Build): void {
    const { random, note, make } = this.#options
    const before = this.machine(slot)
    this.#builds[slot] = build
    const now = make(build)
    this.#slots[slot] = now
    note(`slot ${slot}: ${before.name} makes place for ${now.name}, ${build}`)
    if (random.chance(0.5)) this.#kill(before.process)
  }

  /** Asked whenever a process is about to do something. Returns for how long it stands still. */
  stumble(name: string, process: Process, { crashes, freezes, longestFreezeMs }: Stumbles): number {
    const { random, faults, kind, note } = this.#options
    if (process.isDead || process.isFrozen) return 0
    if (random.chance(crashes)) {
      faults.hit(`${kind}crash`)
      note(`${name} crashes`)
      this.#kill(process)
      this.#replace(process, random.spread(replacedMs.least, replacedMs.most))
      return 0
    }
    if (!random.chance(freezes)) return 0
    const ms = random.spread(1000, longestFreezeMs)
    faults.hit(`${kind}freeze`)
    note(`${name} freezes for ${ms}`)
    process.freeze(ms)
    if (ms > noticedFreezeMs) this.#replace(process, random.between(0, noticedFreezeMs))
    return ms
  }

  #kill(process: Process): void {
    process.kill()
    for (const handling of this.#handlings) if (handling.machine.process === process) this.#handlings.delete(handling)
  }

  #replace(process: Process, afterMs: number): void {
    this.#options.schedule.after(afterMs, () => {
      const slot = this.#slots.findIndex((machine) => machine.process === process)
      const build = this.#builds[slot]
      if (build !== undefined) this.#slots[slot] = this.#options.make(build)
    })
  }
}
