import { at, batchesIn, lengthPrefixBytes, patchedBatch, readBatchHeader } from '../protocol/batch.ts'
import { offsetForTimestamp, recordsIn, type TimestampedOffset } from '../protocol/record.ts'
import type { TailBatch } from './state.ts'

/** Batches with their true offsets, cut out of a segment. */
export type Slice =
  | { readonly outcome: 'whole'; readonly bytes: Buffer }
  /** The first batch that is wanted is larger than what was read: so many bytes are needed from the same position. */
  | { readonly outcome: 'short'; readonly neededBytes: number }

/**
 * The whole batches in `bytes` from the one with `offset` on, up to `limitBytes` but at least one: bytes that start at
 * a batch, read by an index. A fetch from inside a batch gets the whole batch, as from Kafka.
 */
export const sliceFrom = (bytes: Buffer, offset: bigint, limitBytes: number): Slice => {
  let start = -1
  let end = 0
  for (const position of batchesIn(bytes)) {
    const { baseOffset, lastOffsetDelta, sizeBytes } = readBatchHeader(bytes, position)
    end = position + sizeBytes
    if (start < 0) {
      if (baseOffset + BigInt(lastOffsetDelta) >= offset) start = position
    } else if (end - start > limitBytes) {
      return { outcome: 'whole', bytes: bytes.subarray(start, position) }
    }
  }
  if (start >= 0) return { outcome: 'whole', bytes: bytes.subarray(start, end) }
  const hasLength = bytes.length - end >= at.records
  const nextBytes = hasLength ? lengthPrefixBytes + bytes.readInt32BE(end + at.length) : at.records
  return { outcome: 'short', neededBytes: end + nextBytes }
}

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

/** The first record with at least this timestamp and offset among batches with true offsets. */
export const firstInSegment = (bytes: Buffer, timestamp: bigint, fromOffset = 0n): TimestampedOffset | undefined => {
  for (const position of batchesIn(bytes)) {
    const { baseOffset, maxTimestamp } = readBatchHeader(bytes, position)
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
    const { maxTimestamp, sizeBytes } = readBatchHeader(bytes, position)
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
