import { stepDocument } from '../store/documents.ts'
import type { Items } from '../store/items.ts'
import { producerIdsKey } from '../store/keys.ts'
import type { Clock } from './clock.ts'

/** The first producer id that nobody has. */
type ProducerIdsDocument = { readonly next: number }

/** Ids that an instance takes at once; those it has not given when it ends are never given. */
const blockSize = 1000
/** A write that has no answer is given up after this. */
const writeTimeoutMs = 15_000

/** Producer ids that are given once in the life of the stores (KIP-98). */
export class ProducerIds {
  readonly #items: Items
  readonly #clock: Clock
  #next = 0
  #end = 0
  #taking: Promise<void> | undefined

  constructor(items: Items, clock: Clock) {
    this.#items = items
    this.#clock = clock
  }

  /** Throws `OutcomeUnknown` or `StoreUnavailable`. */
  async next(): Promise<bigint> {
    while (this.#next === this.#end) {
      this.#taking ??= this.#takeBlock().finally(() => {
        this.#taking = undefined
      })
      await this.#taking
    }
    const id = this.#next
    this.#next += 1
    return BigInt(id)
  }

  async #takeBlock(): Promise<void> {
    // Asked again after a lost answer, a step takes another block: ids are plenty.
    const step = (current: ProducerIdsDocument | undefined) => {
      const first = current?.next ?? 0
      return { next: { next: first + blockSize }, answer: first }
    }
    const untilMs = this.#clock.now() + writeTimeoutMs
    const first = await stepDocument(this.#items, this.#clock, producerIdsKey, step, untilMs)
    this.#next = first
    this.#end = first + blockSize
  }
}
