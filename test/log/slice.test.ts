import { expect, test } from 'vitest'
import { sliceFrom } from '../../lib/log/slice.ts'
import { at, CorruptBatch, patchBatch } from '../../lib/protocol/batch.ts'
import { batch } from '../support/batches.ts'

const epochs = [{ epoch: 3, startOffset: 12n }]
const expected = { baseOffset: 10n, epochs }
const size = batch({ records: 2 }).length

/** Offsets 10 and 11, 12 and 13, 14 and 15, the last two appended under leader epoch 3. */
const three = (change: (bytes: Buffer) => void = () => {}): Buffer => {
  const bytes = Buffer.concat([0, 1, 2].map(() => batch({ records: 2 })))
  for (const [i, epoch] of [0, 3, 3].entries()) {
    patchBatch(bytes, i * size, { baseOffset: BigInt(10 + 2 * i), partitionLeaderEpoch: epoch })
  }
  change(bytes)
  return bytes
}

const slice = (bytes: Buffer, offset: bigint, limitBytes = 10_000) => {
  const found = sliceFrom(bytes, offset, limitBytes, expected)
  if (found.outcome !== 'whole') throw new Error('it is short')
  return { from: found.bytes.readBigInt64BE(), batches: found.bytes.length / size, endOffset: found.endOffset }
}

test('a slice starts with the batch that has the offset and tells where it ends', () => {
  expect(slice(three(), 10n)).toEqual({ from: 10n, batches: 3, endOffset: 16n })
  expect(slice(three(), 13n)).toEqual({ from: 12n, batches: 2, endOffset: 16n })
  expect(slice(three(), 10n, size)).toEqual({ from: 10n, batches: 1, endOffset: 12n })
  expect(sliceFrom(three(), 16n, size, expected)).toMatchObject({ outcome: 'short' })
})

test.each<readonly [string, (bytes: Buffer) => void]>([
  ['offset', (bytes) => void bytes.writeUInt8(1, size + 3)],
  ['leader epoch', (bytes) => void bytes.writeInt32BE(2, size + at.partitionLeaderEpoch)],
  ['magic', (bytes) => void bytes.writeInt8(3, size + at.magic)],
  ['count', (bytes) => void bytes.writeInt32BE(6, size + at.count)],
  ['last offset', (bytes) => void bytes.writeInt32BE(1025, size + at.lastOffsetDelta)],
])('a batch with another %s ends what is read before it, and nothing else', (_, change) => {
  const bytes = three(change)
  expect(slice(bytes, 10n)).toEqual({ from: 10n, batches: 1, endOffset: 12n })
  expect(() => slice(bytes, 12n)).toThrow(CorruptBatch)
  expect(() => slice(bytes, 13n)).toThrow(CorruptBatch)
  expect(slice(bytes, 14n)).toEqual({ from: 14n, batches: 1, endOffset: 16n })
})
