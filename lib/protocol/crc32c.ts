// biome-ignore-all lint/style/noNonNullAssertion: every index below is masked to a byte or bounded by the loop.

/** CRC-32C (Castagnoli), bits reversed; `zlib.crc32` is another polynomial. */
const polynomial = 0x82f63b78

/** Eight bytes a step: table `n` moves a byte's remainder over `n` further bytes. */
const sliceBytes = 8

let tables: Int32Array | undefined

/**
 * CRC-32C of `bytes`, as an unsigned 32-bit number. Hand the result in as `before` to go on with the next buffer:
 * `crc32c(b, crc32c(a))` is the checksum of `a` followed by `b`.
 */
export const crc32c = (bytes: Uint8Array, before = 0): number => {
  tables ??= makeTables()
  const t = tables
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = bytes.byteLength
  const sliced = end - (end % sliceBytes)
  let crc = ~before
  let i = 0
  for (; i < sliced; i += sliceBytes) {
    const low = crc ^ view.getInt32(i, true)
    const high = view.getInt32(i + 4, true)
    crc =
      t[1792 + (low & 255)]! ^
      t[1536 + ((low >>> 8) & 255)]! ^
      t[1280 + ((low >>> 16) & 255)]! ^
      t[1024 + (low >>> 24)]! ^
      t[768 + (high & 255)]! ^
      t[512 + ((high >>> 8) & 255)]! ^
      t[256 + ((high >>> 16) & 255)]! ^
      t[high >>> 24]!
  }
  for (; i < end; i += 1) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]!) & 255]!
  return ~crc >>> 0
}

const makeTables = (): Int32Array => {
  const table = new Int32Array(256 * sliceBytes)
  for (let byte = 0; byte < 256; byte += 1) {
    let remainder = byte
    for (let bit = 0; bit < 8; bit += 1) remainder = remainder & 1 ? (remainder >>> 1) ^ polynomial : remainder >>> 1
    table[byte] = remainder
  }
  for (let i = 256; i < table.length; i += 1) table[i] = (table[i - 256]! >>> 8) ^ table[table[i - 256]! & 255]!
  return table
}
