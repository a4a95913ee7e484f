import fc from 'fast-check'
import { expect, test } from 'vitest'
import { crc32c } from '../../lib/protocol/crc32c.ts'

const ascending = Buffer.from(Array.from({ length: 32 }, (_, i) => i))

test.each([
  ['nothing', Buffer.alloc(0), 0],
  ['the check word', Buffer.from('123456789'), 0xe3069283],
  ['32 zeros (RFC 3720)', Buffer.alloc(32), 0x8a9136aa],
  ['32 ones (RFC 3720)', Buffer.alloc(32, 0xff), 0x62a8ab43],
  ['32 ascending bytes (RFC 3720)', ascending, 0x46dd794e],
  ['32 descending bytes (RFC 3720)', Buffer.from(ascending).reverse(), 0x113fdb5c],
])('the checksum of %s is the published one', (_, bytes, checksum) => {
  expect(crc32c(bytes)).toBe(checksum)
})

test('a checksum goes on over several buffers, wherever they are cut', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, cut) => {
      expect(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut)))).toBe(crc32c(bytes))
    }),
  )
})

test('eight bytes a step are the same as one bit a step', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      let crc = -1
      for (const byte of bytes) {
        crc ^= byte
        for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
      }
      expect(crc32c(bytes)).toBe(~crc >>> 0)
    }),
  )
})
