import type { Connection } from './broker.ts'

/** One call's place among those of its connection. */
export type Turn = {
  /** Settles when what the connection sent before is admitted; undefined when there was nothing. */
  readonly earlier: Promise<void> | undefined
  /** To be called when this call is: those behind it go on. */
  readonly admitted: () => void
}

/** Keeps overlapping calls of one connection in their order up to a point in each. */
export class Admission {
  readonly #last = new WeakMap<Connection, Promise<void>>()

  async inTurn<Result>(connection: Connection, work: (turn: Turn) => Promise<Result>): Promise<Result> {
    const earlier = this.#last.get(connection)
    const { promise, resolve } = Promise.withResolvers<void>()
    // Who comes next waits for all before it, also when one of them is admitted out of its turn because it failed.
    this.#last.set(connection, earlier ? earlier.then(() => promise) : promise)
    try {
      return await work({ earlier, admitted: resolve })
    } finally {
      // Where it failed before it was admitted, too.
      resolve()
    }
  }
}
