import { at, CorruptBatch, minRecordBytes } from './batch.ts'

/**
 * Whether the uncompressed records of `batch`, which stands there whole, are what consumers can read: as many as `count`,
 * each as long as it says, numbered one by one, and nothing behind them. Throws `CorruptBatch` where they are not.
 * Nothing is decoded, and nothing made for a record: this is done to everything that is produced.
 */
export const checkRecords = (batch: Buffer, count: number): void => new RecordWalk(batch).all(count)

class RecordWalk {
  readonly #bytes: Buffer
  #position: number = at.records

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  all(count: number): void {
    for (let index = 0; index < count; index += 1) this.#record(index)
    const restBytes = this.#bytes.length - this.#position
    if (restBytes > 0) throw new CorruptBatch(`${restBytes} bytes follow the last record of the batch`)
  }

  #record(index: number): void {
    const length = this.#varint()
    const end = this.#position + length
    if (length < minRecordBytes - 1 || end > this.#bytes.length) {
      throw new CorruptBatch(`record ${index} of the batch claims ${length} bytes`)
    }
    this.#skip(1)
    this.#skipVarlong()
    const offsetDelta = this.#varint()
    if (offsetDelta !== index)
      throw new CorruptBatch(`record ${index} of the batch has the offset delta ${offsetDelta}`)
    this.#skipNullable()
    this.#skipNullable()
    const headers = this.#varint()
    if (headers < 0) throw new CorruptBatch(`record ${index} of the batch claims ${headers} headers`)
    // Each takes two bytes or more, so that a count that cannot be true ends with the record.
    for (let header = 0; header < headers; header += 1) {
      this.#skip(this.#varint())
      this.#skipNullable()
      if (this.#position > end) break
    }
    if (this.#position !== end) throw new CorruptBatch(`record ${index} of the batch does not fill its length`)
  }

  /** −1 is null; then as many bytes as the length says. */
  #skipNullable(): void {
    const length = this.#varint()
    if (length !== -1) this.#skip(length)
  }

  #skip(length: number): void {
    if (length < 0 || length > this.#bytes.length - this.#position) throw new CorruptBatch(endsEarly)
    this.#position += length
  }

  /** A zigzag varint of 32 bits. */
  #varint(): number {
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

  /** A varint of 64 bits: nine bytes of 7 bits, and one of one. */
  #skipVarlong(): void {
    for (let length = 1; length <= 9; length += 1) if (this.#byte() < 0x80) return
    if (this.#byte() > 1) throw new CorruptBatch('a varlong of a record has more than 64 bits')
  }

  #byte(): number {
    const byte = this.#bytes[this.#position++]
    if (byte === undefined) throw new CorruptBatch(endsEarly)
    return byte
  }
}

const endsEarly = 'the batch ends within a record'
