/**
 * A state at rest, complete in itself: nothing at or below its seq is needed besides it.
 *
 *   'WDCK' · crc32c u32 of all that follows · format u8 = 1 · shard string · seq, flushed, tickets · leader · ended · partitions
 *
 * The shard and the checksum are there so that a wrong or damaged object is noticed, never guessed around.
 */
import { crc32c } from '../protocol/crc32c.ts'
import { Reader } from '../protocol/reader.ts'
import { Writer } from '../protocol/writer.ts'
import {
  DamagedAtRest,
  expectFormat,
  readList,
  readSegment,
  readSeq,
  writeList,
  writeSegment,
  writeSeq,
} from './at-rest.ts'
import { type Producer, producersFrom, producersIn } from './producers.ts'
import type { Partition, State, TailBatch } from './state.ts'

const magic = Buffer.from('WDCK')
const format = 1
const headBytes = magic.length + 4

export const encodeState = (state: State, shard: string): Buffer => {
  const writer = new Writer()
  writer.int8(format)
  writer.compactString(shard)
  writeSeq(writer, state.seq)
  writeSeq(writer, state.flushed)
  writeSeq(writer, state.tickets)
  writer.int32(state.leader?.node ?? -1)
  writer.int32(state.leader?.epoch ?? -1)
  writer.bool(state.ended)
  writeList(writer, [...state.partitions.values()], (partition) => writePartition(writer, partition))
  const body = writer.toBuffer()
  const head = Buffer.alloc(headBytes)
  magic.copy(head)
  head.writeUInt32BE(crc32c(body), magic.length)
  return Buffer.concat([head, body])
}

/** Throws `DamagedAtRest`, `MalformedFrame`, or `NewerFormat` for what a newer version of Wadi wrote. */
export const decodeState = (bytes: Buffer, shard: string): State => {
  const body = bytes.subarray(headBytes)
  if (bytes.length < headBytes) throw new DamagedAtRest(`the checkpoint of ${shard} is cut`)
  if (!bytes.subarray(0, magic.length).equals(magic) || bytes.readUInt32BE(magic.length) !== crc32c(body)) {
    throw new DamagedAtRest(`the checkpoint of ${shard} is damaged`)
  }
  const reader = new Reader(body)
  expectFormat(reader, format, `the checkpoint of ${shard}`)
  const owner = reader.compactString()
  if (owner !== shard) throw new DamagedAtRest(`the checkpoint of ${shard} belongs to ${owner}`)
  const [seq, flushed, tickets] = [readSeq(reader), readSeq(reader), readSeq(reader)]
  const [node, epoch] = [reader.int32(), reader.int32()]
  const ended = reader.bool()
  const partitions = new Map(readList(reader, () => readPartition(reader)).map((p) => [p.index, p]))
  let tailBytes = 0
  for (const partition of partitions.values()) for (const batch of partition.tail) tailBytes += batch.sizeBytes
  return { seq, flushed, tickets, leader: epoch < 0 ? undefined : { node, epoch }, ended, partitions, tailBytes }
}

const writePartition = (writer: Writer, partition: Partition): void => {
  writer.unsignedVarint(partition.index)
  writer.varlong(partition.logStartOffset)
  writer.varlong(partition.endOffset)
  writeList(writer, partition.segments, (segment) => writeSegment(writer, segment))
  writeList(writer, partition.tail, (batch) => writeTailBatch(writer, batch))
  writeList(writer, [...producersIn(partition.producers)], ([id, producer]) => writeProducer(writer, id, producer))
  writeList(writer, partition.epochs, ({ epoch, startOffset }) => {
    writer.int32(epoch)
    writer.varlong(startOffset)
  })
}

const readPartition = (reader: Reader): Partition => ({
  index: reader.unsignedVarint(),
  logStartOffset: reader.varlong(),
  endOffset: reader.varlong(),
  segments: readList(reader, () => readSegment(reader)),
  tail: readList(reader, () => readTailBatch(reader)),
  producers: producersFrom(readList(reader, () => readProducer(reader))),
  epochs: readList(reader, () => ({ epoch: reader.int32(), startOffset: reader.varlong() })),
})

const writeTailBatch = (writer: Writer, batch: TailBatch): void => {
  writeSeq(writer, batch.seq)
  writeSeq(writer, batch.appendedAt)
  writer.varlong(batch.baseOffset)
  writer.unsignedVarint(batch.count)
  writer.unsignedVarint(batch.sizeBytes)
  writer.varlong(batch.maxTimestamp)
  writer.int32(batch.leaderEpoch)
  writer.compactNullableString(batch.source.in === 'object' ? batch.source.name : null)
  if (batch.source.in === 'object') writer.unsignedVarint(batch.source.position)
  else writer.compactBytes(batch.source.bytes)
}

const readTailBatch = (reader: Reader): TailBatch => {
  const seq = readSeq(reader)
  const appendedAt = readSeq(reader)
  const baseOffset = reader.varlong()
  const count = reader.unsignedVarint()
  const sizeBytes = reader.unsignedVarint()
  const maxTimestamp = reader.varlong()
  const leaderEpoch = reader.int32()
  const name = reader.compactNullableString()
  const source =
    name === null
      ? { in: 'row' as const, bytes: reader.compactBytes() }
      : { in: 'object' as const, name, position: reader.unsignedVarint() }
  return { seq, appendedAt, baseOffset, count, sizeBytes, maxTimestamp, leaderEpoch, source }
}

const writeProducer = (writer: Writer, id: bigint, producer: Producer): void => {
  writer.varlong(id)
  writer.int16(producer.epoch)
  writeSeq(writer, producer.seq)
  writeSeq(writer, producer.lastAt)
  writeList(writer, producer.last, ({ baseSequence, count, baseOffset }) => {
    writer.int32(baseSequence)
    writer.unsignedVarint(count)
    writer.varlong(baseOffset)
  })
}

const readProducer = (reader: Reader): readonly [bigint, Producer] => {
  const id = reader.varlong()
  const epoch = reader.int16()
  const seq = readSeq(reader)
  const lastAt = readSeq(reader)
  const last = readList(reader, () => ({
    baseSequence: reader.int32(),
    count: reader.unsignedVarint(),
    baseOffset: reader.varlong(),
  }))
  return [id, { epoch, last, seq, lastAt }]
}
