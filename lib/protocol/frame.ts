import { MalformedFrame } from './reader.ts'
import { Writer } from './writer.ts'

/** No request or response is shorter than its correlation id. */
const leastFrameBytes = 4

/**
 * Cuts a stream of bytes into frames, each a size as int32 and that many bytes. A frame that arrives in one chunk is a
 * view of it; one that arrives in several is copied once, when it is complete (chunks below 1 KiB once more, so that
 * bytes that trickle in cannot occupy many times their size). Chunks must not change after they were pushed.
 */
export class FrameCutter {
  readonly #maxFrameBytes: number
  /** The size of the frame that is arriving, as far as it is known. */
  #size = 0
  #sizeBytes = 0
  #body = new Writer(0)

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes
  }

  /** Bytes of a frame that is not complete. */
  get pendingBytes(): number {
    return this.#sizeBytes + this.#body.length
  }

  /** What the frame that is arriving will take when it is complete; 0 while its size is not known. */
  get arrivingBytes(): number {
    return this.#sizeBytes === 4 ? this.#size : 0
  }

  /** The frames that this chunk completes, without their sizes. Throws `MalformedFrame` at a size above the limit. */
  push(chunk: Buffer): Buffer[] {
    const frames: Buffer[] = []
    let position = 0
    while (position < chunk.length) {
      if (this.#sizeBytes < 4) {
        this.#size = (this.#size << 8) | chunk.readUInt8(position++)
        this.#sizeBytes++
        if (this.#sizeBytes === 4) this.#checkSize()
        continue
      }
      const part = chunk.subarray(position, position + this.#size - this.#body.length)
      position += part.length
      if (part.length < this.#size) this.#body.raw(part)
      if (part.length < this.#size && this.#body.length < this.#size) continue
      frames.push(part.length === this.#size ? part : this.#body.toBuffer())
      this.#size = 0
      this.#sizeBytes = 0
      this.#body = new Writer(0)
    }
    return frames
  }

  #checkSize(): void {
    if (this.#size < leastFrameBytes || this.#size > this.#maxFrameBytes) {
      throw new MalformedFrame(
        `a frame of ${this.#size} bytes; allowed are ${leastFrameBytes} to ${this.#maxFrameBytes}`,
      )
    }
  }
}

/** The frames of a body that holds nothing but whole ones. Throws `MalformedFrame` otherwise. */
export const cutFrames = (body: Buffer, maxFrameBytes: number): Buffer[] => {
  const cutter = new FrameCutter(maxFrameBytes)
  const frames = cutter.push(body)
  if (cutter.pendingBytes > 0) throw new MalformedFrame(`the last frame lacks bytes`)
  return frames
}

/** A frame with its size, from whatever `write` writes into it. */
export const frame = (write: (writer: Writer) => void): Buffer[] => {
  const writer = new Writer()
  writer.int32(0)
  write(writer)
  const buffers = writer.finish()
  // The size was written first, so it is whole in the first buffer.
  buffers[0]?.writeInt32BE(writer.length - 4, 0)
  return buffers
}
