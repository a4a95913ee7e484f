import type { Item, PutOutcome } from '../../lib/store/items.ts'
import { checkpointSort } from '../../lib/store/keys.ts'
import { ObjectNotFound } from '../../lib/store/objects.ts'
import type { Answer, Called } from './wire.ts'

/** How often a campaign came along each of its rare paths. */
export class Tally {
  readonly counts = new Map<string, number>()

  readonly hit = (path: string): void => {
    this.counts.set(path, (this.counts.get(path) ?? 0) + 1)
  }

  count(path: string): number {
    return this.counts.get(path) ?? 0
  }

  add(other: Tally): void {
    for (const [path, count] of other.counts) this.counts.set(path, this.count(path) + count)
  }
}

/** Answers from which something follows: to a put of a row that is mine, of one that is another's, to a query. */
export type Follows = 'own put' | 'other put' | 'query' | undefined

/**
 * Tells from outside which way the code takes, by what a process asks its stores and in what order: what is sent in the
 * same turn in which an answer arrived, follows from that answer.
 */
export class Paths {
  readonly #hit: (path: string) => void
  readonly #turn: () => number
  /** The answer to a put of a row that arrived in this turn. */
  #put: { readonly turn: number; readonly seq: number; readonly isOther: boolean } | undefined
  /** The turn in which the answer to a query arrived. */
  #queryTurn = -1
  /** Reads of the checkpoint item that follow a put of this row. */
  readonly #floorChecks = new Map<Called, number>()
  readonly #uploads = new WeakMap<readonly Buffer[], string>()
  readonly #loads = new Set<string>()
  notFound = 0

  constructor(hit: (path: string) => void, turn: () => number) {
    this.#hit = hit
    this.#turn = turn
  }

  /** What answer this turn began with, when nothing was asked since. */
  readonly follows = (): Follows => {
    if (this.#put?.turn === this.#turn()) return this.#put.isOther ? 'other put' : 'own put'
    return this.#queryTurn === this.#turn() ? 'query' : undefined
  }

  sent(called: Called): void {
    const put = this.#followed()
    if (put?.isOther && called.call === 'query') this.#hit('conflict while not fresh')
    if (put && !put.isOther && called.call === 'get') this.#floorChecks.set(called, put.seq)
    if (called.call === 'putObject' && called.parts) {
      const earlier = this.#uploads.get(called.parts)
      if (earlier !== undefined && earlier !== called.where) this.#hit('ticket too low, uploaded again')
      this.#uploads.set(called.parts, called.where)
    }
    if (called.call === 'read' && called.where.includes('/ckpt/')) {
      const shard = called.where.slice(0, called.where.indexOf('/ckpt/'))
      this.#hit(this.#loads.has(shard) ? 'loaded again' : 'loaded from a checkpoint')
      this.#loads.add(shard)
    }
  }

  slept(): void {
    if (this.#followed()?.isOther) this.#hit('conflict applied')
  }

  answered(called: Called, answer: Answer): void {
    if (answer.is === 'error') {
      if (answer.error instanceof ObjectNotFound) this.notFound += 1
      return
    }
    if (called.call === 'query') this.#queryTurn = this.#turn()
    if (called.call === 'putIfAbsent' && called.where.startsWith('J#')) this.#answeredPut(called, answer.value)
    const seq = this.#floorChecks.get(called)
    if (seq === undefined) return
    this.#floorChecks.delete(called)
    this.#hit(floorOf(answer.value) >= seq ? 'floor check failed' : 'floor check passed')
  }

  #answeredPut(called: Called, value: unknown): void {
    if (!isPutOutcome(value)) return
    const sort = called.where.slice(called.where.indexOf(' ') + 1)
    if (sort === checkpointSort || value.outcome === 'unknown') return
    const isOther = value.outcome === 'taken' && value.by.attempt !== called.attempt
    if (value.outcome === 'taken' && !isOther) this.#hit('own row recognised')
    this.#put = { turn: this.#turn(), seq: Number(sort), isOther }
  }

  #followed(): { readonly seq: number; readonly isOther: boolean } | undefined {
    const put = this.#put
    this.#put = undefined
    this.#queryTurn = -1
    return put?.turn === this.#turn() ? put : undefined
  }
}

const isPutOutcome = (value: unknown): value is PutOutcome =>
  typeof value === 'object' && value !== null && 'outcome' in value

const isItem = (value: unknown): value is Item => typeof value === 'object' && value !== null && 'body' in value

const floorOf = (value: unknown): number => (isItem(value) ? JSON.parse(value.body.toString()).floor : -1)
