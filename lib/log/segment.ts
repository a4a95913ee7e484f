/**
 * A segment's bytes: the batches of one partition with their true offsets, and behind them a sparse index.
 *
 *   index = crc32c u32 of what follows · format u8 = 1 · base offset · entries of (offset, position, max timestamp)
 *
 * An entry stands for a block: the batches from its position to the next entry's. Numbers are written as differences.
 * One object holds the segments of several partitions one after the other; where each starts is known to the state.
 */
import { patchedBatch } from '../protocol/batch.ts'
import { crc32c } from '../protocol/crc32c.ts'
import { Reader } from '../protocol/reader.ts'
import { Writer } from '../protocol/writer.ts'
import { DamagedAtRest, expectFormat, readList, writeList } from './at-rest.ts'
import type { Segment, TailBatch } from './state.ts'

/** A block of the index ends with the batch that reaches this many bytes. */
const indexBlockBytes = 16 * 1024
const format = 1

export type Block = {
  readonly baseOffset: bigint
  /** Within the segment. */
  readonly position: number
  readonly maxTimestamp: bigint
}

/** The bytes of a segment and what the state keeps of it, but for its place in the object. */
export type SegmentBytes = {
  readonly parts: readonly Buffer[]
  readonly segment: Omit<Segment, 'name' | 'position'>
}

/** A segment of these batches, which follow each other; `bytes[i]` is `batches[i]` as it was sent. */
export const buildSegment = (batches: readonly TailBatch[], bytes: readonly (Buffer | undefined)[]): SegmentBytes => {
  const parts: Buffer[] = []
  const blocks: Block[] = []
  let sizeBytes = 0
  for (const [i, { baseOffset, leaderEpoch, maxTimestamp }] of batches.entries()) {
    const batch = bytes[i]
    if (batch === undefined) throw new Error('every batch of a segment has bytes')
    const block = blocks.at(-1)
    if (block === undefined || sizeBytes - block.position >= indexBlockBytes) {
      blocks.push({ baseOffset, position: sizeBytes, maxTimestamp })
    } else if (maxTimestamp > block.maxTimestamp) {
      blocks[blocks.length - 1] = { ...block, maxTimestamp }
    }
    parts.push(...patchedBatch(batch, { baseOffset, partitionLeaderEpoch: leaderEpoch }))
    sizeBytes += batch.length
  }
  const [first, last] = [batches[0], batches.at(-1)]
  if (first === undefined || last === undefined) throw new Error('a segment has batches')
  return withIndex(parts, blocks, sizeBytes, last.baseOffset + BigInt(last.count))
}

/** One segment out of several that follow each other, none of their batches looked at. */
export const joinSegments = (
  segments: readonly { readonly segment: Segment; readonly bytes: Buffer; readonly blocks: readonly Block[] }[],
): SegmentBytes => {
  const blocks: Block[] = []
  let sizeBytes = 0
  for (const { segment, blocks: own } of segments) {
    for (const block of own) blocks.push({ ...block, position: block.position + sizeBytes })
    sizeBytes += segment.sizeBytes
  }
  const last = segments.at(-1)
  if (last === undefined) throw new Error('there are segments to join')
  const parts = segments.map(({ bytes }) => bytes)
  return withIndex(parts, blocks, sizeBytes, last.segment.endOffset)
}

const withIndex = (
  parts: readonly Buffer[],
  blocks: readonly Block[],
  sizeBytes: number,
  endOffset: bigint,
): SegmentBytes => {
  const index = encodeIndex(blocks)
  const maxTimestamp = blocks.reduce((max, block) => (block.maxTimestamp > max ? block.maxTimestamp : max), -1n)
  const baseOffset = blocks[0]?.baseOffset ?? endOffset
  return {
    parts: [...parts, index],
    segment: { sizeBytes, indexBytes: index.length, baseOffset, endOffset, maxTimestamp },
  }
}

const encodeIndex = (blocks: readonly Block[]): Buffer => {
  const writer = new Writer()
  writer.int8(format)
  let before: Block = { baseOffset: 0n, position: 0, maxTimestamp: 0n }
  writeList(writer, blocks, (block) => {
    writer.varlong(block.baseOffset - before.baseOffset)
    writer.unsignedVarint(block.position - before.position)
    writer.varlong(block.maxTimestamp - before.maxTimestamp)
    before = block
  })
  const body = writer.toBuffer()
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(crc32c(body))
  return Buffer.concat([checksum, body])
}

/** Throws `DamagedAtRest`, `MalformedFrame`, or `NewerFormat` for what a newer version of Wadi wrote. */
export const decodeIndex = (bytes: Buffer): readonly Block[] => {
  const body = bytes.subarray(4)
  if (bytes.length < 4 || bytes.readUInt32BE() !== crc32c(body)) throw new DamagedAtRest('the index is damaged')
  const reader = new Reader(body)
  expectFormat(reader, format, 'an index')
  let before: Block = { baseOffset: 0n, position: 0, maxTimestamp: 0n }
  return readList(reader, () => {
    before = {
      baseOffset: before.baseOffset + reader.varlong(),
      position: before.position + reader.unsignedVarint(),
      maxTimestamp: before.maxTimestamp + reader.varlong(),
    }
    return before
  })
}

/** The block that has this offset, the last that starts at or below it; undefined where there are none. */
export const blockWithOffset = (blocks: readonly Block[], offset: bigint): Block | undefined => {
  let low = 0
  let high = blocks.length
  while (low + 1 < high) {
    const middle = (low + high) >>> 1
    if ((blocks[middle]?.baseOffset ?? 0n) <= offset) low = middle
    else high = middle
  }
  return blocks[low]
}

/** The first block that has a timestamp of at least this, and where it ends. */
export const blockWithTimestamp = (
  segment: Segment,
  blocks: readonly Block[],
  timestamp: bigint,
): { readonly block: Block; readonly length: number; readonly endOffset: bigint } | undefined => {
  const found = blocks.findIndex((block) => block.maxTimestamp >= timestamp)
  const block = blocks[found]
  if (block === undefined) return undefined
  const next = blocks[found + 1]
  return {
    block,
    length: (next?.position ?? segment.sizeBytes) - block.position,
    endOffset: next?.baseOffset ?? segment.endOffset,
  }
}
