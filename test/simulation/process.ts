import type { Schedule } from './schedule.ts'

/** Something that runs until it is killed, and may stand still in between. */
export class Process {
  readonly #schedule: Schedule
  #isDead = false
  #frozenUntilMs = Number.NEGATIVE_INFINITY

  constructor(schedule: Schedule) {
    this.#schedule = schedule
  }

  get isDead(): boolean {
    return this.#isDead
  }

  /** When it last thawed or will thaw. */
  get frozenUntilMs(): number {
    return this.#frozenUntilMs
  }

  get isFrozen(): boolean {
    return this.#schedule.nowMs < this.#frozenUntilMs
  }

  kill(): void {
    this.#isDead = true
  }

  freeze(ms: number): void {
    this.#frozenUntilMs = Math.max(this.#frozenUntilMs, this.#schedule.nowMs + ms)
  }

  /** Runs this in the process: at once, when it thaws, or never. */
  resume(run: () => void): void {
    if (this.#isDead) return
    if (this.isFrozen) this.#schedule.at(this.#frozenUntilMs, () => this.resume(run))
    else run()
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#schedule.after(ms, () => this.resume(resolve)))
  }
}
