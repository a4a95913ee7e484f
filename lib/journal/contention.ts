import type { Clock } from './clock.ts'

/** Rows whose authors are remembered. */
const rememberedRows = 16
/** What a round trip to the store is taken for until one was measured. */
const expectedRoundTripMs = 5
/** Whatever took longer was no round trip: the machine stood still, or the store did. */
const longestRoundTripMs = 200
/** Weight of the newest round trip in the average. */
const newestWeight = 0.2
/** `<instance>-<16 random characters>` */
const idTailCharacters = 17

/**
 * How several writers of one journal keep out of each other's way: whoever wrote last, or
 * lost last, waits a random part of as many round trips as there are others, so that rows alternate and do not collide.
 */
export class Contention {
  readonly #clock: Clock
  readonly #instance: string
  #authors: readonly string[] = []
  #roundTripMs = expectedRoundTripMs

  constructor(clock: Clock, instance: string) {
    this.#clock = clock
    this.#instance = instance
  }

  sawRow(id: string): void {
    this.#authors = [...this.#authors.slice(1 - rememberedRows), id.slice(0, -idTailCharacters)]
  }

  sawRoundTrip(ms: number): void {
    const measuredMs = Math.max(0, Math.min(ms, longestRoundTripMs))
    this.#roundTripMs += (measuredMs - this.#roundTripMs) * newestWeight
  }

  /** Waits before a put that follows an own row or a conflict, when there are others. Tells whether it waited. */
  async giveWay(afterConflict: boolean): Promise<boolean> {
    const others = new Set(this.#authors.filter((author) => author !== this.#instance)).size
    if (others === 0 || (!afterConflict && this.#authors.at(-1) !== this.#instance)) return false
    await this.#clock.sleep(this.#clock.random() * others * this.#roundTripMs)
    return true
  }
}
