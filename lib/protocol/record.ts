import { at, type BatchHeader, CorruptBatch, minRecordBytes, readBatchHeader } from './batch.ts'
import { decompress } from './compression.ts'
import { RecordCursor } from './record-cursor.ts'

/** A header of a record; keys repeat freely. */
export type RecordHeader = { readonly key: string; readonly value: Buffer | null }

/** A record of a batch. Key, value and header values are views into the batch or its decompressed bytes. */
export type BatchRecord = {
  readonly offset: bigint
  /** Milliseconds since 1970, −1 for none. */
  readonly timestamp: bigint
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly RecordHeader[]
}

/**
 * The records of `batch`, which starts at its first byte and stands there whole; decoded one by one as they are asked
 * for. The checksum is not looked at. Throws `CorruptBatch`, or `CorruptCompression` before the first record.
 *
 *     length varint · attributes i8 · timestampDelta varlong · offsetDelta varint · key varint + bytes
 *     value varint + bytes · headers varint × (key varint + bytes · value varint + bytes)
 */
export const recordsIn = function* (batch: Buffer): Generator<BatchRecord> {
  const header = readBatchHeader(batch)
  const bytes = recordBytes(batch, header)
  for (const { offset, timestamp, body, end } of framesIn(header, bytes)) {
    const cursor = new RecordCursor(bytes, body, end)
    const key = cursor.nullableBytes()
    const value = cursor.nullableBytes()
    const headers = readHeaders(cursor)
    if (cursor.position !== end) throw new CorruptBatch(`record ${offset} does not fill its length`)
    yield { offset, timestamp, key, value, headers }
  }
}

/** Where a point in time falls into the log: the record's offset and its timestamp. */
export type TimestampedOffset = { readonly offset: bigint; readonly timestamp: bigint }

/** The first record of `batch` whose timestamp is at least `timestamp`, if any. Keys and values are skipped, not decoded. */
export const offsetForTimestamp = (batch: Buffer, timestamp: bigint): TimestampedOffset | undefined => {
  const header = readBatchHeader(batch)
  for (const frame of framesIn(header, recordBytes(batch, header))) {
    if (frame.timestamp >= timestamp) return { offset: frame.offset, timestamp: frame.timestamp }
  }
  return undefined
}

/** The first record of `batch` with the greatest timestamp; undefined in a batch that compaction has emptied. */
export const offsetOfMaxTimestamp = (batch: Buffer): TimestampedOffset | undefined => {
  const header = readBatchHeader(batch)
  let latest: TimestampedOffset | undefined
  for (const { offset, timestamp } of framesIn(header, recordBytes(batch, header))) {
    if (latest === undefined || timestamp > latest.timestamp) latest = { offset, timestamp }
  }
  return latest
}

const recordBytes = (batch: Buffer, header: BatchHeader): Buffer => {
  if (header.sizeBytes > batch.length) {
    throw new CorruptBatch(`the batch claims ${header.sizeBytes} bytes, ${batch.length} are there`)
  }
  const bytes = decompress(header.codec, batch.subarray(at.records, header.sizeBytes))
  if (header.count < 0 || header.count > bytes.length / minRecordBytes) {
    throw new CorruptBatch(`${header.count} records do not fit into ${bytes.length} bytes`)
  }
  return bytes
}

/** A record's place in the bytes: key, value and headers stand from `body` to `end`. */
type RecordFrame = TimestampedOffset & { readonly body: number; readonly end: number }

/** Exactly as many records as the header counts, with ascending offsets up to the batch's last, and nothing behind them. */
const framesIn = function* (header: BatchHeader, bytes: Buffer): Generator<RecordFrame> {
  const cursor = new RecordCursor(bytes, 0, bytes.length)
  let previousDelta = -1
  for (let index = 0; index < header.count; index += 1) {
    const length = cursor.varint()
    const end = cursor.position + length
    if (length < minRecordBytes - 1 || end > bytes.length) {
      throw new CorruptBatch(`record ${index} of the batch claims ${length} bytes`)
    }
    cursor.skip(1)
    const timestampDelta = cursor.varlong()
    const offsetDelta = cursor.varint()
    if (offsetDelta <= previousDelta || offsetDelta > header.lastOffsetDelta) {
      throw new CorruptBatch(`record ${index} of the batch has the offset delta ${offsetDelta}`)
    }
    previousDelta = offsetDelta
    const timestamp =
      header.timestampType === 'append' ? header.maxTimestamp : BigInt.asIntN(64, header.baseTimestamp + timestampDelta)
    yield { offset: header.baseOffset + BigInt(offsetDelta), timestamp, body: cursor.position, end }
    cursor.skip(end - cursor.position)
  }
  if (cursor.position !== bytes.length) {
    throw new CorruptBatch(`${bytes.length - cursor.position} bytes follow the last record of the batch`)
  }
}

const readHeaders = (cursor: RecordCursor): readonly RecordHeader[] => {
  const count = cursor.varint()
  if (count === 0) return noHeaders
  // A header takes two bytes or more: a count that cannot be true fails before anything is allocated for it.
  if (count < 0 || count > cursor.remaining / 2) throw new CorruptBatch(`a record claims ${count} headers`)
  return Array.from({ length: count }, () => {
    const key = cursor.nullableBytes()
    if (key === null) throw new CorruptBatch('a record header has no key')
    return { key: key.toString('utf8'), value: cursor.nullableBytes() }
  })
}

const noHeaders: readonly RecordHeader[] = []
