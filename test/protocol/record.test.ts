import fc from 'fast-check'
import { expect, test } from 'vitest'
import { at, CorruptBatch } from '../../lib/protocol/batch.ts'
import { codecs } from '../../lib/protocol/compression.ts'
import { offsetForTimestamp, offsetOfMaxTimestamp } from '../../lib/protocol/record.ts'
import { batch, batchOf, recordsOf, withCrc } from '../support/batches.ts'

const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))
const record = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  timestamp: fc.oneof(fc.bigInt({ min: -1n, max: 2n ** 41n }), fc.bigInt({ min: 2n ** 41n, max: 2n ** 62n })),
  headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme' }), value: fc.option(bytes) }), { maxLength: 3 }),
})
const records = fc.tuple(record, fc.array(record, { maxLength: 20 })).map(([first, rest]) => [first, ...rest] as const)

test('records come out of a batch as they went in, with dense offsets, under every codec', () => {
  fc.assert(
    fc.property(
      records,
      fc.constantFrom(...codecs),
      fc.bigInt({ min: 0n, max: 2n ** 62n }),
      (written, codec, baseOffset) => {
        const read = recordsOf(batchOf(written, { codec, baseOffset }))
        expect(read).toEqual(written.map((each, index) => ({ ...each, offset: baseOffset + BigInt(index) })))
      },
    ),
    { numRuns: 500 },
  )
})

test('the offset for a timestamp is that of the first record that is not earlier', () => {
  fc.assert(
    fc.property(records, fc.constantFrom(...codecs), fc.nat(30), (written, codec, index) => {
      const bytes = batchOf(written, { codec, baseOffset: 100n })
      const all = recordsOf(bytes)
      const wanted = written[index % written.length]?.timestamp ?? 0n
      for (const timestamp of [wanted - 1n, wanted, wanted + 1n]) {
        const first = all.find((each) => each.timestamp >= timestamp)
        expect(offsetForTimestamp(bytes, timestamp)).toEqual(
          first && { offset: first.offset, timestamp: first.timestamp },
        )
      }
    }),
  )
})

test('the offset of the greatest timestamp is that of the first record that has it', () => {
  const at = (timestamp: bigint) => ({ key: null, value: null, timestamp })
  expect(offsetOfMaxTimestamp(batchOf([at(5n), at(9n), at(9n), at(7n)], { baseOffset: 10n }))).toEqual({
    offset: 11n,
    timestamp: 9n,
  })
  expect(offsetOfMaxTimestamp(batchOf([at(-1n), at(-1n)]))).toEqual({ offset: 0n, timestamp: -1n })
})

test('a batch that compaction has emptied has no records and no offset for any timestamp', () => {
  const emptied = batch().subarray(0, at.records)
  emptied.writeInt32BE(at.records - 12, at.length)
  emptied.writeInt32BE(0, at.count)
  expect(recordsOf(emptied)).toEqual([])
  expect(offsetForTimestamp(emptied, 0n)).toBeUndefined()
  expect(offsetOfMaxTimestamp(emptied)).toBeUndefined()
})

test('keys and values are views into the batch', () => {
  const bytes = batch({ key: 'key', value: 'value' })
  const [first] = recordsOf(bytes)
  expect(first?.value?.buffer).toBe(bytes.buffer)
})

/** A batch of two records, so that the second starts at a known place: length, attributes, deltas, −1, "v0", 0. */
const two = (): Buffer => batch({ records: 2 })
const firstRecord = at.records
const secondRecord = firstRecord + 9

test.each([
  ['a record longer than the batch', [[secondRecord, 0x7e]]],
  ['a record of negative length', [[firstRecord, 1]]],
  ['a record shorter than any', [[firstRecord, 10]]],
  ['a record that ends early', [[firstRecord, 18]]],
  ['a key longer than its record', [[firstRecord + 4, 0x7e]]],
  ['a value of length −2', [[firstRecord + 5, 3]]],
  ['more headers than bytes', [[firstRecord + 8, 2]]],
  ['a negative number of headers', [[firstRecord + 8, 1]]],
  ['an offset delta twice', [[secondRecord + 3, 0]]],
  ['an offset delta beyond the last', [[secondRecord + 3, 4]]],
  ['a negative offset delta', [[firstRecord + 3, 1]]],
  ['a record that is not counted', [[at.count + 3, 1]]],
  ['a record that is counted and missing', [[at.count + 3, 3]]],
  ['more records than bytes', [[at.count, 0x7f]]],
  ['a negative count', [[at.count, 0xff]]],
])('%s is a corrupt batch', (_, changes) => {
  const bytes = two()
  for (const [position = 0, value = 0] of changes) bytes.writeUInt8(value, position)
  expect(() => recordsOf(withCrc(bytes))).toThrow(CorruptBatch)
})

test.each([
  ['a length of more than 32 bits', [0xff, 0xff, 0xff, 0xff, 0x1f]],
  ['a length that never ends', Array.from({ length: 12 }, () => 0x80)],
  ['a timestamp of more than 64 bits', [40, 0, ...Array.from({ length: 9 }, () => 0xff), 2]],
  ['a timestamp that never ends', [40, 0, ...Array.from({ length: 11 }, () => 0x80)]],
])('%s is a corrupt batch', (_, start) => {
  const bytes = batch({ value: 'a value long enough to be overwritten' })
  Buffer.from(start).copy(bytes, at.records)
  expect(() => recordsOf(withCrc(bytes))).toThrow(CorruptBatch)
})

test('a header without a key is a corrupt batch', () => {
  const bytes = batchOf([{ key: null, value: null, timestamp: 0n, headers: [{ key: '', value: null }] }])
  bytes.writeUInt8(1, at.records + 7)
  expect(() => recordsOf(withCrc(bytes))).toThrow(CorruptBatch)
})
