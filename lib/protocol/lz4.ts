// biome-ignore-all lint/style/noNonNullAssertion: every index below is checked against the end of its buffer.
import { CorruptCompression } from './compression-limits.ts'
import { copyLiterals, copyRepeat, findRepeats, maxBlockBytes } from './lz77.ts'
import { xxhash32 } from './xxhash32.ts'

/**
 * One lz4 frame (lz4/lz4, lz4_Frame_format.md), as Kafka uses it since magic 2:
 *
 *     magic u32 · FLG · BD · [content size u64] · header checksum u8 · blocks · end mark u32 = 0 · [checksum u32]
 *     block: length u32, top bit = stored as it is · bytes · [checksum u32]
 *
 * All numbers are little endian. Java reads only frames whose blocks are independent, so we write those.
 */
const frameMagic = 0x184d2204

const flag = { version: 0xc0, version1: 0x40, independent: 32, blockChecksum: 16, contentSize: 8, contentChecksum: 4 }
const flagsWeCannotRead = 0b11

/** BD: the largest block is 4 to the power of this plus 8, in bytes; 4 is 64 KiB. */
const smallestBlockId = 4

const storedBit = 0x8000_0000

/** A block's last sequence is literals; the others repeat at least four bytes, found in 16 bits of offset. */
const minRepeatBytes = 4

/** A byte of length stands for 255 at most; with the header of the sequence no block expands further. */
const maxExpansion = 256
const expansionSlackBytes = 64

/** Throws `CorruptCompression` when malformed, when a checksum is wrong, or when larger than `limitBytes`. */
export const decompressLz4 = (input: Buffer, limitBytes: number): Buffer => {
  const { flags, blockBytes, contentBytes, headerBytes } = readFrameHeader(input)
  if (contentBytes !== undefined && contentBytes > limitBytes) throw tooLarge(limitBytes)
  const checksumBytes = flags & flag.blockChecksum ? 4 : 0
  let output: Buffer = Buffer.alloc(0)
  let written = 0
  let position = headerBytes
  for (;;) {
    const word = readWord(input, position)
    position += 4
    if (word === 0) break
    const length = word % storedBit
    if (length > blockBytes || length + checksumBytes > input.length - position) {
      throw new CorruptCompression(`lz4: a block of ${length} bytes`)
    }
    const block = input.subarray(position, position + length)
    position += length
    if (checksumBytes > 0 && readWord(input, position) !== xxhash32(block)) {
      throw new CorruptCompression('lz4: the checksum of a block does not match')
    }
    position += checksumBytes
    const room = Math.min(blockBytes, word >= storedBit ? length : maxExpansion * length + expansionSlackBytes)
    const end = Math.min(limitBytes, written + room)
    if (end > output.length) output = grown(output, written, Math.min(limitBytes, Math.max(end, 2 * output.length)))
    if (word >= storedBit) {
      if (length > limitBytes - written) throw tooLarge(limitBytes)
      written += block.copy(output, written)
    } else {
      const floor = flags & flag.independent ? written : 0
      written = decodeBlock(block, output, { floor, written, end })
    }
  }
  const content = output.subarray(0, written)
  if (contentBytes !== undefined && contentBytes !== written)
    throw new CorruptCompression('lz4: the content size differs')
  if (flags & flag.contentChecksum) {
    if (readWord(input, position) !== xxhash32(content))
      throw new CorruptCompression('lz4: the checksum does not match')
    position += 4
  }
  if (position !== input.length) throw new CorruptCompression(`lz4: ${input.length - position} bytes follow the frame`)
  return content
}

/** A frame of independent blocks of 64 KiB, as Kafka's Java client writes it. */
export const compressLz4 = (input: Buffer): Buffer => {
  const header = Buffer.alloc(7)
  header.writeUInt32LE(frameMagic)
  header.writeUInt8(flag.version1 | flag.independent, 4)
  header.writeUInt8(smallestBlockId << 4, 5)
  header.writeUInt8((xxhash32(header.subarray(4, 6)) >>> 8) & 255, 6)
  const parts: Buffer[] = [header]
  for (let start = 0; start < input.length; start += maxBlockBytes) {
    const end = Math.min(start + maxBlockBytes, input.length)
    const block = encodeBlock(input, start, end)
    const length = Buffer.alloc(4)
    if (block.length < end - start) {
      length.writeUInt32LE(block.length)
      parts.push(length, block)
    } else {
      length.writeUInt32LE(storedBit + end - start)
      parts.push(length, input.subarray(start, end))
    }
  }
  return Buffer.concat([...parts, Buffer.alloc(4)])
}

