import { at, batchesIn, readBatchHeader } from '../../lib/protocol/batch.ts'
import { buildBatch, type NewBatch, type NewRecord } from '../../lib/protocol/build-batch.ts'
import { crc32c } from '../../lib/protocol/crc32c.ts'
import { type BatchRecord, recordsIn } from '../../lib/protocol/record.ts'

type BatchOptions = Omit<NewBatch, 'records'> & {
  /** How many records; 1 when left out. */
  readonly records?: number
  /** The value of every record, its index behind it when there are several: `x0`, `x1`, … */
  readonly value?: string
  readonly key?: string | null
  /** Of the first record; every further record is a millisecond later. */
  readonly timestamp?: bigint
}

/** One batch as a client sends it: `batch({ records: 3, value: 'x', producerId: 7n, producerEpoch: 0, baseSequence: 0 })`. */
export const batch = ({ records = 1, value = 'v', key = null, timestamp = 0n, ...rest }: BatchOptions = {}): Buffer => {
  const record = (index: number): NewRecord => ({
    key: key === null ? null : Buffer.from(key),
    value: Buffer.from(records === 1 ? value : `${value}${index}`),
    timestamp: timestamp + BigInt(index),
  })
  return batchOf([record(0), ...Array.from({ length: records - 1 }, (_, index) => record(index + 1))], rest)
}

/** One batch of exactly these records. */
export const batchOf = (records: NewBatch['records'], rest: Omit<NewBatch, 'records'> = {}): Buffer =>
  buildBatch({ ...rest, records })

/** All records of the whole batches in `buffer`, in order; control batches included. */
export const recordsOf = (buffer: Buffer): readonly BatchRecord[] =>
  [...batchesIn(buffer)].flatMap((position) => {
    const { sizeBytes } = readBatchHeader(buffer, position)
    return [...recordsIn(buffer.subarray(position, position + sizeBytes))]
  })

/** The same buffer after its one batch was changed in place, with the checksum it now has. */
export const withCrc = (bytes: Buffer): Buffer => {
  bytes.writeUInt32BE(crc32c(bytes.subarray(at.attributes)), at.crc)
  return bytes
}
