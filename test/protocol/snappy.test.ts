import { expect, test } from 'vitest'
import { CorruptCompression } from '../../lib/protocol/compression-limits.ts'
import { compressSnappy, decompressSnappy } from '../../lib/protocol/snappy.ts'

const limitBytes = 1_000_000
const literal = (text: string): readonly number[] => [(text.length - 1) << 2, ...Buffer.from(text)]

test.each([
  ['nothing', [0], ''],
  ['a literal', [3, ...literal('abc')], 'abc'],
  ['a literal whose length takes one byte', [3, 60 << 2, 2, 97, 98, 99], 'abc'],
  ['a literal whose length takes two bytes', [3, 61 << 2, 2, 0, 97, 98, 99], 'abc'],
  ['a literal whose length takes three bytes', [3, 62 << 2, 2, 0, 0, 97, 98, 99], 'abc'],
  ['a literal whose length takes four bytes', [3, 63 << 2, 2, 0, 0, 0, 97, 98, 99], 'abc'],
  ['a copy with an offset of eleven bits', [7, ...literal('abc'), 1, 3], 'abcabca'],
  ['a copy with an offset of two bytes', [5, ...literal('abc'), (1 << 2) | 2, 3, 0], 'abcab'],
  ['a copy with an offset of four bytes', [5, ...literal('abc'), (1 << 2) | 3, 3, 0, 0, 0], 'abcab'],
  ['a copy of itself', [41, ...literal('a'), (39 << 2) | 2, 1, 0], 'a'.repeat(41)],
])('%s is decompressed', (_, bytes, text) => {
  expect(decompressSnappy(Buffer.from(bytes), limitBytes).toString()).toBe(text)
})

test.each([
  ['no length', []],
  ['a length that is cut', [0x80]],
  ['a length of more than 32 bits', [0xff, 0xff, 0xff, 0xff, 0x1f]],
  ['a length that never ends', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0]],
  ['a length that the input cannot reach', [0xff, 0xff, 3, ...literal('abc')]],
  ['a length beyond the limit', [0xff, 0xff, 0xff, 0x7f, ...literal('abc')]],
  ['less than the length', [4, ...literal('abc')]],
  ['more than the length', [2, ...literal('abc')]],
  ['a literal that is cut', [3, ...literal('abc').slice(0, 3)]],
  ['a length of a literal that is cut', [3, 61 << 2, 2]],
  ['a literal of 4 GiB', [3, 63 << 2, 255, 255, 255, 255, 97]],
  ['a copy that is cut', [7, ...literal('abc'), 1]],
  ['a copy from nowhere', [7, ...literal('abc'), 1, 0]],
  ['a copy from before the start', [7, ...literal('abc'), 1, 4]],
  ['a copy from 4 GiB before', [5, ...literal('abc'), (1 << 2) | 3, 3, 0, 0, 255]],
  ['a copy beyond the end', [6, ...literal('abc'), 1, 3]],
])('%s is corrupt', (_, bytes) => {
  expect(() => decompressSnappy(Buffer.from(bytes), limitBytes)).toThrow(CorruptCompression)
})

const framed = compressSnappy(Buffer.from('abc'))

test('a framed stream may follow another with its own header', () => {
  expect(decompressSnappy(Buffer.concat([framed, framed]), limitBytes).toString()).toBe('abcabc')
})

test('an empty framed stream is only a header', () => {
  const empty = compressSnappy(Buffer.alloc(0))
  expect(empty.toString('hex')).toBe('82534e41505059000000000100000001')
  expect(decompressSnappy(empty, limitBytes).length).toBe(0)
})

test.each([
  ['of no bytes', [0, 0, 0, 0]],
  ['of negative length', [255, 255, 255, 255]],
  ['longer than the stream', [0, 0, 0, 9, 0]],
  ['whose length is cut', [0, 0, 0]],
])('a block %s is corrupt', (_, block) => {
  expect(() => decompressSnappy(Buffer.concat([framed, Buffer.from(block)]), limitBytes)).toThrow(CorruptCompression)
})
