import {
  at,
  attribute,
  type BatchHeader,
  CorruptBatch,
  crcMatches,
  lengthPrefixBytes,
  minRecordBytes,
  readBatchHeader,
} from './batch.ts'
import { checkRecords } from './check-records.ts'
import { codecs } from './compression.ts'

/** What one produced batch may be; the timestamps are absolute, in milliseconds, both included. */
export type BatchLimits = {
  readonly maxMessageBytes: number
  readonly earliestTimestamp: bigint
  readonly latestTimestamp: bigint
  /** Clients may send zstd from Produce v7 on. */
  readonly zstdAllowed: boolean
}

type RefusedBatch = {
  readonly outcome: 'refused'
  readonly error:
    | 'CORRUPT_MESSAGE'
    | 'INVALID_RECORD'
    | 'INVALID_TIMESTAMP'
    | 'MESSAGE_TOO_LARGE'
    | 'UNSUPPORTED_COMPRESSION_TYPE'
  /** Says what is wrong, for the client's log. */
  readonly message: string
}

export type CheckedBatch = { readonly outcome: 'ok'; readonly batch: BatchHeader } | RefusedBatch

/**
 * Whether what a producer sent for one partition may be stored: exactly one batch of format v2 that keeps the limits.
 * Its records must be ones that consumers can read; of compressed ones only the header is looked at. Errors and their
 * order are those of Kafka 4 (`ProduceRequest.validateRecords`, then the log's append).
 */
export const checkBatch = (records: Buffer, limits: BatchLimits): CheckedBatch => {
  const refused = refusedFrame(records) ?? refusedSize(records, limits)
  if (refused) return refused
  const batch = readBatchHeader(records)
  return refusedHeader(batch, limits) ?? refusedRecords(records, batch) ?? { outcome: 'ok', batch }
}

const refuse = (error: RefusedBatch['error'], message: string): RefusedBatch => ({ outcome: 'refused', error, message })

/** Anything but one whole batch of magic 2. */
const refusedFrame = (records: Buffer): RefusedBatch | undefined => {
  if (records.length === 0) return refuse('INVALID_RECORD', 'a partition must have exactly one batch, there is none')
  if (records.length <= at.magic) return refuse('CORRUPT_MESSAGE', `${records.length} bytes are too few for a batch`)
  const magic = records.readInt8(at.magic)
  if (magic === 0 || magic === 1) return refuse('INVALID_RECORD', `a batch must have magic 2, this has ${magic}`)
  if (magic !== 2) return refuse('CORRUPT_MESSAGE', `magic ${magic} is unknown`)
  const sizeBytes = lengthPrefixBytes + records.readInt32BE(at.length)
  if (sizeBytes < at.records) {
    return refuse('CORRUPT_MESSAGE', `a batch has at least ${at.records} bytes, this claims ${sizeBytes}`)
  }
  if (sizeBytes > records.length) {
    return refuse('CORRUPT_MESSAGE', `the batch claims ${sizeBytes} bytes, ${records.length} were sent`)
  }
  if (sizeBytes < records.length) return refusedTail(records.subarray(sizeBytes))
  return undefined
}

const refusedTail = (tail: Buffer): RefusedBatch => {
  const isBatch = tail.length >= at.records && lengthPrefixBytes + tail.readInt32BE(at.length) <= tail.length
  if (isBatch) return refuse('INVALID_RECORD', 'a partition must have exactly one batch, there are several')
  return refuse('CORRUPT_MESSAGE', `${tail.length} bytes follow the batch`)
}

const refusedSize = (records: Buffer, limits: BatchLimits): RefusedBatch | undefined => {
  const codec = codecs[records.readInt16BE(at.attributes) & attribute.codec]
  if (codec === 'zstd' && !limits.zstdAllowed) {
    return refuse('UNSUPPORTED_COMPRESSION_TYPE', 'zstd needs version 7 of Produce')
  }
  if (records.length > limits.maxMessageBytes) {
    return refuse(
      'MESSAGE_TOO_LARGE',
      `the batch has ${records.length} bytes, at most ${limits.maxMessageBytes} may be`,
    )
  }
  if (!crcMatches(records)) return refuse('CORRUPT_MESSAGE', 'the checksum does not match the batch')
  if (codec === undefined) return refuse('INVALID_RECORD', 'the compression type is unknown')
  return undefined
}

const refusedHeader = (batch: BatchHeader, limits: BatchLimits): RefusedBatch | undefined => {
  const { attributes, baseSequence, count, lastOffsetDelta, producerEpoch, producerId } = batch
  if (count < 1) return refuse('INVALID_RECORD', `the batch counts ${count} records`)
  if (count !== lastOffsetDelta + 1) {
    return refuse('INVALID_RECORD', `the batch counts ${count} records, its last offset delta is ${lastOffsetDelta}`)
  }
  const recordsBytes = batch.sizeBytes - at.records
  if (batch.codec === 'none' && count > recordsBytes / minRecordBytes) {
    return refuse('INVALID_RECORD', `${count} records do not fit into ${recordsBytes} bytes`)
  }
  const mostRecords = Math.floor(limits.maxMessageBytes / minRecordBytes)
  if (count > mostRecords) {
    // A megabyte may expand to millions of records, each of which costs time and memory when it is looked at.
    return refuse('MESSAGE_TOO_LARGE', `the batch counts ${count} records, at most ${mostRecords} may be`)
  }
  if (batch.isControl) return refuse('INVALID_RECORD', 'a client may not write control batches')
  if (attributes & attribute.deleteHorizon) return refuse('INVALID_RECORD', 'a client may not set the delete horizon')
  if (producerId >= 0n && (baseSequence < 0 || producerEpoch < 0)) {
    return refuse('INVALID_RECORD', `producer ${producerId} sent epoch ${producerEpoch}, sequence ${baseSequence}`)
  }
  if (batch.isTransactional && producerId < 0n) {
    return refuse('INVALID_RECORD', 'a transactional batch needs a producer id')
  }
  return refusedTimestamp(batch, limits)
}

/** Unpacking costs more than all else that is done to a batch, so compressed records are believed. */
const refusedRecords = (records: Buffer, { codec, count }: BatchHeader): RefusedBatch | undefined => {
  if (codec !== 'none') return undefined
  try {
    checkRecords(records, count)
    return undefined
  } catch (error) {
    if (error instanceof CorruptBatch) return refuse('INVALID_RECORD', error.message)
    throw error
  }
}

const refusedTimestamp = (batch: BatchHeader, limits: BatchLimits): RefusedBatch | undefined => {
  if (batch.timestampType === 'append') {
    return refuse('INVALID_TIMESTAMP', 'a client may not send the timestamp type LogAppendTime')
  }
  for (const timestamp of [batch.baseTimestamp, batch.maxTimestamp]) {
    if (timestamp === noTimestamp) continue
    if (timestamp < limits.earliestTimestamp || timestamp > limits.latestTimestamp) {
      const range = `${limits.earliestTimestamp} to ${limits.latestTimestamp}`
      return refuse('INVALID_TIMESTAMP', `timestamp ${timestamp} is out of the topic's range ${range}`)
    }
  }
  return undefined
}

/** A record without a timestamp is outside no bounds. */
const noTimestamp = -1n
