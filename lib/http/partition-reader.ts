import type { LogBytes } from '../journal/bytes.ts'
import type { Lane } from '../journal/lane.ts'
import { fetchRecords } from '../journal/read.ts'
import { partitionOf } from '../log/state.ts'
import { batchesIn, CorruptBatch, readBatchHeader } from '../protocol/batch.ts'
import { CorruptCompression } from '../protocol/compression-limits.ts'
import { type BatchRecord, recordsIn } from '../protocol/record.ts'

/** A batch whose records are not what they should be: Kafka's brokers look no further than its header either. */
export class UnreadableBatch extends Error {
  override readonly name = 'UnreadableBatch'
  readonly partition: number
  /** One past the batch's last offset. */
  readonly endOffset: bigint

  constructor(partition: number, endOffset: bigint, message: string) {
    super(message)
    this.partition = partition
    this.endOffset = endOffset
  }
}

/** Reads the records of one partition, one after the other, in chunks. */
export class PartitionReader {
  readonly partition: number
  readonly #lane: Lane
  readonly #bytes: LogBytes
  readonly #chunkBytes: number
  #position: bigint
  #records: Iterator<BatchRecord> = [].values()
  #head: BatchRecord | undefined

  constructor(lane: Lane, bytes: LogBytes, partition: number, position: bigint, chunkBytes: number) {
    this.#lane = lane
    this.#bytes = bytes
    this.partition = partition
    this.#position = position
    this.#chunkBytes = chunkBytes
  }

  /** Everything before it was taken. */
  get position(): bigint {
    return this.#position
  }

  /** The record that is next, once `look` has been called after the last `take`. */
  get head(): BatchRecord | undefined {
    return this.#head
  }

  /** Finds the next record; there is none at the end of what is known. Bytes read are counted by `onRead`. */
  async look(onRead: (bytes: number) => void): Promise<void> {
    while (this.#head === undefined) {
      const next = this.#records.next()
      if (!next.done) {
        this.#head = next.value
        return
      }
      const range = { offset: this.#position, maxBytes: this.#chunkBytes, atLeastOne: true }
      const fetched = await fetchRecords(this.#lane, this.#bytes, this.partition, range)
      if (fetched.outcome !== 'fetched' || fetched.records.length === 0) return
      // A batch may come in two parts.
      const batches = Buffer.concat(fetched.records)
      onRead(batches.length)
      this.#records = this.#wanted(batches)
    }
  }

  /** Goes on behind the head. */
  take(): void {
    if (this.#head) this.#position = this.#head.offset + 1n
    this.#head = undefined
  }

  *#wanted(batches: Buffer): Generator<BatchRecord> {
    for (const position of batchesIn(batches)) {
      const { baseOffset, lastOffsetDelta, sizeBytes, isControl } = readBatchHeader(batches, position)
      const end = baseOffset + BigInt(lastOffsetDelta) + 1n
      if (!isControl) yield* this.#recordsOf(batches.subarray(position, position + sizeBytes), end)
      // What compaction took away, or what is for the log itself, is passed too.
      if (this.#position < end) this.#position = end
    }
  }

  *#recordsOf(batch: Buffer, end: bigint): Generator<BatchRecord> {
    try {
      for (const record of recordsIn(batch)) if (record.offset >= this.#position) yield record
    } catch (error) {
      if (!(error instanceof CorruptBatch || error instanceof CorruptCompression)) throw error
      throw new UnreadableBatch(this.partition, end, error.message)
    }
  }
}

/** One batch at least is read, whatever its size. */
const oneBatchBytes = 1

/**
 * The record at an offset; undefined where there is none. That there is none is said from a confirmed view: what was
 * appended elsewhere may not be seen here yet. Throws `UnreadableBatch`.
 */
export const recordAt = async (
  lane: Lane,
  bytes: LogBytes,
  partition: number,
  offset: bigint,
): Promise<BatchRecord | undefined> => {
  const next = async (): Promise<BatchRecord | undefined> => {
    const reader = new PartitionReader(lane, bytes, partition, offset, oneBatchBytes)
    await reader.look(() => {})
    return reader.head
  }
  const isThere = async (): Promise<boolean> => {
    const { logStartOffset, endOffset } = partitionOf(await lane.state('confirmed'), partition)
    return logStartOffset <= offset && offset < endOffset
  }
  const found = (await next()) ?? ((await isThere()) ? await next() : undefined)
  return found?.offset === offset ? found : undefined
}
