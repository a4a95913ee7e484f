import type { Clock } from '../journal/clock.ts'
import { UsageError } from './failures.ts'

/** Records in a second: `100/s`, `6000/m`, or a number. Throws `UsageError`. */
export const rateFrom = (text: string): number => {
  const [, count, unit = 's'] = /^(\d{1,9}(?:\.\d{1,3})?)(?:\/([smh]))?$/.exec(text) ?? []
  const perSecond = Number(count) / (secondsIn[unit] ?? 1)
  if (perSecond > 0) return perSecond
  throw new UsageError(`--rate is "${text}": it must be records in a time, as 100/s or 5/m`)
}

const secondsIn: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 }

/** Lets records through at a rate, from the first on. */
export class Pace {
  readonly #perSecond: number
  readonly #clock: Pick<Clock, 'now' | 'sleep'>
  readonly #startMs: number
  #passed = 0

  constructor(perSecond: number, clock: Pick<Clock, 'now' | 'sleep'>) {
    this.#perSecond = perSecond
    this.#clock = clock
    this.#startMs = clock.now()
  }

  /** How many may travel together: those of a fifth of a second. */
  get atOnce(): number {
    return Math.max(1, Math.floor(this.#perSecond / 5))
  }

  /** Waits until so many more may go. */
  async pass(count: number, stopping: AbortSignal): Promise<void> {
    const dueMs = this.#startMs + (1000 * this.#passed) / this.#perSecond
    this.#passed += count
    const waitMs = dueMs - this.#clock.now()
    if (waitMs > 0) await this.#clock.sleep(waitMs, stopping)
  }
}
