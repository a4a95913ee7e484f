/** Bytes that are not what they claim to be. The connection they came from is closed; nothing else depends on it. */
export class MalformedFrame extends Error {
  override readonly name = 'MalformedFrame'
}

/** The topic id, directory id and so on that means "none". */
export const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA'

/**
 * List elements of one message, all its lists together. An element of three bytes becomes an object of a hundred,
 * so a frame full of tiny elements must not be allowed to become memory many times its own size.
 */
export const maxListElements = 500_000

/** Of any string, also where its length would allow more (Kafka's own readers refuse longer ones). */
const maxStringBytes = 2 ** 15 - 1

/** Bytes of a varint of 32 and of 64 bits. */
const maxVarintBytes = 5
const maxVarlongBytes = 10

/**
 * Kafka's primitive types, read one after the other from `position` on (Kafka docs: "Protocol Primitive Types").
 * Whatever does not fit into the bytes that remain throws `MalformedFrame`; nothing is allocated by a length before
 * that length was compared with them. Buffers it returns are views of the buffer it reads.
 */
export class Reader {
  readonly buffer: Buffer
  position: number
  #elementsLeft = maxListElements
  #view: DataView | undefined

  constructor(buffer: Buffer, position = 0) {
    this.buffer = buffer
    this.position = position
  }

  get remaining(): number {
    return this.buffer.length - this.position
  }

  bool(): boolean {
    return this.int8() !== 0
  }

  int8(): number {
    return this.buffer.readInt8(this.#take(1))
  }

  int16(): number {
    return this.buffer.readInt16BE(this.#take(2))
  }

  uint16(): number {
    return this.buffer.readUInt16BE(this.#take(2))
  }

  int32(): number {
    return this.buffer.readInt32BE(this.#take(4))
  }

  uint32(): number {
    return this.buffer.readUInt32BE(this.#take(4))
  }

  int64(): bigint {
    this.#view ??= new DataView(this.buffer.buffer, this.buffer.byteOffset, this.buffer.length)
    return this.#view.getBigInt64(this.#take(8))
  }

  float64(): number {
    return this.buffer.readDoubleBE(this.#take(8))
  }

  /** 32 bits, seven to a byte, the lowest first. */
  unsignedVarint(): number {
    let value = 0
    for (let index = 0; index < maxVarintBytes; index++) {
      const byte = this.buffer.readUInt8(this.#take(1))
      value |= (byte & 0x7f) << (7 * index)
      if (byte < 0x80) return value >>> 0
    }
    throw new MalformedFrame('a varint is longer than five bytes')
  }

  /** 32 bits in zigzag, so that small negative numbers are short. */
  varint(): number {
    const value = this.unsignedVarint()
    return (value >>> 1) ^ -(value & 1)
  }

  /** 64 bits in zigzag. */
  varlong(): bigint {
    // Numbers below 2^28 are by far the most: read them without bigint.
    let low = 0
    for (let index = 0; index < 4; index++) {
      const byte = this.buffer.readUInt8(this.#take(1))
      low |= (byte & 0x7f) << (7 * index)
      if (byte < 0x80) return BigInt((low >>> 1) ^ -(low & 1))
    }
    let value = BigInt(low)
    for (let index = 4; index < maxVarlongBytes; index++) {
      const byte = this.buffer.readUInt8(this.#take(1))
      value |= BigInt(byte & 0x7f) << BigInt(7 * index)
      if (byte < 0x80) return BigInt.asIntN(64, (BigInt.asUintN(64, value) >> 1n) ^ -(value & 1n))
    }
    throw new MalformedFrame('a varlong is longer than ten bytes')
  }

  /** 16 bytes, as the 22 characters of base64url in which Kafka prints them. */
  uuid(): string {
    const start = this.#take(16)
    return this.buffer.toString('base64url', start, start + 16)
  }

  string(): string {
    return present(this.nullableString())
  }

  nullableString(): string | null {
    const length = this.int16()
    return length < 0 ? absent(length) : this.#utf8(length)
  }

  compactString(): string {
    return present(this.compactNullableString())
  }

  compactNullableString(): string | null {
    const length = this.unsignedVarint() - 1
    return length < 0 ? null : this.#utf8(length)
  }

  bytes(): Buffer {
    return present(this.nullableBytes())
  }

  nullableBytes(): Buffer | null {
    const length = this.int32()
    return length < 0 ? absent(length) : this.raw(length)
  }

  compactBytes(): Buffer {
    return present(this.compactNullableBytes())
  }

  compactNullableBytes(): Buffer | null {
    const length = this.unsignedVarint() - 1
    return length < 0 ? null : this.raw(length)
  }

  /** The next `length` bytes, as a view. */
  raw(length: number): Buffer {
    const start = this.#take(length)
    return this.buffer.subarray(start, start + length)
  }

  skip(length: number): void {
    this.#take(length)
  }

  /** The length of a list whose elements take at least `elementBytes` each; null is −1. */
  count(elementBytes: number): number | null {
    const count = this.int32()
    return count < 0 ? absent(count) : this.#checkedCount(count, elementBytes)
  }

  /** The same, where the length is a varint and null is 0. */
  compactCount(elementBytes: number): number | null {
    const count = this.unsignedVarint() - 1
    return count < 0 ? null : this.#checkedCount(count, elementBytes)
  }

  #checkedCount(count: number, elementBytes: number): number {
    if (count * elementBytes > this.remaining) throw new MalformedFrame(`a list of ${count} elements does not fit`)
    this.#elementsLeft -= count
    if (this.#elementsLeft < 0) throw new MalformedFrame(`more than ${maxListElements} list elements`)
    return count
  }

  #utf8(length: number): string {
    const start = this.#take(length)
    const value = this.buffer.toString('utf8', start, start + length)
    // What is no UTF-8 becomes longer, and could not be said in an answer any more.
    if (length > maxStringBytes / 3 && Buffer.byteLength(value) > maxStringBytes) {
      throw new MalformedFrame(`a string of more than ${maxStringBytes} bytes`)
    }
    return value
  }

  /** Moves past `length` bytes and tells where they start. */
  #take(length: number): number {
    const start = this.position
    if (length < 0 || length > this.buffer.length - start) {
      throw new MalformedFrame(`${length} bytes are needed at ${start}, ${this.buffer.length - start} remain`)
    }
    this.position = start + length
    return start
  }
}

const absent = (length: number): null => {
  if (length !== -1) throw new MalformedFrame(`a length of ${length}`)
  return null
}

const present = <Value>(value: Value | null): Value => {
  if (value === null) throw new MalformedFrame('null where a value must be')
  return value
}
