import {
  at,
  batchesIn,
  CorruptBatch,
  crcMatches,
  lengthPrefixBytes,
  patchedBatch,
  readBatchHeader,
} from '../protocol/batch.ts'
import { offsetForTimestamp, recordsIn, type TimestampedOffset } from '../protocol/record.ts'
import type { Partition, TailBatch } from './state.ts'

/** Batches with their true offsets, cut out of a segment. */
export type Slice =
  /** `endOffset` is one past the last offset in them. */
  | { readonly outcome: 'whole'; readonly bytes: Buffer; readonly endOffset: bigint }
  /** The first batch that is wanted is larger than what was read: so many bytes are needed from the same position. */
  | { readonly outcome: 'short'; readonly neededBytes: number }

/** What the state and the index know of the batches that are read. */
export type Expected = {
  /** Of the batch that the bytes begin with. */
  readonly baseOffset: bigint
  /** Undefined where nobody is told of them. */
  readonly epochs: Partition['epochs'] | undefined
}

/**
 * The whole batches in `bytes` from the one with `offset` on, up to `limitBytes` but at least one: bytes that start at
 * a batch, read by an index. A fetch from inside a batch gets the whole batch, as from Kafka.
 *
 * Offset and leader epoch of a batch are outside of its checksum: they must be what is expected. A batch where they are
 * not, or whose counts contradict each other, ends what is read before it; throws `CorruptBatch` when it is the first.
 */
export const sliceFrom = (bytes: Buffer, offset: bigint, limitBytes: number, expected: Expected): Slice => {
  let start = -1
  let end = 0
  /** The next batch's offset; after one that is damaged, its own word is taken for it. */
  let next: bigint | undefined = expected.baseOffset
  let damagedAt: bigint | undefined
  for (const position of batchesIn(bytes)) {
    const baseOffset = bytes.readBigInt64BE(position)
    if (damagedAt !== undefined && baseOffset > offset) throw damaged(damagedAt)
    const expectedOffset: bigint = next ?? baseOffset
    const count = bytes.readInt32BE(position + at.count)
    const sizeBytes = lengthPrefixBytes + bytes.readInt32BE(position + at.length)
    const isCounted = count > 0 && count === bytes.readInt32BE(position + at.lastOffsetDelta) + 1
    next = isCounted ? expectedOffset + BigInt(count) : undefined
    damagedAt = isCounted ? undefined : expectedOffset
    const isWanted = next !== undefined && next > offset
    const isPlaced =
      isWanted &&
      baseOffset === expectedOffset &&
      bytes.readInt8(position + at.magic) === 2 &&
      (expected.epochs === undefined ||
        bytes.readInt32BE(position + at.partitionLeaderEpoch) === epochAt(expected.epochs, baseOffset))
    if (start >= 0 && (!isPlaced || position + sizeBytes - start > limitBytes)) {
      return { outcome: 'whole', bytes: bytes.subarray(start, position), endOffset: expectedOffset }
    }
    if (isWanted && !isPlaced) throw damaged(expectedOffset)
    if (isWanted && start < 0) start = position
    end = position + sizeBytes
  }
  if (damagedAt !== undefined) throw damaged(damagedAt)
  if (start >= 0 && next !== undefined) {
    return { outcome: 'whole', bytes: bytes.subarray(start, end), endOffset: next }
  }
  const hasLength = bytes.length - end >= at.records
  const nextBytes = hasLength ? lengthPrefixBytes + bytes.readInt32BE(end + at.length) : at.records
  return { outcome: 'short', neededBytes: end + nextBytes }
}

const damaged = (offset: bigint): CorruptBatch => new CorruptBatch(`the batch at offset ${offset} is not what it was`)

/** The leader epoch under which an offset was appended. */
export const epochAt = (epochs: Partition['epochs'], offset: bigint): number =>
  epochs.findLast(({ startOffset }) => startOffset <= offset)?.epoch ?? 0

/** Below this a batch is copied: two buffers on the wire would cost more. */
const copyBelowBytes = 4096

