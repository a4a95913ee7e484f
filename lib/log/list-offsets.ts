import { partitionOf, type Segment, type State, type TailBatch } from './state.ts'

/** The first place that has a record with at least the timestamp asked for: its bytes say which record. */
export type TimestampPlace =
  | { readonly in: 'segment'; readonly segment: Segment }
  | { readonly in: 'tail'; readonly batch: TailBatch }

/** Offsets grow through the places, so the first place whose maximum suffices holds the answer (KIP-79). */
export const placeOfTimestamp = (
  state: State,
  partitionIndex: number,
  timestamp: bigint,
): TimestampPlace | undefined => {
  const { segments, tail } = partitionOf(state, partitionIndex)
  const segment = segments.find(({ maxTimestamp }) => maxTimestamp >= timestamp)
  if (segment) return { in: 'segment', segment }
  const batch = tail.find(({ maxTimestamp }) => maxTimestamp >= timestamp)
  return batch && { in: 'tail', batch }
}

/** The end of the first place when the log starts inside of it: its largest timestamp may be that of a trimmed record. */
export const endOfCutPlace = (state: State, partitionIndex: number): bigint | undefined => {
  const { segments, tail, logStartOffset } = partitionOf(state, partitionIndex)
  const [segment, batch] = [segments[0], tail[0]]
  if (segment) return segment.baseOffset < logStartOffset ? segment.endOffset : undefined
  return batch && batch.baseOffset < logStartOffset ? batch.baseOffset + BigInt(batch.count) : undefined
}

/** The largest timestamp of the places that the log's start does not cut; undefined when there are none (KIP-734). */
export const maxTimestampOf = (state: State, partitionIndex: number): bigint | undefined => {
  const { segments, tail, logStartOffset } = partitionOf(state, partitionIndex)
  let max: bigint | undefined
  for (const { maxTimestamp, baseOffset } of [...segments, ...tail]) {
    if (baseOffset >= logStartOffset && (max === undefined || maxTimestamp > max)) max = maxTimestamp
  }
  return max
}

export type EpochEnd = { readonly leaderEpoch: number; readonly endOffset: bigint }

/**
 * The end of the largest epoch that is not above the one asked for (KIP-320): where the next epoch starts, or the log's
 * end. Undefined when the epoch asked for is above the current one.
 */
export const endOfEpoch = (state: State, partitionIndex: number, leaderEpoch: number): EpochEnd | undefined => {
  const { epochs, endOffset } = partitionOf(state, partitionIndex)
  const current = state.leader?.epoch ?? 0
  if (leaderEpoch > current) return undefined
  if (leaderEpoch === current) return { leaderEpoch, endOffset }
  const next = epochs.findIndex(({ epoch }) => epoch > leaderEpoch)
  const before = next < 0 ? epochs.at(-1) : epochs[next - 1]
  return { leaderEpoch: before?.epoch ?? 0, endOffset: epochs[next]?.startOffset ?? endOffset }
}
