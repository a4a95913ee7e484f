/** xxHash of 32 bits (Cyan4973/xxHash, xxhash_spec.md), the checksum of lz4 frames. */
const prime1 = 0x9e3779b1
const prime2 = 0x85ebca77
const prime3 = 0xc2b2ae3d
const prime4 = 0x27d4eb2f
const prime5 = 0x165667b1

/** The hash of `bytes` with seed 0, as an unsigned number. */
export const xxhash32 = (bytes: Uint8Array): number => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = bytes.byteLength
  let position = 0
  let hash = prime5
  if (end >= 16) {
    let a = (prime1 + prime2) | 0
    let b = prime2 | 0
    let c = 0
    let d = -prime1 | 0
    for (; position <= end - 16; position += 16) {
      a = round(a, view.getInt32(position, true))
      b = round(b, view.getInt32(position + 4, true))
      c = round(c, view.getInt32(position + 8, true))
      d = round(d, view.getInt32(position + 12, true))
    }
    hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)
  }
  hash = (hash + end) | 0
  for (; position <= end - 4; position += 4) {
    hash = Math.imul(rotate(hash + Math.imul(view.getInt32(position, true), prime3), 17), prime4)
  }
  for (; position < end; position += 1) {
    hash = Math.imul(rotate(hash + Math.imul(view.getUint8(position), prime5), 11), prime1)
  }
  hash = Math.imul(hash ^ (hash >>> 15), prime2)
  hash = Math.imul(hash ^ (hash >>> 13), prime3)
  return (hash ^ (hash >>> 16)) >>> 0
}

const round = (lane: number, word: number): number => Math.imul(rotate(lane + Math.imul(word, prime2), 13), prime1)

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits))
