import { expect, test } from 'vitest'
import {
  at,
  attribute,
  batchesIn,
  CorruptBatch,
  crcMatches,
  patchBatch,
  patchedBatch,
  readBatchHeader,
  stampLogAppendTime,
} from '../../lib/protocol/batch.ts'
import { batch, recordsOf } from '../support/batches.ts'

const place = { baseOffset: 2n ** 40n, partitionLeaderEpoch: 7 }

test('every field of the header is read from its place', () => {
  const bytes = batch({
    records: 3,
    codec: 'lz4',
    baseOffset: 5n,
    partitionLeaderEpoch: 4,
    producerId: 2n ** 50n,
    producerEpoch: 6,
    baseSequence: 9,
    timestamp: 1000n,
    isTransactional: true,
  })
  expect(readBatchHeader(Buffer.concat([Buffer.alloc(13), bytes]), 13)).toEqual({
    baseOffset: 5n,
    sizeBytes: bytes.length,
    partitionLeaderEpoch: 4,
    magic: 2,
    crc: bytes.readUInt32BE(17),
    attributes: 0x13,
    lastOffsetDelta: 2,
    baseTimestamp: 1000n,
    maxTimestamp: 1002n,
    producerId: 2n ** 50n,
    producerEpoch: 6,
    baseSequence: 9,
    count: 3,
    codec: 'lz4',
    timestampType: 'create',
    isTransactional: true,
    isControl: false,
  })
})

test.each([
  ['a header that is cut', (bytes: Buffer) => bytes.subarray(0, 60)],
  ['another magic', (bytes: Buffer) => bytes.fill(1, at.magic, at.magic + 1)],
  ['a length smaller than the header', (bytes: Buffer) => bytes.fill(0, at.length, at.partitionLeaderEpoch)],
  ['a negative length', (bytes: Buffer) => bytes.fill(0xff, at.length, at.partitionLeaderEpoch)],
  ['an unknown codec', (bytes: Buffer) => bytes.fill(5, at.attributes + 1, at.lastOffsetDelta)],
])('%s is a corrupt batch', (_, damage) => {
  expect(() => readBatchHeader(damage(batch()))).toThrow(CorruptBatch)
})

test('a batch at a position beyond the buffer is a corrupt batch', () => {
  expect(() => readBatchHeader(batch(), 1000)).toThrow(CorruptBatch)
  expect(() => readBatchHeader(batch(), -1)).toThrow(CorruptBatch)
})

test('batches are found one behind the other, and a partial one at the end is left out', () => {
  const first = batch({ value: 'a' })
  const second = batch({ value: 'bb', records: 2 })
  const both = Buffer.concat([first, second])
  expect([...batchesIn(both)]).toEqual([0, first.length])
  for (let end = first.length; end < both.length; end += 1) expect([...batchesIn(both.subarray(0, end))]).toEqual([0])
  expect([...batchesIn(Buffer.alloc(0))]).toEqual([])
})

test('an impossible length ends the search for batches with an error, not with a loop', () => {
  expect(() => [...batchesIn(Buffer.alloc(200))]).toThrow(CorruptBatch)
})

test('a batch is placed in our own buffer without touching its checksum', () => {
  const bytes = Buffer.concat([batch(), batch({ records: 2 })])
  const [, second = 0] = batchesIn(bytes)
  patchBatch(bytes, second, place)
  expect(readBatchHeader(bytes, second)).toMatchObject(place)
  expect(readBatchHeader(bytes, 0).baseOffset).toBe(0n)
  expect(crcMatches(bytes, second)).toBe(true)
})

test("a batch is placed without touching or copying anybody else's buffer", () => {
  const bytes = batch({ records: 2 })
  const before = Buffer.from(bytes)
  const [head, rest] = patchedBatch(bytes, place)
  expect(head.length).toBe(16)
  expect(rest.buffer).toBe(bytes.buffer)
  expect(bytes.equals(before)).toBe(true)
  const placed = Buffer.concat([head, rest])
  expect(readBatchHeader(placed)).toEqual({ ...readBatchHeader(bytes), ...place })
  expect(crcMatches(placed)).toBe(true)
})

test('log append time replaces the timestamp of every record', () => {
  const bytes = batch({ records: 2, timestamp: 5n, codec: 'gzip' })
  const before = Buffer.from(bytes)
  const [header, records] = stampLogAppendTime(bytes, 99n)
  expect(bytes.equals(before)).toBe(true)
  expect(records.buffer).toBe(bytes.buffer)
  const stamped = Buffer.concat([header, records])
  expect(readBatchHeader(stamped)).toMatchObject({ timestampType: 'append', maxTimestamp: 99n, baseTimestamp: 5n })
  expect(readBatchHeader(stamped).attributes & attribute.codec).toBe(1)
  expect(crcMatches(stamped)).toBe(true)
  expect(recordsOf(stamped).map(({ timestamp }) => timestamp)).toEqual([99n, 99n])
})
