import type { Call } from '../broker/context.ts'
import type { Lane } from '../journal/lane.ts'
import { fetchRecords } from '../journal/read.ts'
import type { Batch } from '../log/append.ts'
import { batchesIn } from '../protocol/batch.ts'
import type { NewRecord } from '../protocol/build-batch.ts'
import { type BatchRecord, recordsIn } from '../protocol/record.ts'

/** Beside the records that are looked for: what stands before them in their batch's index block. */
const slackBytes = 64 * 1024

/**
 * The timestamps of records that were stored before, when they are these; `others` when they are not. Undefined when
 * they have been deleted since: what they were is not known any more.
 */
export const storedTimestamps = async (
  { bytes }: Pick<Call, 'bytes'>,
  lane: Lane,
  batch: Batch,
  baseOffset: bigint,
  records: readonly NewRecord[],
): Promise<readonly bigint[] | 'others' | undefined> => {
  const maxBytes = batch.bytes.length + slackBytes
  const fetched = await fetchRecords(lane, bytes, batch.partition, { offset: baseOffset, maxBytes, atLeastOne: true })
  if (fetched.outcome !== 'fetched') return undefined
  const timestamps: bigint[] = []
  // A batch may come in two parts.
  const batches = Buffer.concat(fetched.records)
  for (const position of batchesIn(batches)) {
    for (const stored of recordsIn(batches.subarray(position))) {
      if (stored.offset < baseOffset) continue
      const sent = records[timestamps.length]
      if (sent === undefined) return timestamps
      if (!isSame(sent, stored)) return 'others'
      timestamps.push(stored.timestamp)
    }
  }
  return timestamps.length === records.length ? timestamps : undefined
}

const isSame = (sent: NewRecord, stored: BatchRecord): boolean => {
  const headers = sent.headers ?? []
  return (
    equal(sent.key, stored.key) &&
    equal(sent.value, stored.value) &&
    headers.length === stored.headers.length &&
    headers.every(({ key, value }, i) => {
      const other = stored.headers[i]
      return other !== undefined && other.key === key && equal(value, other.value)
    })
  )
}

const equal = (a: Buffer | null, b: Buffer | null): boolean => (a === null || b === null ? a === b : a.equals(b))
