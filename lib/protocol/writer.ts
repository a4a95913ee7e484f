/** Bytes of the first buffer; a small one comes from Node's pool and costs next to nothing. */
const firstBufferBytes = 512
/** Later buffers double up to this many bytes. */
const largestBufferBytes = 64 * 1024
/** Shorter bytes are copied: an entry of its own in the list would cost more than copying them. */
const copyBelowBytes = 1024
/** Longer strings are measured and encoded by Node; for shorter ones a loop over ASCII is faster. */
const loopBelowCharacters = 40

/**
 * Kafka's primitive types, written one after the other (Kafka docs: "Protocol Primitive Types").
 * It keeps a list of buffers: bytes of 1 KiB or more are referred to and never copied, so they must not change
 * afterwards. A number out of its type's range throws `RangeError`: a bug of the caller.
 */
export class Writer {
  readonly #done: Buffer[] = []
  #doneBytes = 0
  #buffer: Buffer
  #view: DataView | undefined
  /** The first byte of `#buffer` that is not in `#done` yet. */
  #start = 0
  #position = 0

  constructor(expectedBytes = firstBufferBytes) {
    this.#buffer = Buffer.allocUnsafe(expectedBytes)
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#doneBytes + this.#position - this.#start
  }

  /** Everything written, in order. Nothing may be written afterwards. */
  finish(): Buffer[] {
    this.#cut()
    return this.#done
  }

  /** Everything written, in one buffer; copied only where `finish` would give more than one. */
  toBuffer(): Buffer {
    const [first, ...others] = this.finish()
    if (first === undefined) return Buffer.alloc(0)
    return others.length === 0 ? first : Buffer.concat(this.#done)
  }

  bool(value: boolean): void {
    this.int8(value ? 1 : 0)
  }

  int8(value: number): void {
    const position = this.#take(1)
    this.#buffer.writeInt8(value, position)
  }

  int16(value: number): void {
    const position = this.#take(2)
    this.#buffer.writeInt16BE(value, position)
  }

  uint16(value: number): void {
    const position = this.#take(2)
    this.#buffer.writeUInt16BE(value, position)
  }

  int32(value: number): void {
    const position = this.#take(4)
    this.#buffer.writeInt32BE(value, position)
  }

  uint32(value: number): void {
    const position = this.#take(4)
    this.#buffer.writeUInt32BE(value, position)
  }

  int64(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} is not an int64`)
    const position = this.#take(8)
    this.#view ??= new DataView(this.#buffer.buffer, this.#buffer.byteOffset, this.#buffer.length)
    this.#view.setBigInt64(position, value)
  }

  float64(value: number): void {
    const position = this.#take(8)
    this.#buffer.writeDoubleBE(value, position)
  }

  /** 32 bits, seven to a byte, the lowest first. */
  unsignedVarint(value: number): void {
    if (value >>> 0 !== value) throw new RangeError(`${value} is not an unsigned int32`)
    let rest = value
    while (rest > 0x7f) {
      this.#byte((rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    this.#byte(rest)
  }

  /** 32 bits in zigzag, so that small negative numbers are short. */
  varint(value: number): void {
    if ((value | 0) !== value) throw new RangeError(`${value} is not an int32`)
    this.unsignedVarint(((value << 1) ^ (value >> 31)) >>> 0)
  }

  /** 64 bits in zigzag. */
  varlong(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} is not an int64`)
    let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
    while (rest > 0xffff_ffffn) {
      this.#byte(Number(rest & 0x7fn) | 0x80)
      rest >>= 7n
    }
    this.unsignedVarint(Number(rest))
  }

  /** 16 bytes, from the 22 characters of base64url in which Kafka prints them. */
  uuid(value: string): void {
    const position = this.#take(16)
    if (value.length !== 22 || this.#buffer.write(value, position, 16, 'base64url') !== 16) {
      throw new RangeError(`${value} is not a uuid in base64url`)
    }
  }

  string(value: string): void {
    this.#utf8(value, false)
  }

  nullableString(value: string | null): void {
    if (value === null) this.int16(-1)
    else this.string(value)
  }

  compactString(value: string): void {
    this.#utf8(value, true)
  }

  compactNullableString(value: string | null): void {
    if (value === null) this.unsignedVarint(0)
    else this.compactString(value)
  }

  bytes(value: Buffer | readonly Buffer[]): void {
    this.int32(byteLength(value))
    this.raw(value)
  }

  nullableBytes(value: Buffer | readonly Buffer[] | null): void {
    if (value === null) this.int32(-1)
    else this.bytes(value)
  }

  compactBytes(value: Buffer | readonly Buffer[]): void {
    this.unsignedVarint(byteLength(value) + 1)
    this.raw(value)
  }

  compactNullableBytes(value: Buffer | readonly Buffer[] | null): void {
    if (value === null) this.unsignedVarint(0)
    else this.compactBytes(value)
  }

  /** The length of a list that follows; null is −1. */
  count(count: number | null): void {
    this.int32(count ?? -1)
  }

  /** The same as a varint; null is 0. */
  compactCount(count: number | null): void {
    this.unsignedVarint(count === null ? 0 : count + 1)
  }

  /** The bytes alone, without their length. */
  raw(value: Buffer | readonly Buffer[]): void {
    if (!Buffer.isBuffer(value)) {
      for (const part of value) this.raw(part)
    } else if (value.length < copyBelowBytes) {
      const position = this.#take(value.length)
      value.copy(this.#buffer, position)
    } else {
      this.#cut()
      this.#done.push(value)
      this.#doneBytes += value.length
    }
  }

  #utf8(value: string, compact: boolean): void {
    if (value.length < loopBelowCharacters && this.#ascii(value, compact)) return
    const length = Buffer.byteLength(value)
    if (compact) this.unsignedVarint(length + 1)
    else this.int16(length)
    const position = this.#take(length)
    this.#buffer.write(value, position, length, 'utf8')
  }

  /** Writes the length and a short string, or nothing and false when a character is not ASCII. */
  #ascii(value: string, compact: boolean): boolean {
    const length = value.length
    const position = this.#take(length + (compact ? 1 : 2))
    const buffer = this.#buffer
    let at = position
    if (compact) buffer[at++] = length + 1
    else {
      buffer[at++] = 0
      buffer[at++] = length
    }
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index)
      if (code > 0x7f) {
        this.#position = position
        return false
      }
      buffer[at++] = code
    }
    return true
  }

  #byte(value: number): void {
    const position = this.#take(1)
    this.#buffer.writeUInt8(value, position)
  }

  /** Moves past `length` bytes and tells where they start. `#buffer` may be another one afterwards: call it first. */
  #take(length: number): number {
    if (length > this.#buffer.length - this.#position) {
      this.#cut()
      const doubled = Math.min(this.#buffer.length * 2, largestBufferBytes)
      this.#buffer = Buffer.allocUnsafe(Math.max(doubled, length))
      this.#view = undefined
      this.#start = 0
      this.#position = 0
    }
    const position = this.#position
    this.#position += length
    return position
  }

  /** Hands over what was written since the last cut. */
  #cut(): void {
    if (this.#position === this.#start) return
    this.#done.push(this.#buffer.subarray(this.#start, this.#position))
    this.#doneBytes += this.#position - this.#start
    this.#start = this.#position
  }
}

const byteLength = (value: Buffer | readonly Buffer[]): number =>
  Buffer.isBuffer(value) ? value.length : value.reduce((sum, part) => sum + part.length, 0)