/** Batches of the tail as they are read: with their true offsets and leader epochs, which no checksum covers. */
export const placedBatches = (batches: readonly TailBatch[], bytes: readonly Buffer[]): readonly Buffer[] =>
  batches.flatMap(({ baseOffset, leaderEpoch }, i) => {
    const batch = bytes[i]
    if (batch === undefined) throw new Error('every batch has bytes')
    const parts = patchedBatch(batch, { baseOffset, partitionLeaderEpoch: leaderEpoch })
    return batch.length < copyBelowBytes ? [Buffer.concat(parts)] : parts
  })

/** The first record with at least this timestamp and offset among batches with true offsets. Throws `CorruptBatch`. */
export const firstInSegment = (bytes: Buffer, timestamp: bigint, fromOffset = 0n): TimestampedOffset | undefined => {
  for (const position of batchesIn(bytes)) {
    const { baseOffset, maxTimestamp } = readBatchHeader(bytes, position)
    if (!crcMatches(bytes, position)) throw damaged(baseOffset)
    if (maxTimestamp < timestamp) continue
    const batch = bytes.subarray(position)
    const found =
      baseOffset >= fromOffset ? offsetForTimestamp(batch, timestamp) : firstOfBoth(batch, timestamp, fromOffset)
    if (found) return found
  }
  return undefined
}

const firstOfBoth = (batch: Buffer, timestamp: bigint, fromOffset: bigint): TimestampedOffset | undefined => {
  for (const record of recordsIn(batch)) {
    if (record.timestamp >= timestamp && record.offset >= fromOffset) {
      return { offset: record.offset, timestamp: record.timestamp }
    }
  }
  return undefined
}

/** The first record with the largest timestamp from an offset on, when that is above `timestamp`. */
export const lastToExceed = (bytes: Buffer, fromOffset: bigint, timestamp = -2n): TimestampedOffset | undefined => {
  let max = timestamp
  let found: TimestampedOffset | undefined
  for (const position of batchesIn(bytes)) {
    const { baseOffset, maxTimestamp, sizeBytes } = readBatchHeader(bytes, position)
    if (!crcMatches(bytes, position)) throw damaged(baseOffset)
    if (maxTimestamp <= max) continue
    for (const record of recordsIn(bytes.subarray(position, position + sizeBytes))) {
      if (record.offset < fromOffset || record.timestamp <= max) continue
      max = record.timestamp
      found = { offset: record.offset, timestamp: record.timestamp }
    }
  }
  return found
}

/** One past the last offset of batches with true offsets. */
export const endOf = (bytes: Buffer): bigint => {
  let end = 0n
  for (const position of batchesIn(bytes)) {
    const { baseOffset, lastOffsetDelta } = readBatchHeader(bytes, position)
    end = baseOffset + BigInt(lastOffsetDelta) + 1n
  }
  return end
}

/** The first record with at least this timestamp in a batch of the tail. */
export const firstInTail = (batch: TailBatch, bytes: Buffer, timestamp: bigint): TimestampedOffset | undefined => {
  if (!isSound(batch, bytes) || !crcMatches(bytes)) throw damaged(batch.baseOffset)
  const found = offsetForTimestamp(bytes, timestamp)
  return found && { ...found, offset: found.offset - readBatchHeader(bytes).baseOffset + batch.baseOffset }
}

/**
 * Whether these bytes are the batch that a row speaks of. The checksum is left to whoever reads the records: it moves
 * along with them, so damage is found there all the same.
 */
export const isBatch = (batch: TailBatch, bytes: Buffer): boolean => {
  if (bytes.length !== batch.sizeBytes || bytes.length < at.records) return false
  const { sizeBytes, count, maxTimestamp } = readBatchHeader(bytes)
  return sizeBytes === batch.sizeBytes && count === batch.count && maxTimestamp === batch.maxTimestamp
}

/** `isBatch` where the bytes may be anything, or missing. */
export const isSound = (batch: TailBatch, bytes: Buffer | undefined): boolean => {
  try {
    return bytes !== undefined && isBatch(batch, bytes)
  } catch (error) {
    if (error instanceof CorruptBatch) return false
    throw error
  }
}
