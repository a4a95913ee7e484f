import type { Flush, PartitionSegment, Rewrite } from './row.ts'
import { type Block, buildSegment, joinSegments } from './segment.ts'
import type { Partition, Segment, State, TailBatch } from './state.ts'

/** When a tail wants to be flushed; a writer that meets four times as much does it itself. */
const tailBytesToFlush = 8 * 1024 * 1024
const tailRowsToFlush = 500
const tailAgeToFlushMs = 60_000
const urgent = 4

/** Bytes of batches in one flush: it fits into a function's memory. */
const maxFlushBytes = 64 * 1024 * 1024

export type FlushPlan = {
  readonly from: number
  readonly upTo: number
  /** The batches of rows in (from, upTo], by partition, in order. */
  readonly partitions: readonly { readonly partition: number; readonly batches: readonly TailBatch[] }[]
}

/** Whether the tail is so long that whoever appends must flush it now. */
export const isFlushUrgent = (state: State): boolean =>
  state.tailBytes > urgent * tailBytesToFlush ||
  (state.tailBytes > 0 && state.seq - state.flushed > urgent * tailRowsToFlush)

/** Whether the tail is long or old enough to be flushed. */
export const isFlushDue = (state: State, nowMs: number): boolean =>
  state.tailBytes > tailBytesToFlush ||
  (state.tailBytes > 0 && (state.seq - state.flushed > tailRowsToFlush || nowMs - oldestAt(state) > tailAgeToFlushMs))

const oldestAt = (state: State): number => {
  let oldest = Number.POSITIVE_INFINITY
  for (const { tail } of state.partitions.values()) oldest = Math.min(oldest, tail[0]?.appendedAt ?? oldest)
  return oldest
}

/** The oldest rows of the tail, as many as fit; undefined when nothing is in the tail. */
export const planFlush = (state: State): FlushPlan | undefined => {
  const bytesOfRow = new Map<number, number>()
  for (const { tail } of state.partitions.values()) {
    for (const { seq, sizeBytes } of tail) bytesOfRow.set(seq, (bytesOfRow.get(seq) ?? 0) + sizeBytes)
  }
  let upTo = state.flushed
  let planned = 0
  for (const [seq, sizeBytes] of [...bytesOfRow].sort(([a], [b]) => a - b)) {
    if (planned > 0 && planned + sizeBytes > maxFlushBytes) break
    planned += sizeBytes
    upTo = seq
  }
  if (planned === 0) return undefined
  const partitions = [...state.partitions.values()]
    .map(({ index, tail }) => ({ partition: index, batches: tail.filter(({ seq }) => seq <= upTo) }))
    .filter(({ batches }) => batches.length > 0)
  return { from: state.flushed, upTo, partitions }
}

/** The object of a flush, and the change that says so. `bytes` has every planned batch as it was sent. */
export const buildFlush = (
  plan: FlushPlan,
  name: string,
  bytes: ReadonlyMap<TailBatch, Buffer>,
): { readonly parts: readonly Buffer[]; readonly change: Flush } => {
  const parts: Buffer[] = []
  const segments: PartitionSegment[] = []
  let position = 0
  for (const { partition, batches } of plan.partitions) {
    const built = buildSegment(
      batches,
      batches.map((batch) => bytes.get(batch)),
    )
    parts.push(...built.parts)
    segments.push({ partition, segment: { name, position, ...built.segment } })
    position += built.segment.sizeBytes + built.segment.indexBytes
  }
  return { parts, change: { kind: 'flush', from: plan.from, upTo: plan.upTo, segments } }
}

/** Segments that follow each other are merged when there are this many of about the same size. */
const segmentsToMerge = 8
/** Sizes below which segments count as equal, each eight times the one before. */
const mergeTiersBytes = [64 * 1024, 512 * 1024, 4 * 1024 * 1024]
/** A partition with more segments than these has larger ones, too. With fewer, retention is finer: it lets go of whole ones. */
const segmentsToKeepSmall = 64
/** Bytes of segments in one merge: it fits into a function's memory, and two urgent flushes of one partition into it. */
const maxMergeBytes = 72 * 1024 * 1024

/** The first run of segments worth merging into one, or undefined. */
export const planMerge = (partition: Partition, minSegments = segmentsToMerge): readonly Segment[] | undefined => {
  const { segments } = partition
  for (const tier of mergeTiersBytes) {
    let run: Segment[] = []
    for (const segment of segments) {
      run = segment.sizeBytes <= tier ? [...run, segment] : []
      if (run.length === minSegments) return run
    }
  }
  return segments.length > segmentsToKeepSmall ? fullRun(segments) : undefined
}

/**
 * The first run that fills a merge. What comes of it is larger than half of `maxMergeBytes`, as the next segment does not
 * fit, and is left alone from then on.
 */
const fullRun = (segments: readonly Segment[]): readonly Segment[] | undefined => {
  let run: Segment[] = []
  let bytes = 0
  for (const segment of segments) {
    if (segment.sizeBytes > maxMergeBytes / 2) {
      run = []
      bytes = 0
      continue
    }
    bytes += segment.sizeBytes
    if (bytes > maxMergeBytes) return run
    run.push(segment)
  }
  return undefined
}

/** The object of a merge, and the change that says so. */
export const buildMerge = (
  partition: number,
  name: string,
  segments: readonly { readonly segment: Segment; readonly bytes: Buffer; readonly blocks: readonly Block[] }[],
): { readonly parts: readonly Buffer[]; readonly change: Rewrite } => {
  const joined = joinSegments(segments)
  const removed = segments.map(({ segment }) => ({ name: segment.name, position: segment.position }))
  const added = [{ name, position: 0, ...joined.segment }]
  return { parts: joined.parts, change: { kind: 'rewrite', partition, removed, added } }
}
