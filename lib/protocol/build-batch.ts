import { at, attribute, lengthPrefixBytes } from './batch.ts'
import { type Codec, codecs, compress } from './compression.ts'
import { crc32c } from './crc32c.ts'
import type { RecordHeader } from './record.ts'

/** A record to write; its offset follows from its place in the batch. */
export type NewRecord = {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers?: readonly RecordHeader[]
  /** Milliseconds since 1970, −1 for none. */
  readonly timestamp: bigint
}

/** A batch to write: at least one record, less than 2 GiB in all. What is left out is as a client without idempotence sends it. */
export type NewBatch = {
  readonly records: readonly [NewRecord, ...(readonly NewRecord[])]
  readonly codec?: Codec
  readonly baseOffset?: bigint
  readonly partitionLeaderEpoch?: number
  readonly producerId?: bigint
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly isTransactional?: boolean
  readonly isControl?: boolean
}

/** The bytes of a batch of format v2 with create time, checksum included. */
export const buildBatch = (batch: NewBatch): Buffer => {
  const codec = batch.codec ?? 'none'
  const records = compress(codec, encodeRecords(batch.records))
  const lastOffsetDelta = batch.records.length - 1
  const head = Buffer.alloc(at.records)
  head.writeBigInt64BE(batch.baseOffset ?? 0n, at.baseOffset)
  head.writeInt32BE(at.records + records.length - lengthPrefixBytes, at.length)
  head.writeInt32BE(batch.partitionLeaderEpoch ?? -1, at.partitionLeaderEpoch)
  head.writeInt8(2, at.magic)
  head.writeInt16BE(
    codecs.indexOf(codec) |
      (batch.isTransactional ? attribute.transactional : 0) |
      (batch.isControl ? attribute.control : 0),
    at.attributes,
  )
  head.writeInt32BE(lastOffsetDelta, at.lastOffsetDelta)
  head.writeBigInt64BE(batch.records[0].timestamp, at.baseTimestamp)
  head.writeBigInt64BE(maxTimestamp(batch.records), at.maxTimestamp)
  head.writeBigInt64BE(batch.producerId ?? -1n, at.producerId)
  head.writeInt16BE(batch.producerEpoch ?? -1, at.producerEpoch)
  head.writeInt32BE(batch.baseSequence ?? -1, at.baseSequence)
  head.writeInt32BE(batch.records.length, at.count)
  head.writeUInt32BE(crc32c(records, crc32c(head.subarray(at.attributes))), at.crc)
  return Buffer.concat([head, records])
}

const maxTimestamp = (records: NewBatch['records']): bigint => {
  let latest = records[0].timestamp
  for (const { timestamp } of records) if (timestamp > latest) latest = timestamp
  return latest
}

/** Measured first and then written into one buffer of that size, because a record's length stands before it. */
const encodeRecords = (records: NewBatch['records']): Buffer => {
  const baseTimestamp = records[0].timestamp
  const bodyBytes = records.map((record, offsetDelta) => measure(record, record.timestamp - baseTimestamp, offsetDelta))
  const writer = new RecordWriter(bodyBytes.reduce((sum, bytes) => sum + varintBytes(bytes) + bytes, 0))
  for (const [offsetDelta, record] of records.entries()) {
    writer.varint(bodyBytes[offsetDelta] ?? 0)
    writer.varint(0)
    writer.varlong(record.timestamp - baseTimestamp)
    writer.varint(offsetDelta)
    writer.nullableBytes(record.key)
    writer.nullableBytes(record.value)
    const headers = record.headers ?? []
    writer.varint(headers.length)
    for (const { key, value } of headers) {
      writer.nullableBytes(Buffer.from(key))
      writer.nullableBytes(value)
    }
  }
  return writer.bytes
}

const measure = ({ key, value, headers = [] }: NewRecord, timestampDelta: bigint, offsetDelta: number): number => {
  let bytes = 1 + varlongBytes(timestampDelta) + varintBytes(offsetDelta) + measureBytes(key?.length)
  bytes += measureBytes(value?.length) + varintBytes(headers.length)
  for (const header of headers)
    bytes += measureBytes(Buffer.byteLength(header.key)) + measureBytes(header.value?.length)
  return bytes
}

const measureBytes = (length = -1): number => varintBytes(length) + Math.max(0, length)

/** Zigzag: 0, −1, 1, −2 become 0, 1, 2, 3; then seven bits a byte, the lowest first. */
const zigzag = (value: number): number => ((value << 1) ^ (value >> 31)) >>> 0
const zigzagLong = (value: bigint): bigint => BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))

/** Larger values need the arithmetic of a bigint. */
const isVarint = (value: bigint): boolean => value >= -0x8000_0000n && value <= 0x7fff_ffffn

const varintBytes = (value: number): number => Math.floor((31 - Math.clz32(zigzag(value) | 1)) / 7) + 1

const varlongBytes = (value: bigint): number => {
  if (isVarint(value)) return varintBytes(Number(value))
  let bytes = 1
  for (let rest = zigzagLong(value) >> 7n; rest > 0n; rest >>= 7n) bytes += 1
  return bytes
}

class RecordWriter {
  readonly bytes: Buffer
  #position = 0

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafe(size)
  }

  varint(value: number): void {
    let rest = zigzag(value)
    for (; rest > 0x7f; rest >>>= 7) this.#byte((rest & 0x7f) | 0x80)
    this.#byte(rest)
  }

  varlong(value: bigint): void {
    if (isVarint(value)) {
      this.varint(Number(value))
    } else {
      let rest = zigzagLong(value)
      for (; rest > 0x7fn; rest >>= 7n) this.#byte(Number(rest & 0x7fn) | 0x80)
      this.#byte(Number(rest))
    }
  }

  nullableBytes(bytes: Buffer | null): void {
    this.varint(bytes?.length ?? -1)
    if (bytes !== null) this.#position += bytes.copy(this.bytes, this.#position)
  }

  #byte(value: number): void {
    this.#position = this.bytes.writeUInt8(value, this.#position)
  }
}