const tooLarge = (limitBytes: number): CorruptCompression =>
  new CorruptCompression(`lz4: more than the ${limitBytes} bytes that may be`)

const readWord = (input: Buffer, position: number): number => {
  if (input.length - position < 4) throw new CorruptCompression('lz4: the frame is cut')
  return input.readUInt32LE(position)
}

const grown = (buffer: Buffer, used: number, size: number): Buffer => {
  const larger = Buffer.allocUnsafe(size)
  buffer.copy(larger, 0, 0, used)
  return larger
}

type FrameHeader = {
  readonly flags: number
  readonly blockBytes: number
  readonly contentBytes: number | undefined
  readonly headerBytes: number
}

const readFrameHeader = (input: Buffer): FrameHeader => {
  if (readWord(input, 0) !== frameMagic) throw new CorruptCompression('lz4: the magic is missing')
  const flags = input[4] ?? 0
  const blockId = (input[5] ?? 0) >>> 4
  if ((flags & flag.version) !== flag.version1 || flags & flagsWeCannotRead) {
    throw new CorruptCompression(`lz4: the flags ${flags} are not supported`)
  }
  if (blockId < smallestBlockId || blockId > 7)
    throw new CorruptCompression(`lz4: the block size ${blockId} is unknown`)
  const checksumAt = flags & flag.contentSize ? 14 : 6
  const checksum = (xxhash32(input.subarray(4, checksumAt)) >>> 8) & 255
  if (input[checksumAt] !== checksum) throw new CorruptCompression('lz4: the checksum of the header does not match')
  return {
    flags,
    blockBytes: 4 ** (blockId + 4),
    contentBytes: flags & flag.contentSize ? Number(input.readBigUInt64LE(6)) : undefined,
    headerBytes: checksumAt + 1,
  }
}

/** Appends the block to `output` from `written` on, never beyond `end` nor looking back before `floor`; returns how far. */
const decodeBlock = (
  block: Buffer,
  output: Buffer,
  { floor, written, end }: { readonly floor: number; readonly written: number; readonly end: number },
): number => {
  let from = 0
  let to = written
  /** A length of 15 in the token goes on in the bytes that follow, as long as they are 255. */
  const longLength = (length: number): number => {
    let sum = length
    for (;;) {
      const byte = block[from]
      if (byte === undefined) throw new CorruptCompression('lz4: a length is cut')
      from += 1
      sum += byte
      if (byte !== 255) return sum
    }
  }
  while (from < block.length) {
    const token = block[from]!
    from += 1
    const literals = token < 0xf0 ? token >>> 4 : longLength(15)
    if (literals > block.length - from) throw new CorruptCompression('lz4: literals are cut')
    if (literals > end - to) throw new CorruptCompression('lz4: a block expands beyond its limit')
    copyLiterals(block, from, output, to, literals)
    from += literals
    to += literals
    if (from === block.length) return to
    if (block.length - from < 2) throw new CorruptCompression('lz4: an offset is cut')
    const offset = block[from]! | (block[from + 1]! << 8)
    from += 2
    const repeat = minRepeatBytes + ((token & 15) < 15 ? token & 15 : longLength(15))
    if (offset === 0 || offset > to - floor) throw new CorruptCompression('lz4: an offset is out of range')
    if (repeat > end - to) throw new CorruptCompression('lz4: a block expands beyond its limit')
    copyRepeat(output, to, offset, repeat)
    to += repeat
  }
  throw new CorruptCompression('lz4: a block does not end with literals')
}

const encodeBlock = (input: Buffer, start: number, end: number): Buffer => {
  // Literals of any length cost one byte in 255 and a token; a repeat never costs more than the bytes it stands for.
  const output = Buffer.allocUnsafe(end - start + Math.ceil((end - start) / 255) + 16)
  let position = 0
  const longLength = (length: number): void => {
    let rest = length - 15
    if (rest < 0) return
    for (; rest >= 255; rest -= 255) position = output.writeUInt8(255, position)
    position = output.writeUInt8(rest, position)
  }
  const sequence = (from: number, to: number, repeat: number): void => {
    output[position] = (Math.min(to - from, 15) << 4) | Math.min(repeat, 15)
    position += 1
    longLength(to - from)
    copyLiterals(input, from, output, position, to - from)
    position += to - from
  }
  const rest = findRepeats(input, { start, end }, (literals, match, offset, length) => {
    sequence(literals, match, length - minRepeatBytes)
    position = output.writeUInt16LE(offset, position)
    longLength(length - minRepeatBytes)
  })
  sequence(rest, end, 0)
  return output.subarray(0, position)
}
