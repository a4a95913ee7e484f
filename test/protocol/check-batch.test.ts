import fc from 'fast-check'
import { expect, test } from 'vitest'
import { at, attribute, CorruptBatch, readBatchHeader } from '../../lib/protocol/batch.ts'
import { type BatchLimits, checkBatch } from '../../lib/protocol/check-batch.ts'
import { codecs } from '../../lib/protocol/compression.ts'
import { CorruptCompression } from '../../lib/protocol/compression-limits.ts'
import { offsetForTimestamp, offsetOfMaxTimestamp } from '../../lib/protocol/record.ts'
import { batch, batchOf, recordsOf, withCrc } from '../support/batches.ts'

const limits: BatchLimits = {
  maxMessageBytes: 1_048_588,
  earliestTimestamp: 1000n,
  latestTimestamp: 2000n,
  zstdAllowed: true,
}
const producer = { producerId: 7n, producerEpoch: 0, baseSequence: 0 }
const good = (): Buffer => batch({ records: 3, timestamp: 1500n, ...producer })

/** A good batch after `change`, with the checksum it then has. */
const changed = (change: (bytes: Buffer) => void): Buffer => {
  const bytes = good()
  change(bytes)
  return withCrc(bytes)
}

test.each(codecs)('a batch under %s is accepted with its header', (codec) => {
  const bytes = batch({ records: 3, timestamp: 1500n, codec })
  expect(checkBatch(bytes, limits)).toEqual({ outcome: 'ok', batch: readBatchHeader(bytes) })
})

test.each([
  ['nothing at all', Buffer.alloc(0), 'INVALID_RECORD', 'exactly one batch'],
  ['a byte', Buffer.alloc(1), 'CORRUPT_MESSAGE', 'too few'],
  ['a header that is cut', good().subarray(0, 60), 'CORRUPT_MESSAGE', '60 were sent'],
  ['a batch that lacks its last byte', good().subarray(0, -1), 'CORRUPT_MESSAGE', 'were sent'],
  ['a message set of magic 0', changed((b) => b.writeInt8(0, at.magic)), 'INVALID_RECORD', 'magic 2'],
  ['a message set of magic 1', changed((b) => b.writeInt8(1, at.magic)), 'INVALID_RECORD', 'magic 2'],
  ['a magic nobody knows', changed((b) => b.writeInt8(3, at.magic)), 'CORRUPT_MESSAGE', 'magic 3'],
  ['a length below the header', changed((b) => b.writeInt32BE(48, at.length)), 'CORRUPT_MESSAGE', 'claims 60'],
  ['a negative length', changed((b) => b.writeInt32BE(-1, at.length)), 'CORRUPT_MESSAGE', 'claims 11'],
  ['the largest length', changed((b) => b.writeInt32BE(2 ** 31 - 1, at.length)), 'CORRUPT_MESSAGE', 'were sent'],
  ['two batches', Buffer.concat([good(), good()]), 'INVALID_RECORD', 'several'],
  ['a byte behind the batch', Buffer.concat([good(), Buffer.alloc(1)]), 'CORRUPT_MESSAGE', '1 bytes follow'],
  ['a wrong checksum', good().fill(1, at.crc, at.crc + 1), 'CORRUPT_MESSAGE', 'checksum'],
  ['no records', changed((b) => b.writeInt32BE(0, at.count)), 'INVALID_RECORD', 'counts 0'],
  ['fewer than no records', changed((b) => b.writeInt32BE(-1, at.count)), 'INVALID_RECORD', 'counts -1'],
  ['a record too many', changed((b) => b.writeInt32BE(4, at.count)), 'INVALID_RECORD', 'counts 4'],
  ['a gap in the offsets', changed((b) => b.writeInt32BE(3, at.lastOffsetDelta)), 'INVALID_RECORD', 'delta is 3'],
  ['the control bit', changed((b) => b.writeInt16BE(attribute.control, at.attributes)), 'INVALID_RECORD', 'control'],
  ['a delete horizon', changed((b) => b.writeInt16BE(64, at.attributes)), 'INVALID_RECORD', 'horizon'],
  ['codec 5', changed((b) => b.writeInt16BE(5, at.attributes)), 'INVALID_RECORD', 'compression type'],
  ['log append time', changed((b) => b.writeInt16BE(8, at.attributes)), 'INVALID_TIMESTAMP', 'LogAppendTime'],
  ['a negative sequence', changed((b) => b.writeInt32BE(-1, at.baseSequence)), 'INVALID_RECORD', 'sequence -1'],
  ['a negative epoch', changed((b) => b.writeInt16BE(-1, at.producerEpoch)), 'INVALID_RECORD', 'epoch -1'],
  [
    'a transaction of nobody',
    batch({ timestamp: 1500n, isTransactional: true }),
    'INVALID_RECORD',
    'needs a producer id',
  ],
])('%s is refused', (_, bytes, error, reason) => {
  expect(checkBatch(bytes, limits)).toEqual({ outcome: 'refused', error, message: expect.stringContaining(reason) })
})

