import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../simulation/random.ts'
import type { SoakGroup } from './soak-group.ts'
import type { Acknowledged, RawProducer } from './soak-producer.ts'
import type { SoakServer } from './soak-server.ts'

export type ChaosCounts = {
  readonly kills: number
  /** Of these: before the server had started. */
  readonly killsWhileStarting: number
  readonly pauses: number
  readonly passesOfMaintenance: number
  readonly killsOfConsumers: number
}

export type ChaosOptions = {
  readonly servers: readonly SoakServer[]
  readonly groups: readonly SoakGroup[]
  readonly random: Random
  readonly kills: number
  readonly pauses: number
  readonly maxMs: number
}

const [shortPauseMs, longPauseMs, longestPauseMs] = [200, 5000, 20_000]
const longPauseShare = 0.02
/** After a fault somebody has to be answered within this. */
const hungAfterMs = 30_000
const lookEveryMs = 10
const mostRestMs = 800

/** Kills and stops servers at random, one after the other and each only when somebody was served since the fault before. */
export class Chaos {
  readonly producers: RawProducer[] = []
  readonly problems: string[] = []
  isOver = false
  /** It waits for somebody to be served. */
  isWaiting = false
  readonly #options: ChaosOptions
  readonly #counts = { kills: 0, killsWhileStarting: 0, pauses: 0, passesOfMaintenance: 0, killsOfConsumers: 0 }
  readonly #startMs = performance.now()
  /** Kills that nobody who was connected has recovered from yet. */
  #open: { readonly atMs: number; readonly of: readonly RawProducer[] }[] = []
  readonly #recoveries: number[] = []
  #lastSentMs = 0

  constructor(options: ChaosOptions) {
    this.#options = options
  }

  get counts(): ChaosCounts {
    return this.#counts
  }

  /** How much of what is to be done is done, from 0 to 1. */
  get share(): number {
    const { kills, pauses, maxMs } = this.#options
    const done = (Math.min(kills, this.#counts.kills) + Math.min(pauses, this.#counts.pauses)) / (kills + pauses)
    return Math.max(done, (performance.now() - this.#startMs) / maxMs)
  }

  summary(): string {
    return `${this.#counts.kills} kills, ${this.#counts.pauses} pauses`
  }

  acknowledged({ producer, lastSentMs }: Acknowledged): void {
    this.#lastSentMs = Math.max(this.#lastSentMs, lastSentMs)
    const recovered = this.#open.filter(({ atMs, of }) => lastSentMs > atMs && of.includes(producer))
    for (const { atMs } of recovered) this.#recoveries.push(performance.now() - atMs)
    this.#open = this.#open.filter((kill) => !recovered.includes(kill))
  }

  recovery(): { readonly p50: number; readonly p99: number; readonly most: number } {
    const sorted = this.#recoveries.toSorted((a, b) => a - b)
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
    return { p50: at(0.5), p99: at(0.99), most: at(1) }
  }

  /** Runs until there were enough faults, or there is no time. */
  async run(): Promise<void> {
    const { servers, groups, random } = this.#options
    await this.#untilServed()
    while (this.share < 1 && this.problems.length === 0) {
      const server = servers[random.int(servers.length)]
      if (server === undefined) break
      if (random.chance(0.25)) {
        this.#counts.passesOfMaintenance += 1
        server.maintain()
        await pause(random.spread(1, 100))
      }
      if (random.chance(this.#pauseShare())) await this.#pause(server)
      else await this.#kill(server)
      const awayMs = await this.#untilServed()
      for (const group of groups) {
        if (random.chance(0.02)) {
          this.#counts.killsOfConsumers += 1
          await group.replaceOne(random.int(10))
        }
        group.revive()
      }
      // Where a start takes long, the time until the next kill is longer too: every client is to be served in between.
      await pause(random.next() ** 2 * mostRestMs + random.next() * awayMs)
    }
    this.isOver = true
  }

  /** Whatever there is still more of to do. */
  #pauseShare(): number {
    const { kills, pauses } = this.#options
    const left = [Math.max(0, pauses - this.#counts.pauses), Math.max(0, kills - this.#counts.kills)]
    return (left[0] ?? 0) / Math.max(1, (left[0] ?? 0) + (left[1] ?? 0))
  }

  async #pause(server: SoakServer): Promise<void> {
    const { random } = this.#options
    this.#counts.pauses += 1
    server.pause()
    const isLong = random.chance(longPauseShare)
    await pause(isLong ? random.between(longPauseMs, longestPauseMs) : random.spread(shortPauseMs, longPauseMs))
    server.resume()
  }

  async #kill(server: SoakServer): Promise<void> {
    const { random } = this.#options
    this.#counts.kills += 1
    this.#open.push({ atMs: performance.now(), of: this.producers.filter(({ port }) => port === server.kafkaPort) })
    await server.kill()
    const { ready } = server.start()
    if (random.chance(0.1)) {
      await pause(random.between(0, 600))
      this.#counts.kills += 1
      this.#counts.killsWhileStarting += 1
      await server.kill()
      await server.start().ready
    } else if (random.chance(0.5)) await ready
  }

  /** Waits until something that was sent from now on is acknowledged; how long that took, in ms. */
  async #untilServed(): Promise<number> {
    const fromMs = performance.now()
    this.isWaiting = true
    while (this.#lastSentMs < fromMs) {
      if (performance.now() - fromMs > hungAfterMs) {
        this.problems.push(`hung: nothing was acknowledged in ${hungAfterMs / 1000} s after a fault`)
        break
      }
      await pause(lookEveryMs)
    }
    this.isWaiting = false
    return performance.now() - fromMs
  }
}
