import { at, type BatchHeader, CorruptBatch, minRecordBytes, readBatchHeader } from './batch.ts'
import { decompress } from './compression.ts'

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
    const cursor = new Cursor(bytes, body, end)
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
  const cursor = new Cursor(bytes, 0, bytes.length)
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

const readHeaders = (cursor: Cursor): readonly RecordHeader[] => {
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

/** Reads varints and bytes, never beyond `end`. */
class Cursor {
  readonly #bytes: Buffer
  readonly #end: number
  position: number

  constructor(bytes: Buffer, position: number, end: number) {
    this.#bytes = bytes
    this.#end = end
    this.position = position
  }

  get remaining(): number {
    return this.#end - this.position
  }

  skip(length: number): void {
    if (length < 0 || length > this.remaining) throw new CorruptBatch('a record ends within its fields')
    this.position += length
  }

  /** −1 is null; then as many bytes as the length says. */
  nullableBytes(): Buffer | null {
    const length = this.varint()
    if (length === -1) return null
    const start = this.position
    this.skip(length)
    return this.#bytes.subarray(start, start + length)
  }

  /** A zigzag varint of 32 bits. */
  varint(): number {
    let value = 0
    for (let shift = 0; shift <= 28; shift += 7) {
      const byte = this.#byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        if (shift === 28 && byte > 0x0f) break
        return (value >>> 1) ^ -(value & 1)
      }
    }
    throw new CorruptBatch('a varint of a record has more than 32 bits')
  }

  /** A zigzag varint of 64 bits. */
  varlong(): bigint {
    // The first 28 bits as a number, which is all that most timestamps need; the rest as a bigint.
    let low = 0
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#byte()
      low |= (byte & 0x7f) << shift
      if (byte < 0x80) return BigInt((low >>> 1) ^ -(low & 1))
    }
    let value = BigInt(low)
    for (let shift = 28n; shift <= 63n; shift += 7n) {
      const byte = this.#byte()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) {
        if (shift === 63n && byte > 1) break
        return (value >> 1n) ^ -(value & 1n)
      }
    }
    throw new CorruptBatch('a varlong of a record has more than 64 bits')
  }

  #byte(): number {
    const byte = this.position < this.#end ? this.#bytes[this.position] : undefined
    if (byte === undefined) throw new CorruptBatch('a record ends within its fields')
    this.position += 1
    return byte
  }
}
