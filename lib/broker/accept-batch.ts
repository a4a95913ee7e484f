import { type Batch, batchFrom } from '../log/append.ts'
import type { TopicConfig } from '../log/config.ts'
import { type BatchHeader, stampLogAppendTime } from '../protocol/batch.ts'
import { buildBatch } from '../protocol/build-batch.ts'
import { type BatchLimits, checkBatch } from '../protocol/check-batch.ts'
import type { Codec } from '../protocol/compression.ts'
import { recordsIn } from '../protocol/record.ts'
import type { ErrorName } from './failures.ts'

/** A batch that may be appended, as it will be stored. */
export type AcceptedBatch = {
  readonly batch: Batch
  /** −1n where records keep their producer's timestamps. */
  readonly logAppendTimeMs: bigint
}

export type RefusedBatch = {
  readonly refused: ErrorName
  readonly message: string | null
  /** The records at fault, by their place in the batch (KIP-467); none: the whole batch is. */
  readonly recordErrors: readonly { readonly batchIndex: number; readonly batchIndexErrorMessage: string }[]
}

export type Terms = { readonly config: TopicConfig; readonly nowMs: number; readonly zstdAllowed: boolean }

/** Checks what was sent for a partition and makes of it what the topic's configs ask for; otherwise it stays untouched. */
export const acceptBatch = (
  partition: number,
  records: Buffer | null,
  { config, nowMs, zstdAllowed }: Terms,
): AcceptedBatch | RefusedBatch => {
  const sent = records ?? Buffer.alloc(0)
  const now = BigInt(nowMs)
  const isStamped = config.timestampType === 'LogAppendTime'
  const limits: BatchLimits = {
    maxMessageBytes: config.maxMessageBytes,
    earliestTimestamp: isStamped ? minTimestamp : now - config.timestampBeforeMaxMs,
    latestTimestamp: isStamped ? maxTimestamp : now + config.timestampAfterMaxMs,
    zstdAllowed,
  }
  const checked = checkBatch(sent, limits)
  if (checked.outcome === 'refused') {
    const recordErrors = checked.error === 'INVALID_TIMESTAMP' ? recordsOutOfRange(sent, limits) : []
    return { refused: checked.error, message: checked.message, recordErrors }
  }
  const header = checked.batch
  if (header.isTransactional) {
    return { refused: 'UNSUPPORTED_VERSION', message: 'transactions are not implemented yet', recordErrors: [] }
  }
  const { compressionType } = config
  const recompressed = compressionType === 'producer' ? sent : recompress(sent, header, compressionType)
  if ('refused' in recompressed) return recompressed
  const bytes = isStamped ? Buffer.concat(stampLogAppendTime(recompressed, now)) : recompressed
  if (bytes.length > config.maxMessageBytes) {
    const message = `the batch has ${bytes.length} bytes in ${compressionType}, at most ${config.maxMessageBytes} may be`
    return { refused: 'MESSAGE_TOO_LARGE', message, recordErrors: [] }
  }
  return { batch: batchFrom(partition, bytes), logAppendTimeMs: isStamped ? now : -1n }
}

const maxTimestamp = 2n ** 63n - 1n
const minTimestamp = -maxTimestamp

const recompress = (sent: Buffer, header: BatchHeader, codec: Codec): Buffer | RefusedBatch => {
  if (header.codec === codec) return sent
  try {
    const [first, ...more] = recordsIn(sent)
    if (first === undefined) return unreadable('the batch has no records')
    const { producerId, producerEpoch, baseSequence } = header
    return buildBatch({ records: [first, ...more], codec, producerId, producerEpoch, baseSequence })
  } catch (error) {
    return unreadable(error instanceof Error ? error.message : String(error))
  }
}

const unreadable = (message: string): RefusedBatch => ({ refused: 'CORRUPT_MESSAGE', message, recordErrors: [] })

/** Records that are named one by one; who sends more bad ones learns of the rest when these are right. */
const maxRecordErrors = 100

const recordsOutOfRange = (sent: Buffer, limits: BatchLimits): RefusedBatch['recordErrors'] => {
  const found: { batchIndex: number; batchIndexErrorMessage: string }[] = []
  try {
    let batchIndex = 0
    for (const { timestamp } of recordsIn(sent)) {
      const isOut = timestamp < limits.earliestTimestamp || timestamp > limits.latestTimestamp
      if (isOut && timestamp !== -1n) {
        found.push({ batchIndex, batchIndexErrorMessage: `timestamp ${timestamp} is out of the topic's range` })
      }
      if (found.length === maxRecordErrors) break
      batchIndex += 1
    }
  } catch {
    return []
  }
  return found
}
