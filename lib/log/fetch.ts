import { type Partition, partitionOf, type Segment, type State, type TailBatch } from './state.ts'

/** Bytes that answer a fetch, in offset order. */
export type Piece =
  | {
      readonly from: 'segment'
      readonly segment: Segment
      readonly epochs: Partition['epochs']
      /** The first offset wanted. */
      readonly offset: bigint
      readonly limitBytes: number
      /** One batch is wanted even when it is larger than the limit. */
      readonly atLeastOne: boolean
    }
  | {
      readonly from: 'tail'
      readonly batch: TailBatch
    }

export type FetchPlan =
  | { readonly outcome: 'out of range'; readonly logStartOffset: bigint; readonly highWatermark: bigint }
  | {
      readonly outcome: 'planned'
      readonly logStartOffset: bigint
      readonly highWatermark: bigint
      readonly pieces: readonly Piece[]
    }

export type FetchRange = {
  readonly offset: bigint
  /** Batches are planned until they reach this many bytes. */
  readonly maxBytes: number
  /** The first batch is planned even when it is larger (KIP-74). */
  readonly atLeastOne: boolean
}

/** Which bytes of which object or row answer a fetch; everything in the answer comes from this one state. */
export const planFetch = (state: State, partitionIndex: number, range: FetchRange): FetchPlan => {
  const { logStartOffset, endOffset, segments, tail, epochs } = partitionOf(state, partitionIndex)
  const ends = { logStartOffset, highWatermark: endOffset }
  if (range.offset < logStartOffset || range.offset > endOffset) return { outcome: 'out of range', ...ends }
  const pieces: Piece[] = []
  let left = range.maxBytes
  const mayTake = (sizeBytes: number) => sizeBytes <= left || (pieces.length === 0 && range.atLeastOne)
  for (let i = firstEndingAfter(segments, range.offset, endOfSegment); i < segments.length && left > 0; i++) {
    const segment = segments[i]
    if (segment === undefined) break
    const atLeastOne = pieces.length === 0 && range.atLeastOne
    pieces.push({ from: 'segment', segment, epochs, offset: range.offset, limitBytes: left, atLeastOne })
    // What comes before the offset is not read: a segment's size is an upper bound, the next fetch goes on.
    left -= segment.sizeBytes
  }
  for (let i = firstEndingAfter(tail, range.offset, endOfBatch); i < tail.length && left > 0; i++) {
    const batch = tail[i]
    if (batch === undefined || !mayTake(batch.sizeBytes)) break
    pieces.push({ from: 'tail', batch })
    left -= batch.sizeBytes
  }
  return { outcome: 'planned', ...ends, pieces }
}

const endOfSegment = (segment: Segment): bigint => segment.endOffset
const endOfBatch = (batch: TailBatch): bigint => batch.baseOffset + BigInt(batch.count)

const firstEndingAfter = <Element>(
  elements: readonly Element[],
  offset: bigint,
  endOf: (element: Element) => bigint,
): number => {
  let low = 0
  let high = elements.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const element = elements[middle]
    if (element !== undefined && endOf(element) <= offset) low = middle + 1
    else high = middle
  }
  return low
}
