import type { SoakServer } from './soak-server.ts'

const sampleEveryMs = 250

/** How long there was a server, seen from time to time. */
export class UpTime {
  readonly #samples: { readonly atMs: number; readonly upMs: number }[] = [{ atMs: performance.now(), upMs: 0 }]
  readonly #timer: NodeJS.Timeout

  constructor(servers: readonly SoakServer[]) {
    this.#timer = setInterval(() => {
      const last = this.#samples.at(-1) ?? { atMs: 0, upMs: 0 }
      const atMs = performance.now()
      const isUp = servers.some((server) => server.isUp)
      this.#samples.push({ atMs, upMs: last.upMs + (isUp ? atMs - last.atMs : 0) })
    }, sampleEveryMs)
  }

  since(fromMs: number): number {
    const before = this.#samples.findLast(({ atMs }) => atMs <= fromMs)
    const now = this.#samples.at(-1)
    return now === undefined || before === undefined ? 0 : now.upMs - before.upMs
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
