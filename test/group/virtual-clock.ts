import type { GroupClock } from '../../lib/group/documents.ts'

type Sleeper = { readonly atMs: number; readonly wake: () => void }

/** Time that stands still until it is moved; then sleepers wake in their order. */
export class VirtualClock implements GroupClock {
  #nowMs = 1_700_000_000_000
  #ids = 0
  #sleepers: readonly Sleeper[] = []

  now(): number {
    return this.#nowMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const sleeper = { atMs: this.#nowMs + ms, wake: resolve }
      this.#sleepers = [...this.#sleepers, sleeper]
      const end = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper)
        resolve()
      }
      if (signal?.aborted) end()
      else signal?.addEventListener('abort', end)
    })
  }

  random(): number {
    return 0.5
  }

  randomId(): string {
    this.#ids++
    return String(this.#ids).padStart(16, '0')
  }

  /** Moves on, and lets everybody do what they do at the times in between. */
  async move(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    for (;;) {
      await settle()
      const [next] = this.#sleepers.toSorted((a, b) => a.atMs - b.atMs)
      if (next === undefined || next.atMs > untilMs) break
      this.#sleepers = this.#sleepers.filter((other) => other !== next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.wake()
    }
    this.#nowMs = untilMs
    await settle()
  }
}

/** Everything that needs no time has happened after so many turns of the loop. */
const turns = 30

export const settle = async (): Promise<void> => {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
}
