import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MalformedFrame, maxListElements, Reader, zeroUuid } from '../../lib/protocol/reader.ts'
import { Writer } from '../../lib/protocol/writer.ts'

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const binary: fc.Arbitrary<Buffer> = fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes))

/** What the reader makes of what the writer wrote, and how many bytes it left. */
const through = <Value>(write: (writer: Writer) => void, read: (reader: Reader) => Value) => {
  const reader = new Reader(written(write))
  return { value: read(reader), remaining: reader.remaining }
}

const written = (write: (writer: Writer) => void): Buffer => {
  const writer = new Writer(16)
  write(writer)
  return writer.toBuffer()
}

const law = <Value>(
  arbitrary: fc.Arbitrary<Value>,
  write: (writer: Writer, value: Value) => void,
  read: (reader: Reader) => Value,
) =>
  fc.assert(
    fc.property(arbitrary, (value) => {
      expect(through((writer) => write(writer, value), read)).toEqual({ value, remaining: 0 })
    }),
  )

test('every primitive type is read as it was written', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 300 })
  const uuid = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('base64url'))
  law(
    fc.boolean(),
    (w, v) => w.bool(v),
    (r) => r.bool(),
  )
  law(
    fc.integer({ min: -128, max: 127 }),
    (w, v) => w.int8(v),
    (r) => r.int8(),
  )
  law(
    fc.integer({ min: -32768, max: 32767 }),
    (w, v) => w.int16(v),
    (r) => r.int16(),
  )
  law(
    fc.integer({ min: 0, max: 65535 }),
    (w, v) => w.uint16(v),
    (r) => r.uint16(),
  )
  law(
    int32,
    (w, v) => w.int32(v),
    (r) => r.int32(),
  )
  law(
    uint32,
    (w, v) => w.uint32(v),
    (r) => r.uint32(),
  )
  law(
    int64,
    (w, v) => w.int64(v),
    (r) => r.int64(),
  )
  law(
    fc.double(),
    (w, v) => w.float64(v),
    (r) => r.float64(),
  )
  law(
    uint32,
    (w, v) => w.unsignedVarint(v),
    (r) => r.unsignedVarint(),
  )
  law(
    int32,
    (w, v) => w.varint(v),
    (r) => r.varint(),
  )
  law(
    int64,
    (w, v) => w.varlong(v),
    (r) => r.varlong(),
  )
  law(
    uuid,
    (w, v) => w.uuid(v),
    (r) => r.uuid(),
  )
  law(
    text,
    (w, v) => w.string(v),
    (r) => r.string(),
  )
  law(
    text,
    (w, v) => w.compactString(v),
    (r) => r.compactString(),
  )
  law(
    fc.option(text),
    (w, v) => w.nullableString(v),
    (r) => r.nullableString(),
  )
  law(
    fc.option(text),
    (w, v) => w.compactNullableString(v),
    (r) => r.compactNullableString(),
  )
  law(
    binary,
    (w, v) => w.bytes(v),
    (r) => r.bytes(),
  )
  law(
    binary,
    (w, v) => w.compactBytes(v),
    (r) => r.compactBytes(),
  )
  law(
    fc.option(binary),
    (w, v) => w.nullableBytes(v),
    (r) => r.nullableBytes(),
  )
  law(
    fc.option(binary),
    (w, v) => w.compactNullableBytes(v),
    (r) => r.compactNullableBytes(),
  )
})

test.each<[string, (writer: Writer) => void]>([
  ['00', (writer) => writer.unsignedVarint(0)],
  ['ac02', (writer) => writer.unsignedVarint(300)],
  ['ffffffff0f', (writer) => writer.unsignedVarint(0xffff_ffff)],
  ['01', (writer) => writer.varint(-1)],
  ['ffffffff0f', (writer) => writer.varint(-(2 ** 31))],
  ['80808080808080808001', (writer) => writer.varlong(2n ** 62n)],
  ['ffffffffffffffffff01', (writer) => writer.varlong(-(2n ** 63n))],
  ['00000000000000000000000000000000', (writer) => writer.uuid(zeroUuid)],
  ['0003616263', (writer) => writer.string('abc')],
  ['0003e282ac', (writer) => writer.string('€')],
  ['04616263', (writer) => writer.compactString('abc')],
  ['04e282ac', (writer) => writer.compactString('€')],
  ['ffff', (writer) => writer.nullableString(null)],
  ['00', (writer) => writer.compactNullableString(null)],
  ['ffffffff', (writer) => writer.nullableBytes(null)],
  ['ffffffff', (writer) => writer.count(null)],
  ['00', (writer) => writer.compactCount(null)],
  ['06', (writer) => writer.compactCount(5)],
])('bytes %s are written as the protocol says', (hex, write) => {
  expect(written(write).toString('hex')).toBe(hex)
})

