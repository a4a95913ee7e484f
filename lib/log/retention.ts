import { isSingleWrite, producersIn } from './producers.ts'
import type { Expire } from './row.ts'
import type { Partition, State } from './state.ts'

export type Retention = {
  /** −1: by time nothing goes. */
  readonly retentionMs: bigint
  /** Of one partition; −1: by size nothing goes. */
  readonly retentionBytes: bigint
}

/**
 * Where the log should start now, or undefined when it may stay. Whole segments go, oldest first, while their newest
 * record is too old or what follows them is enough; the tail stays until it is flushed.
 */
export const retainedFrom = (partition: Partition, retention: Retention, nowMs: number): bigint | undefined => {
  const { segments, tail, logStartOffset } = partition
  let bytes = [...segments, ...tail].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  let start = logStartOffset
  for (const segment of segments) {
    const isOld =
      segment.maxTimestamp >= 0n &&
      retention.retentionMs >= 0n &&
      BigInt(nowMs) - segment.maxTimestamp > retention.retentionMs
    const isTooMuch = retention.retentionBytes >= 0n && BigInt(bytes - segment.sizeBytes) >= retention.retentionBytes
    if (!isOld && !isTooMuch) break
    bytes -= segment.sizeBytes
    start = segment.endOffset
  }
  return start > logStartOffset ? start : undefined
}

/** Producers in one `expire` row: it stays far below an item's limit. */
const maxExpired = 1000
/**
 * Such rows for one partition in one pass: with a pass a minute 1,600 keys a second are forgotten, three times what the
 * stack lets in unless it is told otherwise. What is left is left to the passes that follow.
 */
const maxExpireRows = 100

/** Producers whose last batch came before these times: the changes that forget them, partition by partition. */
export const planExpiry = (
  state: State,
  { producersMs, writesMs }: { readonly producersMs: number; readonly writesMs: number },
): readonly Expire[] =>
  [...state.partitions.values()].flatMap(({ index, producers }) => {
    const idle: Expire['producers'][number][] = []
    for (const [producerId, { seq, lastAt }] of producersIn(producers)) {
      if (lastAt < (isSingleWrite(producerId) ? writesMs : producersMs)) idle.push({ producerId, seq })
      if (idle.length === maxExpired * maxExpireRows) break
    }
    const rows = Math.ceil(idle.length / maxExpired)
    return Array.from({ length: rows }, (_, row): Expire => {
      const producers = idle.slice(row * maxExpired, (row + 1) * maxExpired)
      return { kind: 'expire', partition: index, producers }
    })
  })