/** Bytes within the records of `good()`, whose first is: length · attributes · timestamp · offset · key · value · headers. */
const inFirst = (field: number): number => at.records + field
const secondLength = inFirst(good().readInt8(at.records) / 2 + 1)

/** A batch of long records that counts four and has three. */
const oneTooMany = (): Buffer => {
  const bytes = batch({ records: 3, value: 'a long value', timestamp: 1500n })
  bytes.writeInt32BE(4, at.count)
  bytes.writeInt32BE(3, at.lastOffsetDelta)
  return withCrc(bytes)
}

test.each([
  ['nothing but bytes of 0xff', changed((b) => b.fill(0xff, at.records)), 'more than 32 bits'],
  ['nothing but zeroes', changed((b) => b.fill(0, at.records)), 'claims 0 bytes'],
  ['a record that is longer than the batch', changed((b) => b.writeInt8(126, at.records)), 'claims 63 bytes'],
  ['a record of a negative length', changed((b) => b.writeInt8(1, at.records)), 'claims -1 bytes'],
  ['a record that is shorter than its fields', changed((b) => b.writeInt8(14, at.records)), 'does not fill its length'],
  ['a timestamp without an end', changed((b) => b.fill(0xff, inFirst(2))), 'more than 64 bits'],
  ['a first record that is not number 0', changed((b) => b.writeInt8(2, inFirst(3))), 'offset delta 1'],
  ['two records of the same number', changed((b) => b.writeInt8(0, secondLength + 3)), 'offset delta 0'],
  ['a key that is longer than the batch', changed((b) => b.writeInt8(126, inFirst(4))), 'ends within its fields'],
  ['a key shorter than null', changed((b) => b.writeInt8(3, inFirst(4))), 'ends within its fields'],
  ['a value shorter than null', changed((b) => b.writeInt8(3, inFirst(5))), 'ends within its fields'],
  ['a value of too few bytes', changed((b) => b.writeInt8(0, inFirst(5))), 'ends within its fields'],
  ['fewer than no headers', changed((b) => b.writeInt8(1, secondLength - 1)), 'claims -1 headers'],
  ['headers that are not there', changed((b) => b.writeInt8(2, secondLength - 1)), 'does not fill its length'],
  [
    'fewer records than there are',
    changed((b) => b.writeInt32BE(1, at.count) && b.writeInt32BE(0, at.lastOffsetDelta)),
    'follow the last record',
  ],
  ['a record more than there are', oneTooMany(), 'ends within its fields'],
])('%s: no consumer could read on behind it, so it is refused', (_, bytes, reason) => {
  expect(() => recordsOf(bytes)).toThrow(CorruptBatch)
  const refused = { outcome: 'refused', error: 'INVALID_RECORD', message: expect.stringContaining(reason) }
  expect(checkBatch(bytes, limits)).toEqual(refused)
})

const someBytes = fc.option(fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)))
const someRecord = fc.record({
  key: someBytes,
  value: someBytes,
  timestamp: fc.bigInt({ min: 1000n, max: 2000n }),
  headers: fc.array(fc.record({ key: fc.string(), value: someBytes }), { maxLength: 3 }),
})

test('records of any keys, values and headers are accepted', () => {
  fc.assert(
    fc.property(someRecord, fc.array(someRecord, { maxLength: 200 }), (first, more) => {
      expect(checkBatch(batchOf([first, ...more], producer), limits).outcome).toBe('ok')
    }),
  )
})

test('what is accepted uncompressed can be read, and what can be read is accepted', () => {
  const record = (i: number) => ({
    key: Buffer.from('key'),
    value: null,
    timestamp: 1500n,
    headers: [{ key: 'h', value: Buffer.alloc(i) }],
  })
  const bytes = batchOf([record(0), record(1), record(2), record(3)])
  const changes = fc.array(fc.tuple(fc.nat(bytes.length - at.records - 1), fc.nat(255)), { minLength: 1, maxLength: 3 })
  fc.assert(
    fc.property(changes, (changed) => {
      const damaged = Buffer.from(bytes)
      for (const [position, byte] of changed) damaged[at.records + position] = byte
      withCrc(damaged)
      expect(checkBatch(damaged, limits).outcome === 'ok').toBe(isReadable(damaged))
    }),
    { numRuns: 5000 },
  )
})

