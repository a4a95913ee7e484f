import type { Clock } from '../journal/clock.ts'
import { untilAnswered } from '../journal/retry.ts'
import { type Items, StoreSetupError, StoreUnavailable } from '../store/items.ts'
import type { Objects } from '../store/objects.ts'

export type AuditStores = { readonly items: Items; readonly objects: Objects }

/** A read that has no answer for so long ends the audit. */
const readTimeoutMs = 30_000

/** The same stores, whose reads are repeated until there is an answer, and to which nothing can be written. */
export const readOnly = ({ items, objects }: AuditStores, clock: Clock): AuditStores => {
  const answered = <Answer>(call: () => Promise<Answer>) => untilAnswered(clock, clock.now() + readTimeoutMs, call)
  return {
    items: {
      get: (key, options) => answered(() => items.get(key, options)),
      query: (partition, options) => answered(() => items.query(partition, options)),
      putIfAbsent: refuseToWrite,
      replace: refuseToWrite,
      delete: refuseToWrite,
    },
    objects: {
      read: (key, range) => answered(() => objects.read(key, range)),
      list: (prefix, after) => answered(() => objects.list(prefix, after)),
      putIfAbsent: refuseToWrite,
      delete: refuseToWrite,
    },
  }
}

const refuseToWrite = async (): Promise<never> => {
  throw new Error('an audit writes nothing')
}

/** What an error says of the bytes that were read; an error of the store itself is thrown again. */
export const saidOf = (error: unknown): string => {
  if (error instanceof StoreUnavailable || error instanceof StoreSetupError) throw error
  return error instanceof Error ? error.message : String(error)
}
