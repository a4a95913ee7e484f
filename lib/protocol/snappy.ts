// biome-ignore-all lint/style/noNonNullAssertion: every index below is checked against the end of its buffer.
import { CorruptCompression } from './compression-limits.ts'
import { copyLiterals, copyRepeat, findRepeats } from './lz77.ts'

/**
 * Snappy (google/snappy, format_description.txt) as Kafka clients use it. A raw block is a varint of its decompressed
 * length, then elements: literals, or copies of what came before. librdkafka and Go send one raw block; Java sends the
 * framing of xerial's snappy-java: this magic, two int32 of version, then blocks, each behind an int32 of its length.
 */
const xerialMagic = Buffer.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0)
const xerialHeaderBytes = 16

/** snappy-java's own choice. */
const xerialBlockBytes = 32 * 1024

/** The best element is a copy: three bytes for 64. A length beyond that is refused before it is allocated. */
const maxExpansion = 22

/** The longest copy of one element. */
const maxCopyBytes = 64

/** Reads raw and xerial alike. Throws `CorruptCompression` when malformed or larger than `limitBytes`. */
export const decompressSnappy = (input: Buffer, limitBytes: number): Buffer => {
  if (!startsWithMagic(input, 0)) return decompressBlock(input, limitBytes)
  const blocks: Buffer[] = []
  let outputBytes = 0
  let position = 0
  while (position < input.length) {
    // Java appends streams to each other, so the header may come again.
    if (startsWithMagic(input, position)) {
      position += xerialHeaderBytes
      continue
    }
    if (input.length - position < 4) throw new CorruptCompression('snappy: the length of a block is cut')
    const length = input.readInt32BE(position)
    position += 4
    if (length < 1 || length > input.length - position)
      throw new CorruptCompression(`snappy: a block of ${length} bytes`)
    const block = decompressBlock(input.subarray(position, position + length), limitBytes - outputBytes)
    blocks.push(block)
    outputBytes += block.length
    position += length
  }
  if (position > input.length) throw new CorruptCompression('snappy: the header is cut')
  return Buffer.concat(blocks, outputBytes)
}

/** Xerial blocks of 32 KiB. */
export const compressSnappy = (input: Buffer): Buffer => {
  const header = Buffer.alloc(xerialHeaderBytes)
  xerialMagic.copy(header)
  header.writeInt32BE(1, 8)
  header.writeInt32BE(1, 12)
  const parts: Buffer[] = [header]
  for (let start = 0; start < input.length; start += xerialBlockBytes) {
    const block = compressBlock(input, start, Math.min(start + xerialBlockBytes, input.length))
    const length = Buffer.alloc(4)
    length.writeInt32BE(block.length)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}

const startsWithMagic = (input: Buffer, position: number): boolean =>
  input.length - position >= xerialMagic.length &&
  input.compare(xerialMagic, 0, xerialMagic.length, position, position + xerialMagic.length) === 0

const decompressBlock = (input: Buffer, limitBytes: number): Buffer => {
  let position = 0
  let length = 0
  for (let shift = 0; ; shift += 7) {
    const byte = input[position]
    if (byte === undefined || shift > 28 || (shift === 28 && byte > 0x0f)) {
      throw new CorruptCompression('snappy: the length is cut or has more than 32 bits')
    }
    length = (length | ((byte & 0x7f) << shift)) >>> 0
    position += 1
    if (byte < 0x80) break
  }
  if (length > limitBytes) throw new CorruptCompression(`snappy: ${length} bytes, at most ${limitBytes} may be`)
  if (length > maxExpansion * input.length) throw new CorruptCompression(`snappy: ${length} bytes are impossible`)
  const output = Buffer.allocUnsafe(length)
  if (decodeElements(input, position, output) !== length) throw new CorruptCompression('snappy: the output is short')
  return output
}

/** Fills `output` with what the elements from `position` on say, and returns how far. */
const decodeElements = (input: Buffer, start: number, output: Buffer): number => {
  const end = input.length
  let position = start
  let written = 0
  while (position < end) {
    const tag = input[position]!
    position += 1
    let length = (tag >>> 2) + 1
    if ((tag & 3) === 0) {
      const lengthBytes = Math.max(0, length - 60)
      if (lengthBytes > end - position) throw new CorruptCompression('snappy: a literal is cut')
      if (lengthBytes > 0) length = input.readUIntLE(position, lengthBytes) + 1
      position += lengthBytes
      if (length > end - position || length > output.length - written) {
        throw new CorruptCompression('snappy: a literal is too long')
      }
      copyLiterals(input, position, output, written, length)
      position += length
    } else {
      const offsetBytes = (tag & 3) === 3 ? 4 : tag & 3
      if (offsetBytes > end - position) throw new CorruptCompression('snappy: a copy is cut')
      let offset = input[position]!
      if (offsetBytes === 1) {
        length = ((tag >>> 2) & 7) + 4
        offset |= (tag >>> 5) << 8
      } else {
        offset |= input[position + 1]! << 8
        if (offsetBytes === 4) offset += input[position + 2]! * 0x1_0000 + input[position + 3]! * 0x100_0000
      }
      position += offsetBytes
      if (offset === 0 || offset > written || length > output.length - written) {
        throw new CorruptCompression('snappy: a copy is out of range')
      }
      copyRepeat(output, written, offset, length)
    }
    written += length
  }
  return written
}

const compressBlock = (input: Buffer, start: number, end: number): Buffer => {
  const length = end - start
  // A literal costs three bytes at most, and only a copy, which saves at least one, brings another literal.
  const output = Buffer.allocUnsafe(length + Math.ceil(length / 4) + 32)
  let position = 0
  for (let rest = length; ; rest >>>= 7) {
    output[position] = rest > 0x7f ? (rest & 0x7f) | 0x80 : rest
    position += 1
    if (rest <= 0x7f) break
  }
  const literal = (from: number, to: number): void => {
    const bytes = to - from
    if (bytes === 0) return
    position = writeLiteralTag(output, position, bytes)
    copyLiterals(input, from, output, position, bytes)
    position += bytes
  }
  const rest = findRepeats(input, { start, end }, (literals, match, offset, matched) => {
    literal(literals, match)
    position = writeCopies(output, position, offset, matched)
  })
  literal(rest, end)
  return output.subarray(0, position)
}

const writeLiteralTag = (output: Buffer, position: number, length: number): number => {
  if (length <= 60) return output.writeUInt8((length - 1) << 2, position)
  if (length <= 256) return output.writeUInt8(length - 1, output.writeUInt8(60 << 2, position))
  return output.writeUInt16LE(length - 1, output.writeUInt8(61 << 2, position))
}

const writeCopies = (output: Buffer, start: number, offset: number, length: number): number => {
  let position = start
  for (let rest = length; rest > 0; rest -= maxCopyBytes) {
    const bytes = Math.min(rest, maxCopyBytes)
    if (bytes >= 4 && bytes <= 11 && offset < 2048) {
      output[position] = 1 | ((bytes - 4) << 2) | ((offset >>> 8) << 5)
      output[position + 1] = offset & 255
      position += 2
    } else {
      output[position] = 2 | ((bytes - 1) << 2)
      output[position + 1] = offset & 255
      output[position + 2] = offset >>> 8
      position += 3
    }
  }
  return position
}