test('long bytes are referred to, in order between what was written around them', () => {
  const records = Buffer.alloc(5000, 7)
  const writer = new Writer()
  writer.int32(1)
  writer.bytes([records, Buffer.from([8]), records])
  writer.int32(2)
  const buffers = writer.finish()
  expect(buffers.filter((buffer) => buffer === records)).toHaveLength(2)
  const reader = new Reader(Buffer.concat(buffers))
  expect(reader.int32()).toBe(1)
  expect(reader.bytes()).toEqual(Buffer.concat([records, Buffer.from([8]), records]))
  expect(reader.int32()).toBe(2)
  expect(reader.remaining).toBe(0)
})

test('the length of a writer is the bytes it will give', () => {
  fc.assert(
    fc.property(fc.array(binary, { maxLength: 20 }), (parts) => {
      const writer = new Writer()
      for (const part of parts) writer.bytes(part)
      const { length } = writer
      expect(writer.toBuffer()).toHaveLength(length)
    }),
  )
})

test.each<[string, (writer: Writer) => void]>([
  ['an int8 of 128', (writer) => writer.int8(128)],
  ['an int64 of 2^63', (writer) => writer.int64(2n ** 63n)],
  ['a varint of 2^31', (writer) => writer.varint(2 ** 31)],
  ['a fraction as a varint', (writer) => writer.unsignedVarint(0.5)],
  ['a varlong of -2^63 - 1', (writer) => writer.varlong(-(2n ** 63n) - 1n)],
  ['a uuid of 21 characters', (writer) => writer.uuid(zeroUuid.slice(1))],
  ['a uuid with a foreign character', (writer) => writer.uuid(zeroUuid.replace('A', '!'))],
  ['a string longer than an int16 counts', (writer) => writer.string('x'.repeat(40_000))],
])('%s is refused by the writer', (_, write) => {
  expect(() => write(new Writer())).toThrow(RangeError)
})

test.each<[string, string, (reader: Reader) => unknown]>([
  ['an int32 in three bytes', '000000', (reader) => reader.int32()],
  ['a varint without end', 'ffffffffff', (reader) => reader.unsignedVarint()],
  ['a varlong without end', 'ffffffffffffffffffff', (reader) => reader.varlong()],
  ['a string longer than the frame', '7fff61', (reader) => reader.string()],
  ['a string of length -2', 'fffe', (reader) => reader.nullableString()],
  ['null for a string', 'ffff', (reader) => reader.string()],
  ['null for a compact string', '00', (reader) => reader.compactString()],
  ['bytes longer than the frame', '7fffffff', (reader) => reader.bytes()],
  ['compact bytes longer than the frame', 'ffffffff0f', (reader) => reader.compactBytes()],
  ['a list longer than the frame', '0000000400000000', (reader) => reader.count(2)],
  ['a list of length -2', 'fffffffe', (reader) => reader.count(1)],
  ['a uuid in fifteen bytes', '00'.repeat(15), (reader) => reader.uuid()],
])('%s is malformed', (_, hex, read) => {
  expect(() => read(new Reader(Buffer.from(hex, 'hex')))).toThrow(MalformedFrame)
})

test('the lists of one message have a limit together', () => {
  const buffer = Buffer.alloc(8 + maxListElements)
  buffer.writeInt32BE(maxListElements, 0)
  buffer.writeInt32BE(1, 4)
  const reader = new Reader(buffer)
  expect(reader.count(1)).toBe(maxListElements)
  expect(() => reader.count(1)).toThrow(MalformedFrame)
})

test('a string that would not fit into an answer is malformed, however its length is written', () => {
  const broken = Buffer.alloc(20_000, 0xff)
  const classic = Buffer.concat([Buffer.from('4e20', 'hex'), broken])
  const compact = Buffer.concat([written((writer) => writer.unsignedVarint(20_001)), broken])
  expect(() => new Reader(classic).string()).toThrow(MalformedFrame)
  expect(() => new Reader(compact).compactString()).toThrow(MalformedFrame)
  expect(
    through(
      (writer) => writer.string('é'.repeat(16_383)),
      (reader) => reader.string(),
    ).remaining,
  ).toBe(0)
})
