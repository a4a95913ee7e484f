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

/** Whoever waits for a document is woken when this instance has written it. Only a hint: others write it too. */
export class Wakes {
  readonly #listeners = new Map<string, Set<AbortController>>()

  listen(name: string): AbortController {
    const listener = new AbortController()
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners.add(listener))
    return listener
  }

  leave(name: string, listener: AbortController): void {
    const listeners = this.#listeners.get(name)
    listeners?.delete(listener)
    if (listeners?.size === 0) this.#listeners.delete(name)
  }

  wake(name: string): void {
    for (const listener of this.#listeners.get(name) ?? []) listener.abort()
  }
}
