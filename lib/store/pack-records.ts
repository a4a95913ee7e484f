import { crc32 } from 'node:zlib'

/**
 * A pack holds records, one right after the other. All numbers are big-endian.
 *
 *   position  bytes  what
 *          0      4  magic
 *          4      1  state: live or deleted; the only byte that is written again, and it is outside of the checksum
 *          5      1  zero
 *          6      2  bytes of the key
 *          8      4  bytes of the body
 *         12      4  CRC-32 of the key
 *         16      4  CRC-32 of the bytes from 5 to 16
 *         20         key, UTF-8 · body
 *
 * A header says where the next one is, so that the bodies need not be read to know what is in a pack.
 */
export type PackRecord = {
  readonly key: string
  readonly isLive: boolean
  /** Of the header. */
  readonly position: number
  readonly bodyPosition: number
  readonly bodyBytes: number
}

export const maxKeyBytes = 0xffff

/** Of the byte that says whether the object is live, from the start of the record. */
export const statePosition = 4

/** The two differ in six bits: one that is neither was damaged. */
const liveState = 0x4c
export const deletedState = 0xb2

/** What stands before the body of a live object. Throws `RangeError` where a key is too long. */
export const headOf = (key: string, bodyBytes: number): Buffer => {
  const keyBytes = Buffer.byteLength(key)
  if (keyBytes > maxKeyBytes) throw new RangeError(`a key of ${keyBytes} bytes`)
  const head = Buffer.alloc(headerBytes + keyBytes)
  head.write(key, headerBytes)
  head.writeUInt32BE(magic, 0)
  head.writeUInt8(liveState, statePosition)
  head.writeUInt16BE(keyBytes, 6)
  head.writeUInt32BE(bodyBytes, 8)
  head.writeUInt32BE(crc32(head.subarray(headerBytes)), 12)
  head.writeUInt32BE(checksumOf(head), 16)
  return head
}

/**
 * The record that starts at `position` of a pack of `sizeBytes`, or `torn` where the writer ended in the middle of it.
 * Throws `DamagedPack` for bytes that no writer left, however it ended.
 */
export const recordAt = (read: ReadBytes, position: number, sizeBytes: number): PackRecord | 'torn' => {
  const leftBytes = sizeBytes - position
  if (leftBytes < headerBytes) return 'torn'
  const header = read(position, headerBytes)
  // A machine that lost power may have kept the length of a file, and not its last bytes.
  if (header.every((byte) => byte === 0)) return 'torn'
  const state = header.readUInt8(statePosition)
  const isKnown = header.readUInt32BE(0) === magic && (state === liveState || state === deletedState)
  if (!isKnown || header.readUInt32BE(16) !== checksumOf(header)) throw new DamagedPack(position)
  const keyBytes = header.readUInt16BE(6)
  const bodyBytes = header.readUInt32BE(8)
  const bodyPosition = position + headerBytes + keyBytes
  if (bodyPosition + bodyBytes > sizeBytes) return 'torn'
  const keyChecksum = header.readUInt32BE(12)
  const key = read(position + headerBytes, keyBytes)
  if (crc32(key) !== keyChecksum) throw new DamagedPack(position)
  return { key: key.toString(), isLive: state === liveState, position, bodyPosition, bodyBytes }
}

/** Exactly `length` bytes, which are valid until the next call. */
export type ReadBytes = (position: number, length: number) => Buffer

export class DamagedPack extends Error {
  override readonly name = 'DamagedPack'
  readonly position: number

  constructor(position: number) {
    super(`no record starts at ${position}`)
    this.position = position
  }
}

const magic = 0x57616469
const headerBytes = 20

const checksumOf = (header: Buffer): number => crc32(header.subarray(statePosition + 1, 16))
