import type { Piece } from '../log/fetch.ts'
import { type Block, blockWithOffset, blockWithTimestamp, decodeIndex } from '../log/segment.ts'
import { type Slice, sliceFrom } from '../log/slice.ts'
import type { Segment, TailBatch } from '../log/state.ts'
import { objectKey, type Shard } from '../store/keys.ts'
import type { Objects } from '../store/objects.ts'
import { JournalDamaged } from './journal.ts'

/** Decoded indexes kept in memory, each of a few hundred entries; the one not used for the longest time goes first. */
const maxIndexes = 512
/** What an index may point before the wanted offset: a block is at most this long unless one batch is longer. */
const blockBytes = 16 * 1024
/** Smaller segments are read whole, without their index. */
const indexedFromBytes = 64 * 1024

/** Bytes between two wanted batches that are read along with them: another read would cost more. */
const gapBytes = 32 * 1024
/** Ranges that are read at once. */
const readsAtOnce = 16

/** A range of an object, and the batches in it with their positions. */
type Run = {
  readonly name: string
  readonly position: number
  readonly length: number
  readonly batches: readonly { readonly batch: TailBatch; readonly start: number }[]
}

const runsOf = (batches: readonly TailBatch[]): readonly Run[] => {
  const byName = new Map<string, { readonly batch: TailBatch; readonly start: number }[]>()
  for (const batch of batches) {
    if (batch.source.in === 'row') continue
    const placed = { batch, start: batch.source.position }
    const others = byName.get(batch.source.name)
    if (others) others.push(placed)
    else byName.set(batch.source.name, [placed])
  }
  const runs: Run[] = []
  for (const [name, placed] of byName) {
    for (const one of placed.sort((a, b) => a.start - b.start)) {
      const last = runs.at(-1)
      const end = one.start + one.batch.sizeBytes
      if (last?.name === name && one.start - (last.position + last.length) <= gapBytes) {
        runs[runs.length - 1] = { ...last, length: end - last.position, batches: [...last.batches, one] }
      } else runs.push({ name, position: one.start, length: end - one.start, batches: [one] })
    }
  }
  return runs
}

/** Where the bytes of a log are: reads batches out of objects and rows, as they are stored. */
export class LogBytes {
  readonly #objects: Objects
  readonly #indexes = new Map<string, readonly Block[]>()

  constructor(objects: Objects) {
    this.#objects = objects
  }

  /** Batches of the tail as they were sent; what stands together is read together. Throws `ObjectNotFound`. */
  async ofTail(shard: Shard, batches: readonly TailBatch[]): Promise<readonly Buffer[]> {
    const found = new Map<TailBatch, Buffer>()
    for (const batch of batches) if (batch.source.in === 'row') found.set(batch, batch.source.bytes)
    const runs = runsOf(batches)
    for (let i = 0; i < runs.length; i += readsAtOnce) {
      await Promise.all(
        runs.slice(i, i + readsAtOnce).map(async ({ name, position, length, batches }) => {
          const bytes = await this.#objects.read(objectKey(shard, name), { position, length })
          for (const { batch, start } of batches) {
            found.set(batch, bytes.subarray(start - position, start - position + batch.sizeBytes))
          }
        }),
      )
    }
    return batches.map((batch) => {
      const bytes = found.get(batch)
      if (bytes === undefined) throw new Error('every batch of a tail is in a row or in an object')
      return bytes
    })
  }

  /** Whole batches of a segment from the one with the offset on. Throws `ObjectNotFound`, `CorruptBatch`. */
  async ofSegment(shard: Shard, piece: Piece & { readonly from: 'segment' }): Promise<Slice & { outcome: 'whole' }> {
    const { segment, epochs, offset, limitBytes } = piece
    const isIndexed = segment.sizeBytes > indexedFromBytes && offset > segment.baseOffset
    const block = isIndexed ? blockWithOffset(await this.indexOf(shard, segment), offset) : undefined
    const { baseOffset, position } = block ?? { baseOffset: segment.baseOffset, position: 0 }
    const available = segment.sizeBytes - position
    const wanted = offset > segment.baseOffset ? limitBytes + blockBytes : limitBytes
    let length = Math.min(wanted, available)
    for (;;) {
      const bytes = await this.#readSegment(shard, segment, position, length)
      const slice = sliceFrom(bytes, offset, limitBytes, { baseOffset, epochs })
      if (slice.outcome === 'whole') return slice
      if (length === available) throw new JournalDamaged(`offset ${offset} is not in segment ${segment.name}`)
      length = Math.min(Math.max(slice.neededBytes, length + blockBytes), available)
    }
  }

  /** The batches of the first block of a segment with a timestamp of at least this. Throws `ObjectNotFound`, `CorruptBatch`. */
  async ofTimestamp(shard: Shard, segment: Segment, timestamp: bigint): Promise<Buffer> {
    const found = blockWithTimestamp(segment, await this.indexOf(shard, segment), timestamp)
    if (found === undefined) return Buffer.alloc(0)
    const { block, length, endOffset } = found
    const bytes = await this.#readSegment(shard, segment, block.position, length)
    const { baseOffset } = block
    const slice = sliceFrom(bytes, baseOffset, length, { baseOffset, epochs: undefined })
    if (slice.outcome === 'short' || slice.endOffset < endOffset) {
      throw new JournalDamaged(`the block at offset ${baseOffset} of segment ${segment.name} is not what it was`)
    }
    return slice.bytes
  }

  /** All batches of a segment. Throws `ObjectNotFound`. */
  wholeSegment(shard: Shard, segment: Segment): Promise<Buffer> {
    return this.#readSegment(shard, segment, 0, segment.sizeBytes)
  }

  async indexOf(shard: Shard, segment: Segment): Promise<readonly Block[]> {
    const key = objectKey(shard, segment.name)
    const name = `${key}@${segment.position}`
    const known = this.#indexes.get(name)
    const position = segment.position + segment.sizeBytes
    const index = known ?? decodeIndex(await this.#objects.read(key, { position, length: segment.indexBytes }))
    this.#indexes.delete(name)
    this.#indexes.set(name, index)
    const [oldest] = this.#indexes.keys()
    if (this.#indexes.size > maxIndexes && oldest !== undefined) this.#indexes.delete(oldest)
    return index
  }

  #readSegment(shard: Shard, segment: Segment, position: number, length: number): Promise<Buffer> {
    return this.#objects.read(objectKey(shard, segment.name), { position: segment.position + position, length })
  }
}
