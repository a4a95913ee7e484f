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

const encodeRecords = (records: NewBatch['records']): Buffer => {
  const baseTimestamp = records[0].timestamp
  const bodies = records.map((record, offsetDelta) => {
    const body = [Buffer.of(0), varlong(record.timestamp - baseTimestamp), varint(offsetDelta)]
    pushBytes(body, record.key)
    pushBytes(body, record.value)
    const headers = record.headers ?? []
    body.push(varint(headers.length))
    for (const { key, value } of headers) {
      pushBytes(body, Buffer.from(key))
      pushBytes(body, value)
    }
    return body
  })
  return Buffer.concat(bodies.flatMap((body) => [varint(body.reduce((sum, part) => sum + part.length, 0)), ...body]))
}

const pushBytes = (parts: Buffer[], bytes: Buffer | null): void => {
  if (bytes === null) parts.push(varint(-1))
  else parts.push(varint(bytes.length), bytes)
}

/** Zigzag: −1 is 1, 1 is 2; seven bits a byte, the lowest first. */
const varlong = (value: bigint): Buffer => {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}

const varint = (value: number): Buffer => {
  const bytes: number[] = []
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  bytes.push(rest)
  return Buffer.from(bytes)
}
