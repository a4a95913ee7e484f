import { type Codec, codecs } from './compression.ts'
import { crc32c } from './crc32c.ts'

/**
 * A RecordBatch of format v2 (KIP-98), read and patched in place; the records behind the header are never touched here.
 *
 *      0 baseOffset i64 · 8 length i32 · 12 partitionLeaderEpoch i32 · 16 magic i8 · 17 crc u32 · 21 attributes i16
 *     23 lastOffsetDelta i32 · 27 baseTimestamp i64 · 35 maxTimestamp i64 · 43 producerId i64 · 51 producerEpoch i16
 *     53 baseSequence i32 · 57 count i32 · 61 records
 *
 * `length` counts the bytes after itself. The checksum covers everything from the attributes on, so the base offset and
 * the leader epoch may be written without touching it.
 */
export type BatchHeader = {
  readonly baseOffset: bigint
  /** The whole batch, its header included. */
  readonly sizeBytes: number
  readonly partitionLeaderEpoch: number
  readonly magic: 2
  readonly crc: number
  readonly attributes: number
  readonly lastOffsetDelta: number
  /** Milliseconds since 1970, −1 for none; the delete horizon when attribute bit 6 is set. */
  readonly baseTimestamp: bigint
  readonly maxTimestamp: bigint
  /** −1 for none. */
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  /** Records in the batch; 0 in a batch that compaction has emptied. */
  readonly count: number
  readonly codec: Codec
  readonly timestampType: 'create' | 'append'
  readonly isTransactional: boolean
  readonly isControl: boolean
}

/** Byte positions within a batch. */
export const at = {
  baseOffset: 0,
  length: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  count: 57,
  records: 61,
} as const

/** Bits of the attributes; the lowest three are the codec's id. */
export const attribute = { codec: 7, logAppendTime: 8, transactional: 16, control: 32, deleteHorizon: 64 } as const

/** Base offset and length stand before what `length` counts. */
export const lengthPrefixBytes = 12

/** No record is smaller: length, attributes, two deltas, two lengths and the number of headers take a byte each. */
export const minRecordBytes = 7

/** The bytes are not a batch of format v2, or its records cannot be read. */
export class CorruptBatch extends Error {
  override readonly name = 'CorruptBatch'
}

/** The header at `position`. Throws `CorruptBatch` where there is none; whether the records follow is not looked at. */
export const readBatchHeader = (buffer: Buffer, position = 0): BatchHeader => {
  if (position < 0 || buffer.length - position < at.records) throw new CorruptBatch(`no batch header at ${position}`)
  const sizeBytes = lengthPrefixBytes + buffer.readInt32BE(position + at.length)
  const magic = buffer.readInt8(position + at.magic)
  const attributes = buffer.readInt16BE(position + at.attributes)
  const codec = codecs[attributes & attribute.codec]
  if (sizeBytes < at.records) throw new CorruptBatch(`a batch at ${position} claims ${sizeBytes} bytes`)
  if (magic !== 2) throw new CorruptBatch(`the batch at ${position} has magic ${magic}`)
  if (codec === undefined) throw new CorruptBatch(`the batch at ${position} has an unknown codec`)
  return {
    baseOffset: buffer.readBigInt64BE(position),
    sizeBytes,
    partitionLeaderEpoch: buffer.readInt32BE(position + at.partitionLeaderEpoch),
    magic,
    crc: buffer.readUInt32BE(position + at.crc),
    attributes,
    lastOffsetDelta: buffer.readInt32BE(position + at.lastOffsetDelta),
    baseTimestamp: buffer.readBigInt64BE(position + at.baseTimestamp),
    maxTimestamp: buffer.readBigInt64BE(position + at.maxTimestamp),
    producerId: buffer.readBigInt64BE(position + at.producerId),
    producerEpoch: buffer.readInt16BE(position + at.producerEpoch),
    baseSequence: buffer.readInt32BE(position + at.baseSequence),
    count: buffer.readInt32BE(position + at.count),
    codec,
    timestampType: attributes & attribute.logAppendTime ? 'append' : 'create',
    isTransactional: (attributes & attribute.transactional) !== 0,
    isControl: (attributes & attribute.control) !== 0,
  }
}

/**
 * The positions of the batches that stand whole in `buffer`, one behind the other; a partial batch at the end is left
 * out, as after a range read that was cut. Throws `CorruptBatch` where a length is impossible.
 */
export const batchesIn = function* (buffer: Buffer): Generator<number> {
  let position = 0
  while (buffer.length - position >= at.records) {
    const sizeBytes = lengthPrefixBytes + buffer.readInt32BE(position + at.length)
    if (sizeBytes < at.records) throw new CorruptBatch(`a batch at ${position} claims ${sizeBytes} bytes`)
    if (sizeBytes > buffer.length - position) return
    yield position
    position += sizeBytes
  }
}

/** Whether the checksum in the header at `position` is that of the batch, which stands whole in `buffer`. */
export const crcMatches = (buffer: Buffer, position = 0): boolean => {
  const end = position + lengthPrefixBytes + buffer.readInt32BE(position + at.length)
  return crc32c(buffer.subarray(position + at.attributes, end)) === buffer.readUInt32BE(position + at.crc)
}

/** What the log decides about a batch when it is read; neither is covered by the checksum. */
export type BatchPlace = { readonly baseOffset: bigint; readonly partitionLeaderEpoch: number }

/** Writes the place into the header at `position` of a buffer that is ours. */
export const patchBatch = (buffer: Buffer, position: number, place: BatchPlace): void => {
  buffer.writeBigInt64BE(place.baseOffset, position)
  buffer.writeInt32BE(place.partitionLeaderEpoch, position + at.partitionLeaderEpoch)
}

/** The batch with another place, as a head of 16 new bytes and the rest of `batch` itself: nobody's buffer is changed. */
export const patchedBatch = (batch: Buffer, place: BatchPlace): readonly [head: Buffer, rest: Buffer] => {
  const head = Buffer.from(batch.subarray(0, at.magic))
  patchBatch(head, 0, place)
  return [head, batch.subarray(at.magic)]
}

/**
 * The batch with log append time `now` (milliseconds) for all its records, as a new header and the records of `batch`
 * itself. Readers then ignore the records' own timestamps.
 */
export const stampLogAppendTime = (batch: Buffer, now: bigint): readonly [header: Buffer, records: Buffer] => {
  const header = Buffer.from(batch.subarray(0, at.records))
  const records = batch.subarray(at.records)
  header.writeInt16BE(header.readInt16BE(at.attributes) | attribute.logAppendTime, at.attributes)
  header.writeBigInt64BE(now, at.maxTimestamp)
  header.writeUInt32BE(crc32c(records, crc32c(header.subarray(at.attributes))), at.crc)
  return [header, records]
}
