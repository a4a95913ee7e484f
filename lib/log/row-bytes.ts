/**
 * A row at rest:
 *
 *   format u8 = 1 · kind u8 · crc32c u32 of all other bytes · id string · at varlong · what the kind carries
 *
 * Numbers are varints where they are usually small, so that an append of one batch takes about 114 bytes and each
 * further batch about 36.
 */
import { crc32c } from '../protocol/crc32c.ts'
import { Reader } from '../protocol/reader.ts'
import { Writer } from '../protocol/writer.ts'
import {
  DamagedAtRest,
  expectFormat,
  NewerFormat,
  readList,
  readSegment,
  readSeq,
  writeList,
  writeSegment,
  writeSeq,
} from './at-rest.ts'
import type { Append, AppendedBatch, Change, Row } from './row.ts'

const format = 1

const kinds = ['append', 'flush', 'rewrite', 'trim', 'lead', 'tickets', 'expire', 'end'] as const

/** Bytes that a row of one batch takes at most, without inline bytes. */
export const rowOverheadBytes = 114
/** Bytes that each further batch adds at most. */
export const rowBatchBytes = 45

export const encodeRow = (row: Row): Buffer => {
  const writer = new Writer()
  writer.int8(format)
  writer.int8(kinds.indexOf(row.kind))
  writer.uint32(0)
  writer.compactString(row.id)
  writeSeq(writer, row.at)
  writeChange(writer, row)
  const bytes = writer.toBuffer()
  bytes.writeUInt32BE(checksumOf(bytes), checksumPosition)
  return bytes
}

const checksumPosition = 2

/** Offsets are counted from what rows say: a damaged one must be noticed, never applied. */
const checksumOf = (bytes: Buffer): number =>
  crc32c(bytes.subarray(checksumPosition + 4), crc32c(bytes.subarray(0, checksumPosition)))

/** Throws `NewerFormat` for what a newer version of Wadi wrote, `DamagedAtRest` or `MalformedFrame` for what nobody wrote. */
export const decodeRow = (bytes: Buffer): Row => {
  const reader = new Reader(bytes)
  expectFormat(reader, format, 'a row')
  const kind = kinds[reader.int8()]
  if (kind === undefined) throw new NewerFormat('a row')
  if (reader.uint32() !== checksumOf(bytes)) throw new DamagedAtRest('a row is damaged')
  const id = reader.compactString()
  const at = readSeq(reader)
  return { id, at, ...readChange(reader, kind) }
}

const writeChange = (writer: Writer, change: Change): void => {
  switch (change.kind) {
    case 'append':
      writeAppend(writer, change)
      break
    case 'flush':
      writeSeq(writer, change.from)
      writeSeq(writer, change.upTo)
      writeList(writer, change.segments, ({ partition, segment }) => {
        writer.unsignedVarint(partition)
        writeSegment(writer, segment)
      })
      break
    case 'rewrite':
      writer.unsignedVarint(change.partition)
      writeList(writer, change.removed, ({ name, position }) => {
        writer.compactString(name)
        writer.unsignedVarint(position)
      })
      writeList(writer, change.added, (segment) => writeSegment(writer, segment))
      break
    case 'trim':
      writer.unsignedVarint(change.partition)
      writer.varlong(change.logStartOffset)
      break
    case 'lead':
      writer.int32(change.node)
      writer.int32(change.epoch)
      break
    case 'tickets':
      writeSeq(writer, change.to)
      break
    case 'expire':
      writer.unsignedVarint(change.partition)
      writeList(writer, change.producers, ({ producerId, seq }) => {
        writer.varlong(producerId)
        writeSeq(writer, seq)
      })
      break
    case 'end':
      break
  }
}

const readChange = (reader: Reader, kind: Change['kind']): Change => {
  switch (kind) {
    case 'append':
      return readAppend(reader)
    case 'flush':
      return {
        kind,
        from: readSeq(reader),
        upTo: readSeq(reader),
        segments: readList(reader, () => ({ partition: reader.unsignedVarint(), segment: readSegment(reader) })),
      }
    case 'rewrite':
      return {
        kind,
        partition: reader.unsignedVarint(),
        removed: readList(reader, () => ({ name: reader.compactString(), position: reader.unsignedVarint() })),
        added: readList(reader, () => readSegment(reader)),
      }
    case 'trim':
      return { kind, partition: reader.unsignedVarint(), logStartOffset: reader.varlong() }
    case 'lead':
      return { kind, node: reader.int32(), epoch: reader.int32() }
    case 'tickets':
      return { kind, to: readSeq(reader) }
    case 'expire':
      return {
        kind,
        partition: reader.unsignedVarint(),
        producers: readList(reader, () => ({ producerId: reader.varlong(), seq: readSeq(reader) })),
      }
    case 'end':
      return { kind }
  }
}

const writeAppend = (writer: Writer, change: Append): void => {
  writer.varint(change.leaderEpoch ?? -1)
  writer.compactNullableString(change.bytes.in === 'object' ? change.bytes.name : null)
  writeList(writer, change.batches, (batch) => {
    writer.unsignedVarint(batch.partition)
    writer.unsignedVarint(batch.position)
    writer.unsignedVarint(batch.sizeBytes)
    writer.unsignedVarint(batch.count)
    writer.varlong(batch.maxTimestamp)
    writer.varlong(batch.producerId)
    if (batch.producerId < 0n) return
    writer.int16(batch.producerEpoch)
    writer.int32(batch.baseSequence)
  })
  if (change.bytes.in === 'row') writer.compactBytes(change.bytes.bytes)
}

const readAppend = (reader: Reader): Append => {
  const leaderEpoch = reader.varint()
  const name = reader.compactNullableString()
  const batches = readList(reader, (): AppendedBatch => {
    const partition = reader.unsignedVarint()
    const position = reader.unsignedVarint()
    const sizeBytes = reader.unsignedVarint()
    const count = reader.unsignedVarint()
    const maxTimestamp = reader.varlong()
    const producerId = reader.varlong()
    const isIdempotent = producerId >= 0n
    const producerEpoch = isIdempotent ? reader.int16() : -1
    const baseSequence = isIdempotent ? reader.int32() : -1
    return { partition, position, sizeBytes, count, maxTimestamp, producerId, producerEpoch, baseSequence }
  })
  return {
    kind: 'append',
    bytes: name === null ? { in: 'row', bytes: reader.compactBytes() } : { in: 'object', name },
    leaderEpoch: leaderEpoch < 0 ? undefined : leaderEpoch,
    batches,
  }
}
