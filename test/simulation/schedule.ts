/** Events in one turn of the real event loop's list: between any two of them all microtasks run. */
const eventsPerTurn = 64

type Event = { readonly at: number; readonly order: number; readonly run: () => void }

/**
 * Virtual time: a heap of events. Each runs in a turn of its own, so that everything it sets off has come to rest before
 * the next; events of one moment run in the order in which they were planned.
 */
export class Schedule {
  readonly #heap: Event[] = []
  #nowMs: number
  #order = 0
  #events = 0

  constructor(startMs: number) {
    this.#nowMs = startMs
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** Events that ran so far. */
  get events(): number {
    return this.#events
  }

  after(ms: number, run: () => void): void {
    this.at(this.#nowMs + Math.max(0, ms), run)
  }

  at(atMs: number, run: () => void): void {
    const event = { at: Math.max(atMs, this.#nowMs), order: this.#order++, run }
    let hole = this.#heap.push(event) - 1
    while (hole > 0) {
      const parent = (hole - 1) >>> 1
      const above = this.#heap[parent]
      if (above === undefined || isBefore(above, event)) break
      this.#heap[hole] = above
      hole = parent
    }
    this.#heap[hole] = event
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve))
  }

  /** Runs what is planned up to a moment, and what that sets off; then it is that moment. */
  run(untilMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let isDone = false
      const finish = (): void => {
        isDone = true
        this.#nowMs = Math.max(this.#nowMs, untilMs)
        resolve()
      }
      const step = (): void => {
        if (isDone) return
        const event = this.#heap[0]
        if (event === undefined || event.at > untilMs) {
          finish()
          return
        }
        this.#removeFirst()
        this.#nowMs = event.at
        this.#events += 1
        try {
          event.run()
        } catch (error) {
          isDone = true
          reject(error)
        }
      }
      const turn = (): void => {
        for (let i = 0; i < eventsPerTurn; i++) setImmediate(step)
        setImmediate(() => {
          if (!isDone) turn()
        })
      }
      turn()
    })
  }

  #removeFirst(): void {
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return
    let hole = 0
    for (;;) {
      const left = this.#heap[2 * hole + 1]
      if (left === undefined) break
      const right = this.#heap[2 * hole + 2]
      const isRight = right !== undefined && isBefore(right, left)
      const child = isRight ? right : left
      if (isBefore(last, child)) break
      this.#heap[hole] = child
      hole = 2 * hole + (isRight ? 2 : 1)
    }
    this.#heap[hole] = last
  }
}

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)
