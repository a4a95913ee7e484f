import type { Segment } from './state.ts'

/**
 * A row of a shard's journal: the only thing that changes its state. Immutable once stored.
 * `id` is random per attempt, `<instance>-<random>`; `at` is its author's clock in ms, for ages only, never for order.
 */
export type Row = { readonly id: string; readonly at: number } & Change

export type Change = Append | Flush | Rewrite | Trim | Lead | Tickets | Expire | End

/** Batches take the next offsets of their partitions, in this order. */
export type Append = {
  readonly kind: 'append'
  readonly bytes: AppendedBytes
  /** Set when the author appends as the shard's leader. */
  readonly leaderEpoch: number | undefined
  readonly batches: readonly AppendedBatch[]
}

export type AppendedBytes =
  | { readonly in: 'object'; readonly name: string }
  | { readonly in: 'row'; readonly bytes: Buffer }

export type AppendedBatch = {
  readonly partition: number
  /** Of its first byte in the object or in the inline bytes. */
  readonly position: number
  readonly sizeBytes: number
  readonly count: number
  readonly maxTimestamp: bigint
  /** −1n: not idempotent, and the next two mean nothing. */
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
}

/** The batches of rows in (from, upTo] now live in these segments. */
export type Flush = {
  readonly kind: 'flush'
  readonly from: number
  readonly upTo: number
  readonly segments: readonly PartitionSegment[]
}

export type PartitionSegment = { readonly partition: number; readonly segment: Segment }

/** Segments are replaced by others with the same offsets: merging. `removed` names them by object and position. */
export type Rewrite = {
  readonly kind: 'rewrite'
  readonly partition: number
  readonly removed: readonly { readonly name: string; readonly position: number }[]
  readonly added: readonly Segment[]
}

/** Records below `logStartOffset` are gone. */
export type Trim = { readonly kind: 'trim'; readonly partition: number; readonly logStartOffset: bigint }

/** A node leads the shard from here on. */
type Lead = { readonly kind: 'lead'; readonly node: number; readonly epoch: number }

/** Objects with a ticket below `to` may no longer be named by new rows: a sweep may delete those that are not named. */
type Tickets = { readonly kind: 'tickets'; readonly to: number }

/** Idle producers are forgotten; each with the row of its last batch, so that a later batch saves it. */
export type Expire = {
  readonly kind: 'expire'
  readonly partition: number
  readonly producers: readonly { readonly producerId: bigint; readonly seq: number }[]
}

/** The topic is deleted: nothing follows. */
type End = { readonly kind: 'end' }