const isReadable = (bytes: Buffer): boolean => {
  try {
    return recordsOf(bytes).length > 0
  } catch (error) {
    if (error instanceof CorruptBatch) return false
    throw error
  }
}

test('more records than the bytes can hold are refused', () => {
  const bytes = changed((b) => b.writeInt32BE(1_000_000, at.count) && b.writeInt32BE(999_999, at.lastOffsetDelta))
  expect(checkBatch(bytes, limits)).toMatchObject({ error: 'INVALID_RECORD', message: expect.stringContaining('fit') })
})

test('a batch may be as large as the limit and no larger', () => {
  const bytes = good()
  expect(checkBatch(bytes, { ...limits, maxMessageBytes: bytes.length }).outcome).toBe('ok')
  const tooSmall = { ...limits, maxMessageBytes: bytes.length - 1 }
  expect(checkBatch(bytes, tooSmall)).toMatchObject({ error: 'MESSAGE_TOO_LARGE' })
})

test('zstd is refused where the version of Produce does not know it', () => {
  const bytes = batch({ timestamp: 1500n, codec: 'zstd' })
  const refused = checkBatch(bytes, { ...limits, zstdAllowed: false })
  expect(refused).toMatchObject({ error: 'UNSUPPORTED_COMPRESSION_TYPE' })
})

test.each([
  ['at the earliest', 1000n, 'ok'],
  ['before the earliest', 999n, 'refused'],
  ['with its last record at the latest', 1999n, 'ok'],
  ['with its last record beyond the latest', 2000n, 'refused'],
])('a batch %s is checked by its first and last timestamp', (_, timestamp, outcome) => {
  const checked = checkBatch(batch({ records: 2, timestamp }), limits)
  expect(checked.outcome).toBe(outcome)
  if (checked.outcome === 'refused') expect(checked.error).toBe('INVALID_TIMESTAMP')
})

test('a record without a timestamp is out of no bounds', () => {
  expect(checkBatch(batch({ timestamp: -1n }), limits).outcome).toBe('ok')
})

test('a producer without idempotence needs neither epoch nor sequence', () => {
  expect(checkBatch(batch({ timestamp: 1500n }), limits).outcome).toBe('ok')
})

test('any change of a byte behind the checksum is found', () => {
  const bytes = good()
  fc.assert(
    fc.property(fc.nat(bytes.length - 1 - at.attributes), fc.integer({ min: 1, max: 255 }), (position, flip) => {
      const damaged = Buffer.from(bytes)
      damaged.writeUInt8(bytes.readUInt8(at.attributes + position) ^ flip, at.attributes + position)
      expect(checkBatch(damaged, limits)).toMatchObject({ error: 'CORRUPT_MESSAGE' })
    }),
  )
})

const damages = fc.array(fc.record({ position: fc.nat(), byte: fc.nat(255), cut: fc.integer({ min: 0, max: 9 }) }), {
  minLength: 1,
  maxLength: 6,
})

test.each(codecs)(
  'a damaged batch under %s whose checksum is right again is read, refused or corrupt, never worse',
  (codec) => {
    const bytes = batch({ records: 20, key: 'key', value: 'many equal values ', timestamp: 1500n, codec, ...producer })
    fc.assert(
      fc.property(damages, fc.boolean(), (changes, fresh) => {
        let damaged: Buffer = Buffer.from(bytes)
        for (const { position, byte, cut } of changes) {
          damaged[at.magic + 1 + (position % (damaged.length - at.magic - 1))] = byte
          if (cut === 0) damaged = damaged.subarray(0, Math.max(at.records, damaged.length - (position % 40)))
        }
        damaged.writeInt32BE(damaged.length - 12, at.length)
        if (fresh) withCrc(damaged)
        checkBatch(damaged, limits)
        expect(isNamed(() => recordsOf(damaged))).toBe(true)
        expect(isNamed(() => offsetForTimestamp(damaged, 1510n))).toBe(true)
        expect(isNamed(() => offsetOfMaxTimestamp(damaged))).toBe(true)
      }),
      { numRuns: 2000 },
    )
  },
)

const isNamed = (read: () => unknown): boolean => {
  try {
    read()
    return true
  } catch (error) {
    if (error instanceof CorruptBatch || error instanceof CorruptCompression) return true
    throw error
  }
}

test('a batch counts no more records than would fit uncompressed into the largest batch', () => {
  const bytes = batch({ records: 100, timestamp: 1500n, codec: 'zstd' })
  expect(checkBatch(bytes, { ...limits, maxMessageBytes: 700 }).outcome).toBe('ok')
  const tooMany = { error: 'MESSAGE_TOO_LARGE', message: expect.stringContaining('100 records') }
  expect(checkBatch(bytes, { ...limits, maxMessageBytes: 699 })).toMatchObject(tooMany)
})
