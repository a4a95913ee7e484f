/**
 * The state of a shard: what its journal's rows 1…seq add up to. Immutable; only `apply.ts` makes a new one.
 *
 *   [logStartOffset … endOffset) of a partition = segments (flushed) then tail (not yet), without gap or overlap.
 */
import type { Producers } from './producers.ts'

/** Where a batch's bytes are as long as it has not been flushed. */
export type TailBatch = {
  /** The row that appended it. */
  readonly seq: number
  /** That row's `at`, in ms: how old the batch is. */
  readonly appendedAt: number
  readonly baseOffset: bigint
  /** Offsets it takes, also its number of records. */
  readonly count: number
  readonly sizeBytes: number
  readonly maxTimestamp: bigint
  readonly leaderEpoch: number
  readonly source: TailSource
}

type TailSource =
  | { readonly in: 'object'; readonly name: string; readonly position: number }
  | { readonly in: 'row'; readonly bytes: Buffer }

/** Whole batches of one partition inside one object, in order, with their true offsets; an index stands behind them. */
export type Segment = {
  readonly name: string
  readonly position: number
  readonly sizeBytes: number
  readonly indexBytes: number
  readonly baseOffset: bigint
  /** One past the last offset. */
  readonly endOffset: bigint
  readonly maxTimestamp: bigint
}

/** The first offset that was appended under a leader epoch. */
type EpochStart = { readonly epoch: number; readonly startOffset: bigint }

export type Partition = {
  readonly index: number
  readonly logStartOffset: bigint
  readonly endOffset: bigint
  readonly segments: readonly Segment[]
  readonly tail: readonly TailBatch[]
  readonly producers: Producers
  readonly epochs: readonly EpochStart[]
}

export type State = {
  /** The last row that is in it. */
  readonly seq: number
  readonly partitions: ReadonlyMap<number, Partition>
  /** Batches of rows up to this one are in segments. */
  readonly flushed: number
  /** Objects with a lower ticket may not be named by new rows. */
  readonly tickets: number
  readonly leader: { readonly node: number; readonly epoch: number } | undefined
  /** The topic is being deleted: nothing is appended any more. */
  readonly ended: boolean
  /** Bytes of all batches in tails. */
  readonly tailBytes: number
}

export const emptyState: State = {
  seq: 0,
  partitions: new Map(),
  flushed: 0,
  tickets: 0,
  leader: undefined,
  ended: false,
  tailBytes: 0,
}

/** The partition, empty when nothing was ever appended to it. */
export const partitionOf = (state: State, index: number): Partition =>
  state.partitions.get(index) ?? {
    index,
    logStartOffset: 0n,
    endOffset: 0n,
    segments: [],
    tail: [],
    producers: [],
    epochs: [],
  }

/** The epoch that batches appended now would carry; 0 before the first `lead` row. */
export const leaderEpochOf = (state: State): number => state.leader?.epoch ?? 0

/** Every object the state names. */
export const objectsOf = (state: State): ReadonlySet<string> => {
  const names = new Set<string>()
  for (const partition of state.partitions.values()) {
    for (const segment of partition.segments) names.add(segment.name)
    for (const batch of partition.tail) if (batch.source.in === 'object') names.add(batch.source.name)
  }
  return names
}

/** `wal/000000000012-k3J…` has ticket 12: the seq its writer knew before it uploaded. */
export const ticketOf = (name: string): number => Number(name.slice(name.indexOf('/') + 1, name.indexOf('-')))
