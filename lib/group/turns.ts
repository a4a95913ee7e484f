/** Within one instance, writers of a document take turns: without them they would conflict with each other. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>()

  isFree(name: string): boolean {
    return !this.#last.has(name)
  }

  async take<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(name)
    const turn = before === undefined ? work() : before.then(work, work)
    this.#last.set(name, turn)
    try {
      return await turn
    } finally {
      if (this.#last.get(name) === turn) this.#last.delete(name)
    }
  }
}

/** Those of one instance who wait for the same thing. */
type Waiters<Seen> = {
  readonly listeners: Set<AbortController>
  /** What one of them has seen last, and when it began to look. */
  look: { readonly atMs: number; readonly seen: Promise<Seen> } | undefined
}

/**
 * Whoever waits for a document is woken when this instance has changed what they wait for; others change it too, so all
 * look again from time to time, and look together.
 */
export class Waits<Seen> {
  readonly #waiters = new Map<string, Waiters<Seen>>()

  listen(name: string): AbortController {
    const waiters = this.#waiters.get(name) ?? { listeners: new Set(), look: undefined }
    this.#waiters.set(name, waiters)
    const listener = new AbortController()
    waiters.listeners.add(listener)
    return listener
  }

  leave(name: string, listener: AbortController): void {
    const waiters = this.#waiters.get(name)
    waiters?.listeners.delete(listener)
    if (waiters?.listeners.size === 0) this.#waiters.delete(name)
  }

  /** What anybody has seen since `sinceMs`, or a look. */
  look(name: string, { sinceMs, nowMs }: { sinceMs: number; nowMs: number }, look: () => Promise<Seen>): Promise<Seen> {
    const waiters = this.#waiters.get(name)
    if (waiters?.look !== undefined && waiters.look.atMs >= sinceMs) return waiters.look.seen
    const seen = look()
    if (waiters !== undefined) waiters.look = { atMs: nowMs, seen }
    return seen
  }

  wake(name: string): void {
    const waiters = this.#waiters.get(name)
    if (waiters === undefined) return
    waiters.look = undefined
    for (const listener of waiters.listeners) listener.abort()
  }
}
