import { CorruptBatch } from './batch.ts'

/** Reads varints and bytes, never beyond `end`. */
export class RecordCursor {
  readonly #bytes: Buffer
  readonly #end: number
  position: number

  constructor(bytes: Buffer, position: number, end: number) {
    this.#bytes = bytes
    this.#end = end
    this.position = position
  }

  get remaining(): number {
    return this.#end - this.position
  }

  skip(length: number): void {
    if (length < 0 || length > this.remaining) throw new CorruptBatch('a record ends within its fields')
    this.position += length
  }

  /** −1 is null; then as many bytes as the length says. */
  nullableBytes(): Buffer | null {
    const length = this.varint()
    if (length === -1) return null
    const start = this.position
    this.skip(length)
    return this.#bytes.subarray(start, start + length)
  }

  skipNullable(): void {
    const length = this.varint()
    if (length !== -1) this.skip(length)
  }

  /** A zigzag varint of 32 bits. */
  varint(): number {
    const first = this.#byte()
    // Most are of one byte.
    if (first < 0x80) return (first >>> 1) ^ -(first & 1)
    let value = first & 0x7f
    for (let shift = 7; shift <= 28; shift += 7) {
      const byte = this.#byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        if (shift === 28 && byte > 0x0f) break
        return (value >>> 1) ^ -(value & 1)
      }
    }
    throw new CorruptBatch('a varint of a record has more than 32 bits')
  }

  /** A zigzag varint of 64 bits. */
  varlong(): bigint {
    // The first 28 bits as a number, which is all that most timestamps need; the rest as a bigint.
    let low = 0
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#byte()
      low |= (byte & 0x7f) << shift
      if (byte < 0x80) return BigInt((low >>> 1) ^ -(low & 1))
    }
    let value = BigInt(low)
    for (let shift = 28n; shift <= 63n; shift += 7n) {
      const byte = this.#byte()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) {
        if (shift === 63n && byte > 1) break
        return (value >> 1n) ^ -(value & 1n)
      }
    }
    throw new CorruptBatch(tooLongVarlong)
  }

  /** Goes past a varint of 64 bits: nine bytes of 7 bits at most, and one of one. */
  skipVarlong(): void {
    for (let length = 1; length <= 9; length += 1) if (this.#byte() < 0x80) return
    if (this.#byte() > 1) throw new CorruptBatch(tooLongVarlong)
  }

  #byte(): number {
    const byte = this.position < this.#end ? this.#bytes[this.position] : undefined
    if (byte === undefined) throw new CorruptBatch('a record ends within its fields')
    this.position += 1
    return byte
  }
}

const tooLongVarlong = 'a varlong of a record has more than 64 bits'
