import { at, CorruptBatch, minRecordBytes } from './batch.ts'
import { RecordCursor } from './record-cursor.ts'

/**
 * Whether the uncompressed records of `batch`, which stands there whole, are what consumers can read: as many as `count`,
 * each as long as it says, numbered one by one, and nothing behind them. Throws `CorruptBatch` where they are not.
 * Nothing is decoded, and nothing made for a record: this is done to everything that is produced.
 */
export const checkRecords = (batch: Buffer, count: number): void => {
  const cursor = new RecordCursor(batch, at.records, batch.length)
  for (let index = 0; index < count; index += 1) checkRecord(cursor, index)
  if (cursor.remaining > 0) throw new CorruptBatch(`${cursor.remaining} bytes follow the last record of the batch`)
}

const checkRecord = (cursor: RecordCursor, index: number): void => {
  const length = cursor.varint()
  if (length < minRecordBytes - 1 || length > cursor.remaining) {
    throw new CorruptBatch(`record ${index} of the batch claims ${length} bytes`)
  }
  const end = cursor.position + length
  cursor.skip(1)
  cursor.skipVarlong()
  const offsetDelta = cursor.varint()
  if (offsetDelta !== index) throw new CorruptBatch(`record ${index} of the batch has the offset delta ${offsetDelta}`)
  cursor.skipNullable()
  cursor.skipNullable()
  const headers = cursor.varint()
  if (headers < 0) throw new CorruptBatch(`record ${index} of the batch claims ${headers} headers`)
  // Each takes two bytes or more, so that a count that cannot be true ends with the record.
  for (let header = 0; header < headers && cursor.position <= end; header += 1) {
    cursor.skip(cursor.varint())
    cursor.skipNullable()
  }
  if (cursor.position !== end) throw new CorruptBatch(`record ${index} of the batch does not fill its length`)
}
