/** Part of an object: `length` bytes from `position`. */
export type Range = { readonly position: number; readonly length: number }

export type ListedObject = { readonly key: string; readonly sizeBytes: number; readonly modifiedMs: number }

/**
 * Bytes that are written once and never changed. Keys contain a random part and are never reused for other bytes.
 * Every call throws `StoreUnavailable` (from `items.ts`) when there is no answer, and may then be repeated with the same arguments.
 */
export interface Objects {
  /** `taken` is the caller's own earlier try: both mean "it is there". The parts are stored one after the other. */
  putIfAbsent(key: string, parts: readonly Buffer[]): Promise<'stored' | 'taken'>
  /** The whole object, or exactly the range. Throws `ObjectNotFound`; a range outside the object throws `RangeError`. */
  read(key: string, range?: Range): Promise<Buffer>
  /** Deletes, whether or not it exists. */
  delete(key: string): Promise<void>
  /** A page of the keys that start with `prefix` and are greater than `after`, ascending; empty when there are no more. */
  list(prefix: string, after: string): Promise<readonly ListedObject[]>
}

/** The object is not there: it was swept, or never stored. */
export class ObjectNotFound extends Error {
  override readonly name = 'ObjectNotFound'
}
