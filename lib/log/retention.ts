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

/** Producers whose last batch came before these times: the changes that forget them, one for each partition. */
export const planExpiry = (
  state: State,
  { producersMs, writesMs }: { readonly producersMs: number; readonly writesMs: number },
): readonly Expire[] =>
  [...state.partitions.values()].flatMap(({ index, producers }): readonly Expire[] => {
    const idle = [...producersIn(producers)]
      .filter(([id, { lastAt }]) => lastAt < (isSingleWrite(id) ? writesMs : producersMs))
      .slice(0, maxExpired)
      .map(([producerId, { seq }]) => ({ producerId, seq }))
    return idle.length === 0 ? [] : [{ kind: 'expire', partition: index, producers: idle }]
  })
