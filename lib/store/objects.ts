/** Part of an object: `length` bytes from `position`. */
export type Range = { readonly position: number; readonly length: number }

export type ListedObject = { readonly key: string; readonly sizeBytes: number; readonly modifiedMs: number }

/** Keys in one page of a list, as in S3 (docs: "ListObjectsV2"). */
export const maxListedObjects = 1000

/**
 * Bytes that are written once and never changed. Keys contain a random part and are never reused for other bytes.
 * Buffers handed in or out are shared with the store, which may keep them: nobody writes into them afterwards.
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

/** The range of an object's bytes, without a copy. Throws `RangeError` outside of it. */
export const sliceOf = (bytes: Buffer, range: Range | undefined): Buffer => {
  if (range === undefined) return bytes
  checkRange(range, bytes.length)
  return bytes.subarray(range.position, range.position + range.length)
}

export const checkRange = ({ position, length }: Range, sizeBytes: number): void => {
  const inside = Number.isInteger(position) && Number.isInteger(length) && position >= 0 && length >= 0
  if (!inside || position + length > sizeBytes)
    throw new RangeError(`${length} bytes from ${position} of an object of ${sizeBytes} bytes`)
}

/** The parts as one buffer; a single part is not copied. */
export const joinParts = (parts: Buffer | readonly Buffer[]): Buffer => {
  if (Buffer.isBuffer(parts)) return parts
  const [only, ...more] = parts
  return only !== undefined && more.length === 0 ? only : Buffer.concat(parts)
}

export const sizeOf = (parts: Buffer | readonly Buffer[]): number =>
  Buffer.isBuffer(parts) ? parts.length : parts.reduce((sum, part) => sum + part.length, 0)
