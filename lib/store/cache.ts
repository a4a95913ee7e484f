import { joinParts, type Objects, type Range, sizeOf, sliceOf } from './objects.ts'

/**
 * `objects` with the bytes of those recently put and read in memory, at most `cacheBytes` of them; the least recently
 * used leave first. Objects never change, so what is here is right. Of one object at most an eighth of it is kept.
 */
export const cachedObjects = (
  objects: Objects,
  cacheBytes: number,
  keeps: Keeps = { put: () => true, reads: true },
): Objects => {
  const cached = new Map<string, Cached>()
  let heldBytes = 0

  const drop = (key: string): void => {
    heldBytes -= cached.get(key)?.sizeBytes ?? 0
    cached.delete(key)
  }
  const keep = (key: string, entry: Cached): void => {
    drop(key)
    if (entry.sizeBytes > cacheBytes / maxShare) return
    cached.set(key, entry)
    heldBytes += entry.sizeBytes
    for (const oldest of cached.keys()) {
      if (heldBytes <= cacheBytes) return
      drop(oldest)
    }
  }
  const keepRange = (key: string, position: number, bytes: Buffer): void => {
    const present = cached.get(key)
    if (present?.whole) return
    const earlier = present !== undefined && present.pieces.length < maxPieces ? present.pieces : []
    const pieces = [...earlier, { position, bytes }]
    const sizeBytes = pieces.reduce((sum, piece) => sum + piece.bytes.length, 0)
    if (sizeBytes <= cacheBytes / maxShare) keep(key, { whole: false, pieces, sizeBytes })
    else keep(key, { whole: false, pieces: [{ position, bytes }], sizeBytes: bytes.length })
  }
  const find = (key: string, range: Range | undefined): Buffer | undefined => {
    const entry = cached.get(key)
    const bytes = entry && (entry.whole ? sliceOfWhole(entry, range) : sliceOfPieces(entry, range))
    if (entry === undefined || bytes === undefined) return undefined
    cached.delete(key)
    cached.set(key, entry)
    return bytes
  }

  return {
    putIfAbsent: async (key, parts) => {
      const outcome = await objects.putIfAbsent(key, parts)
      // Who is told `taken` may hold other bytes than those that are there.
      const isKept = outcome === 'stored' && keeps.put(key)
      if (isKept) keep(key, { whole: true, bytes: unpinned(parts), sizeBytes: sizeOf(parts) })
      return outcome
    },
    read: async (key, range) => {
      const found = find(key, range)
      if (found !== undefined) return found
      const bytes = await objects.read(key, range)
      if (!keeps.reads) return bytes
      if (range === undefined) keep(key, { whole: true, bytes, sizeBytes: bytes.length })
      else if (range.length > 0) keepRange(key, range.position, bytes)
      return bytes
    },
    delete: async (key) => {
      drop(key)
      await objects.delete(key)
      drop(key)
    },
    list: (prefix, after) => objects.list(prefix, after),
  }
}

/** What is worth its memory. */
type Keeps = {
  /** Whether an object is kept when it is put. */
  readonly put: (key: string) => boolean
  /** Whether what had to be read is kept: not where the system below keeps it anyway. */
  readonly reads: boolean
}

/** One object may take this part of the cache, so that one large read does not empty it. */
const maxShare = 8

/** Ranges of one object that are kept; one more, and they make way for it. */
const maxPieces = 64

/** Parts are joined when a read first needs more than one. */
type Whole = { readonly whole: true; bytes: Buffer | readonly Buffer[]; readonly sizeBytes: number }

type Pieces = {
  readonly whole: false
  readonly pieces: readonly { readonly position: number; readonly bytes: Buffer }[]
  readonly sizeBytes: number
}

type Cached = Whole | Pieces

/** Throws `RangeError` where the range is outside, as the store would. */
const sliceOfWhole = (entry: Whole, range: Range | undefined): Buffer => {
  const part = range && partWith(entry.bytes, range)
  if (part !== undefined) return part
  entry.bytes = joinParts(entry.bytes)
  return sliceOf(entry.bytes, range)
}

/** The range, where one part has all of it. */
const partWith = (parts: Buffer | readonly Buffer[], { position, length }: Range): Buffer | undefined => {
  if (Buffer.isBuffer(parts)) return undefined
  let start = 0
  for (const part of parts) {
    const first = position - start
    if (first < 0) return undefined
    if (first < part.length)
      return first + length <= part.length ? sliceOf(part, { position: first, length }) : undefined
    start += part.length
  }
  return undefined
}

const sliceOfPieces = ({ pieces }: Pieces, range: Range | undefined): Buffer | undefined => {
  if (range === undefined) return undefined
  for (const piece of pieces) {
    const position = range.position - piece.position
    if (position < 0 || position + range.length > piece.bytes.length) continue
    return sliceOf(piece.bytes, { position, length: range.length })
  }
  return undefined
}

/** The parts as they are, unless they keep much larger buffers alive, of which they are only a piece. */
const unpinned = (parts: readonly Buffer[]): Buffer | readonly Buffer[] => {
  const buffers = [...new Set(parts.map((part) => part.buffer))]
  const pinnedBytes = buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0)
  return pinnedBytes > maxPinned * sizeOf(parts) ? Buffer.concat(parts) : parts
}

/** How many times its own size a cached object may keep alive. */
const maxPinned = 2
