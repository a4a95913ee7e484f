import type { Items } from '../../lib/store/items.ts'

/**
 * Items whose calls stand still until they are let go, one by one, in an order that somebody else chooses: all that
 * several coordinators can do to each other. Replies come in the order in which calls were let go.
 */
export class Interleaved {
  readonly #items: Items
  #waiting: { readonly who: string; readonly go: () => void }[] = []

  constructor(items: Items) {
    this.#items = items
  }

  /** The items as `who` sees them. */
  of(who: string): Items {
    const turn = (): Promise<void> => new Promise((go) => this.#waiting.push({ who, go }))
    const inTurn = async <Answer>(call: () => Promise<Answer>): Promise<Answer> => {
      await turn()
      return call()
    }
    return {
      get: (key, options) => inTurn(() => this.#items.get(key, options)),
      query: (partition, options) => inTurn(() => this.#items.query(partition, options)),
      putIfAbsent: (key, item) => inTurn(() => this.#items.putIfAbsent(key, item)),
      replace: (key, item, version) => inTurn(() => this.#items.replace(key, item, version)),
      delete: (key) => inTurn(() => this.#items.delete(key)),
    }
  }

  /** Lets calls go until the work is done; `choose` picks one of so many. */
  async run<Result>(work: Promise<Result>, choose: (count: number) => number): Promise<Result> {
    let done = false
    const end = (): void => {
      done = true
    }
    work.then(end, end)
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      if (done) return work
      const whos = [...new Set(this.#waiting.map(({ who }) => who))].toSorted()
      if (whos.length === 0) continue
      const who = whos[choose(whos.length) % whos.length]
      const next = this.#waiting.find((one) => one.who === who)
      this.#waiting = this.#waiting.filter((one) => one !== next)
      next?.go()
    }
  }
}
