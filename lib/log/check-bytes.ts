import { batchesIn, CorruptBatch, crcMatches, readBatchHeader } from '../protocol/batch.ts'
import type { Block } from './segment.ts'
import { isBatch } from './slice.ts'
import type { Segment, TailBatch } from './state.ts'

/** Why these bytes are not the batch that a row speaks of; undefined when they are. */
export const tailProblem = (batch: TailBatch, bytes: Buffer): string | undefined =>
  orCorrupt(() => {
    if (!isBatch(batch, bytes)) return `the bytes of offset ${batch.baseOffset} are not those of its row`
    return crcMatches(bytes) ? undefined : wrongChecksum(batch.baseOffset)
  })

/** Why an index is not that of its segment; undefined when it may be. */
export const indexProblem = (segment: Segment, blocks: readonly Block[]): string | undefined => {
  let before: Block | undefined
  let maxTimestamp = -1n
  for (const block of blocks) {
    const isNext = before
      ? block.baseOffset > before.baseOffset && block.position > before.position
      : block.baseOffset === segment.baseOffset && block.position === 0
    if (!isNext) return `the index has offset ${block.baseOffset} at ${block.position}, which cannot be`
    if (block.maxTimestamp > maxTimestamp) maxTimestamp = block.maxTimestamp
    before = block
  }
  if (before === undefined) return 'the index has no entries'
  if (before.position >= segment.sizeBytes || before.baseOffset >= segment.endOffset)
    return `the index has offset ${before.baseOffset} at ${before.position}, beyond the segment`
  return maxTimestamp === segment.maxTimestamp
    ? undefined
    : `the index has ${maxTimestamp} as its largest timestamp, the segment ${segment.maxTimestamp}`
}

/** Why these bytes are not the block that an index speaks of, up to `endOffset`; undefined when they are. */
export const blockProblem = (block: Block, endOffset: bigint, bytes: Buffer): string | undefined =>
  orCorrupt(() => {
    let offset = block.baseOffset
    let end = 0
    let maxTimestamp: bigint | undefined
    for (const position of batchesIn(bytes)) {
      const header = readBatchHeader(bytes, position)
      if (header.baseOffset !== offset) return `a batch has offset ${header.baseOffset} where ${offset} should be`
      if (!crcMatches(bytes, position)) return wrongChecksum(offset)
      if (header.count < 1 || header.lastOffsetDelta !== header.count - 1)
        return `the batch at offset ${offset} counts ${header.count} records for ${header.lastOffsetDelta + 1} offsets`
      if (maxTimestamp === undefined || header.maxTimestamp > maxTimestamp) maxTimestamp = header.maxTimestamp
      offset += BigInt(header.count)
      end = position + header.sizeBytes
    }
    if (end !== bytes.length) return `what follows offset ${offset} is no batch`
    if (offset !== endOffset) return `offsets ${offset} to ${endOffset} are not where the index says`
    if (maxTimestamp !== block.maxTimestamp)
      return `the index has another largest timestamp for offsets ${block.baseOffset} to ${endOffset} than the batches`
    return undefined
  })

const wrongChecksum = (offset: bigint): string => `the checksum of the batch at offset ${offset} does not match`

const orCorrupt = (check: () => string | undefined): string | undefined => {
  try {
    return check()
  } catch (error) {
    if (error instanceof CorruptBatch) return error.message
    throw error
  }
}
