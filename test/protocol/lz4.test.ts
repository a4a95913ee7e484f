import { expect, test } from 'vitest'
import { CorruptCompression } from '../../lib/protocol/compression-limits.ts'
import { compressLz4, decompressLz4 } from '../../lib/protocol/lz4.ts'
import { xxhash32 } from '../../lib/protocol/xxhash32.ts'

const limitBytes = 1_000_000
const flags = { independent: 0x60, dependent: 0x40, blockChecksum: 0x10, contentSize: 8, contentChecksum: 4 }
const sixtyFourKib = 0x40
const nothing = Buffer.alloc(0)

const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

const size = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

/** A frame's header with the right checksum. */
const header = (flg: number, { bd = sixtyFourKib, more = nothing }: { bd?: number; more?: Buffer } = {}): Buffer => {
  const descriptor = Buffer.concat([Buffer.of(flg, bd), more])
  return Buffer.concat([word(0x184d2204), descriptor, Buffer.of((xxhash32(descriptor) >>> 8) & 255)])
}

const block = (...bytes: readonly number[]): Buffer => Buffer.concat([word(bytes.length), Buffer.from(bytes)])
const stored = (text: string): Buffer => Buffer.concat([word(0x8000_0000 + text.length), Buffer.from(text)])
const end = word(0)
const abc = [0x30, 97, 98, 99] as const
/** Three literals, a repeat of four from three back, one last literal: abcabcax. */
const repeat = [0x30, 97, 98, 99, 3, 0, 0x10, 120] as const
/** No literals, a repeat of four from three back, one last literal: only with a block before it. */
const reachesBack = [0x00, 3, 0, 0x10, 120] as const
const { independent, dependent } = flags

test.each([
  ['no block', [header(independent), end], ''],
  ['literals', [header(independent), block(...abc), end], 'abc'],
  ['a stored block', [header(independent), stored('abc'), end], 'abc'],
  ['a repeat', [header(independent), block(...repeat), end], 'abcabcax'],
  ['a repeat from the block before', [header(dependent), block(...abc), block(...reachesBack), end], 'abcabcax'],
  [
    'the right checksums and size',
    [
      header(independent | flags.blockChecksum | flags.contentSize | flags.contentChecksum, { more: size(3n) }),
      block(...abc),
      word(xxhash32(Buffer.from(abc))),
      end,
      word(xxhash32(Buffer.from('abc'))),
    ],
    'abc',
  ],
])('a frame with %s is decompressed', (_, parts, text) => {
  expect(decompressLz4(Buffer.concat(parts), limitBytes).toString()).toBe(text)
})

const wrongHeader = header(independent)
wrongHeader.writeUInt8(wrongHeader.readUInt8(6) ^ 1, 6)

test.each([
  ['nothing in it', []],
  ['another magic', [word(0x184c2102), block(...abc), end]],
  ['a wrong checksum of the header', [wrongHeader, end]],
  ['version 2', [header(0xa0), end]],
  ['a dictionary', [header(independent | 1, { more: word(7) }), end]],
  ['a reserved flag', [header(independent | 2), end]],
  ['a block size below 64 KiB', [header(independent, { bd: 0x30 }), end]],
  ['a block size above 4 MiB', [header(independent, { bd: 0x80 }), end]],
  ['no end mark', [header(independent), block(...abc)]],
  ['a byte behind the end mark', [header(independent), end, Buffer.of(0)]],
  ['a block that is cut', [header(independent), block(...abc).subarray(0, -1)]],
  ['a stored block above the block size', [header(independent), stored('a'.repeat(65_537)), end]],
  ['a wrong checksum of a block', [header(independent | flags.blockChecksum), block(...abc), word(1), end]],
  ['a missing checksum of a block', [header(independent | flags.blockChecksum), block(...abc)]],
  ['a wrong checksum of the content', [header(independent | flags.contentChecksum), block(...abc), end, word(1)]],
  ['a missing checksum of the content', [header(independent | flags.contentChecksum), block(...abc), end]],
  ['a content size that differs', [header(independent | flags.contentSize, { more: size(4n) }), block(...abc), end]],
  ['an impossible content size', [header(independent | flags.contentSize, { more: size(2n ** 63n) }), end]],
  ['a repeat from an independent block before', [header(independent), block(...abc), block(...reachesBack), end]],
  ['a repeat from before the frame', [header(dependent), block(...reachesBack), end]],
  ['a repeat from nowhere', [header(independent), block(0x30, 97, 98, 99, 0, 0, 0x10, 120), end]],
  ['an offset that is cut', [header(independent), block(0x30, 97, 98, 99, 3), end]],
  ['a block that ends with a repeat', [header(independent), block(0x30, 97, 98, 99, 3, 0), end]],
  ['literals that are cut', [header(independent), block(0x40, 97, 98, 99), end]],
  ['a length of literals that is cut', [header(independent), block(0xf0, 255), end]],
  ['a length of a repeat that is cut', [header(independent), block(0x3f, 97, 98, 99, 3, 0, 255), end]],
  [
    'a block that expands beyond the block size',
    [header(independent), block(0x1f, 97, 1, 0, ...Array.from({ length: 260 }, () => 255), 0, 0x10, 97), end],
  ],
])('a frame with %s is corrupt', (_, parts) => {
  expect(() => decompressLz4(Buffer.concat(parts), limitBytes)).toThrow(CorruptCompression)
})

test('our frames have independent blocks of 64 KiB and no checksum but that of the header', () => {
  expect(compressLz4(Buffer.alloc(0)).toString('hex')).toBe('04224d1860408200000000')
})
