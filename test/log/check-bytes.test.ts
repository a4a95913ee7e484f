import { expect, test } from 'vitest'
import { blockProblem, indexProblem, tailProblem } from '../../lib/log/check-bytes.ts'
import { type Block, buildSegment, decodeIndex } from '../../lib/log/segment.ts'
import type { Segment, TailBatch } from '../../lib/log/state.ts'
import { at } from '../../lib/protocol/batch.ts'
import { batch, withCrc } from '../support/batches.ts'

/** A segment of five batches in three blocks, from offset 10 on. */
const segmentOfFive = () => {
  const bytes = [9000, 9000, 20_000, 9000, 5].map((size, i) =>
    batch({ records: 2, value: 'x'.repeat(size / 2), timestamp: BigInt(1000 - i) }),
  )
  const batches = bytes.map(
    ({ length }, i): TailBatch => ({
      ...{ seq: i, appendedAt: 0, baseOffset: BigInt(10 + 2 * i), count: 2, sizeBytes: length, leaderEpoch: 0 },
      ...{ maxTimestamp: BigInt(1001 - i), source: { in: 'object', name: '', position: 0 } },
    }),
  )
  const built = buildSegment(batches, bytes)
  const segment: Segment = { name: 'seg/000000000001-x', position: 0, ...built.segment }
  const whole = Buffer.concat(built.parts)
  const index = decodeIndex(whole.subarray(segment.sizeBytes))
  const blocks = index.map((block, i) => ({
    block,
    endOffset: index[i + 1]?.baseOffset ?? segment.endOffset,
    bytes: whole.subarray(block.position, index[i + 1]?.position ?? segment.sizeBytes),
  }))
  const [first] = blocks
  if (first === undefined) throw new Error('there are blocks')
  return { segment, index, blocks, first, batches, bytes }
}

test('blocks, index and batches as they were written have no problem', () => {
  const { segment, index, blocks, batches, bytes } = segmentOfFive()
  expect(blocks.length).toBe(3)
  expect(indexProblem(segment, index)).toBeUndefined()
  for (const { block, endOffset, bytes } of blocks) expect(blockProblem(block, endOffset, bytes)).toBeUndefined()
  for (const [i, one] of batches.entries()) expect(tailProblem(one, bytes[i] ?? Buffer.alloc(0))).toBeUndefined()
})

test.each([
  ['the first entry is missing', (index: readonly Block[]) => index.slice(1), /cannot be/],
  ['two entries changed places', (index: readonly Block[]) => index.toReversed(), /cannot be/],
  ['there are none', () => [], /no entries/],
  [
    'one lies beyond the segment',
    (index: readonly Block[]) => [...index, { baseOffset: 20n, position: 10_000_000, maxTimestamp: 0n }],
    /beyond the segment/,
  ],
  [
    'the largest timestamp is another',
    (index: readonly Block[]) => index.map((block) => ({ ...block, maxTimestamp: 5n })),
    /5 as its largest timestamp, the segment 1001/,
  ],
])('an index is wrong when %s', (_, change, says) => {
  const { segment, index } = segmentOfFive()
  expect(indexProblem(segment, change(index))).toMatch(says)
})

test('a block is wrong when its bounds, its timestamp or its batches are not what the index says', () => {
  const { block, endOffset, bytes } = segmentOfFive().first
  expect(blockProblem({ ...block, baseOffset: 9n }, endOffset, bytes)).toMatch(/offset 10 where 9 should be/)
  expect(blockProblem(block, endOffset + 1n, bytes)).toMatch(/offsets 14 to 15 are not where/)
  expect(blockProblem({ ...block, maxTimestamp: 7n }, endOffset, bytes)).toMatch(/another largest timestamp/)
  expect(blockProblem(block, endOffset, bytes.subarray(0, -1))).toMatch(/what follows offset 12 is no batch/)
  const recounted = Buffer.from(bytes)
  recounted.writeInt32BE(1, at.count)
  const length = 12 + recounted.readInt32BE(at.length)
  withCrc(recounted.subarray(0, length))
  expect(blockProblem(block, endOffset, recounted)).toMatch(/counts 1 records for 2 offsets/)
})

test('a batch of the tail is wrong when its bytes are others', () => {
  const { batches, bytes } = segmentOfFive()
  const [one] = batches
  const [own, other] = bytes
  if (one === undefined || own === undefined || other === undefined) throw new Error('there are batches')
  expect(tailProblem(one, other)).toMatch(/not those of its row/)
  expect(tailProblem(one, own.subarray(1))).toMatch(/not those of its row/)
  const flipped = Buffer.from(own)
  flipped.writeUInt8(flipped.readUInt8(70) ^ 1, 70)
  expect(tailProblem(one, flipped)).toMatch(/checksum/)
})
