import type { StoreCall } from '../../lib/store/faults.ts'
import { type ItemKey, type Items, type NewItem, StoreUnavailable } from '../../lib/store/items.ts'
import { joinParts, type Objects } from '../../lib/store/objects.ts'
import type { Process } from './process.ts'

export type Called = {
  readonly call: StoreCall['call']
  readonly where: string
  /** The attempt of an item that is put. */
  readonly attempt?: string
  /** The bytes of an object that is put, as the caller holds them. */
  readonly parts?: readonly Buffer[]
}

/** What a process and its wire share with the world. */
export type WireOptions = {
  readonly process: Process
  /** Asked when a call is about to leave, and when it has left: may freeze or kill the process. */
  readonly stumble: () => void
  readonly after: (ms: number, run: () => void) => void
  /** Half of a round trip. */
  readonly latencyMs: (call: StoreCall['call']) => number
  /** Longer than the latency: how late a client notices that there is no answer. */
  readonly patienceMs: () => number
  /** Items and keys in a page. */
  readonly pageSize: number
  readonly onSent: (called: Called) => void
  readonly onAnswered: (called: Called, answer: Answer) => void
}

export type Answer =
  | { readonly is: 'value'; readonly value: unknown }
  | { readonly is: 'error'; readonly error: unknown }

/** Stores as a process sees them: each call takes time, and the process may stop before it, during it and after it. */
export const wiredItems = (items: Items, wire: WireOptions): Items => {
  const at = (key: ItemKey): string => `${key.partition} ${key.sort}`
  // Written down when it is sent: what becomes of the caller's buffer later is not in the request.
  const sent = (item: NewItem): NewItem => ({ attempt: item.attempt, body: Buffer.from(item.body) })
  return {
    get: (key, options) => carry({ call: 'get', where: at(key) }, wire, () => items.get(key, options)),
    query: (partition, options) => {
      const limit = Math.min(options.limit, wire.pageSize)
      return carry({ call: 'query', where: partition }, wire, () => items.query(partition, { ...options, limit }))
    },
    putIfAbsent: (key, item) => {
      const copy = sent(item)
      return carry({ call: 'putIfAbsent', where: at(key), attempt: item.attempt }, wire, () =>
        items.putIfAbsent(key, copy),
      )
    },
    replace: (key, item, version) => {
      const copy = sent(item)
      return carry({ call: 'replace', where: at(key) }, wire, () => items.replace(key, copy, version))
    },
    delete: (key) => carry({ call: 'delete', where: at(key) }, wire, () => items.delete(key)),
  }
}

export const wiredObjects = (objects: Objects, wire: WireOptions): Objects => ({
  putIfAbsent: (key, parts) => {
    const copy = [Buffer.from(joinParts(parts))]
    return carry({ call: 'putObject', where: key, parts }, wire, () => objects.putIfAbsent(key, copy))
  },
  read: (key, range) => carry({ call: 'read', where: key }, wire, () => objects.read(key, range)),
  delete: (key) => carry({ call: 'deleteObject', where: key }, wire, () => objects.delete(key)),
  list: (prefix, after) =>
    carry({ call: 'list', where: prefix }, wire, async () =>
      (await objects.list(prefix, after)).slice(0, wire.pageSize),
    ),
})

const carry = <Value>(called: Called, wire: WireOptions, apply: () => Promise<Value>): Promise<Value> =>
  new Promise((resolve, reject) => {
    const { process } = wire
    const answer = (back: Answer, backMs: number, settle: () => void): void =>
      wire.after(backMs, () =>
        process.resume(() => {
          wire.onAnswered(called, back)
          settle()
        }),
      )
    const arrive = (): void => {
      void apply().then(
        (value) => {
          const ms = isUnknown(value) ? wire.patienceMs() : wire.latencyMs(called.call)
          answer({ is: 'value', value }, ms, () => resolve(value))
        },
        (error: unknown) => {
          const ms = error instanceof StoreUnavailable ? wire.patienceMs() : wire.latencyMs(called.call)
          answer({ is: 'error', error }, ms, () => reject(error))
        },
      )
    }
    wire.stumble()
    process.resume(() => {
      wire.onSent(called)
      wire.after(wire.latencyMs(called.call), arrive)
      wire.stumble()
    })
  })

const isUnknown = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'outcome' in value && value.outcome === 'unknown'
