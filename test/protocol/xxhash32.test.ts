import { expect, test } from 'vitest'
import { xxhash32 } from '../../lib/protocol/xxhash32.ts'

const ramp = Buffer.from(Array.from({ length: 100 }, (_, i) => i))

test.each([
  ['nothing', Buffer.alloc(0), 0x02cc5d05],
  ['three bytes', Buffer.from('abc'), 0x32d153ff],
  ['39 bytes', Buffer.from('Nobody inspects the spammish repetition'), 0xe2293b2f],
  ['15 ascending bytes', ramp.subarray(0, 15), 0x57c01ece],
  ['16 ascending bytes', ramp.subarray(0, 16), 0xb72837f4],
  ['17 ascending bytes', ramp.subarray(0, 17), 0x7c77adc2],
  ['100 ascending bytes', ramp.subarray(0, 100), 0x7f89ba44],
])('the hash of %s is that of the reference implementation', (_, bytes, hash) => {
  expect(xxhash32(bytes)).toBe(hash)
})
