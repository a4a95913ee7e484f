import type { LogBytes } from '../journal/bytes.ts'
import type { Lane } from '../journal/lane.ts'
import { buildMerge, planMerge } from '../log/flush.ts'
import type { Segment, State } from '../log/state.ts'
import { objectKey, padSeq } from '../store/keys.ts'
import type { Objects } from '../store/objects.ts'
import { changeTimeoutMs } from './flush.ts'

/** Merges of one shard in one pass; more are left to the next. */
const maxMergesPerPass = 256

/**
 * Merges until no partition has a run of segments that is worth it, until time is up, or until somebody else merges.
 * Tells how many runs were merged. What comes of one merge may be part of the next.
 */
export const mergeAll = async (lane: Lane, objects: Objects, bytes: LogBytes, untilMs: number): Promise<number> => {
  const { clock } = lane.journal
  for (let merged = 0; ; ) {
    const state = await lane.state('known')
    const before = merged
    for (const [index, run] of runsOf(state)) {
      if (merged === maxMergesPerPass || clock.now() >= untilMs) return merged
      if (!(await mergeRun(lane, objects, bytes, state, index, run))) return merged
      merged += 1
    }
    if (merged === before) return merged
  }
}

/**
 * Merges one run of each partition. Tells how many were merged.
 * `minSegments`: how many make a run; a simulation needs few.
 */
export const mergeSegments = async (
  lane: Lane,
  objects: Objects,
  bytes: LogBytes,
  state: State,
  minSegments?: number,
): Promise<number> => {
  let merged = 0
  for (const [index, run] of runsOf(state, minSegments)) {
    if (await mergeRun(lane, objects, bytes, state, index, run)) merged += 1
  }
  return merged
}

/** The runs to merge, at most one of each partition, with the partition's index. */
const runsOf = (state: State, minSegments?: number): readonly (readonly [number, readonly Segment[]])[] =>
  [...state.partitions.values()].flatMap((partition) => {
    const run = planMerge(partition, minSegments)
    return run === undefined ? [] : [[partition.index, run] as const]
  })

/** Replaces a run of segments by one: an object, then a row. Tells whether they were all still there. */
const mergeRun = async (
  lane: Lane,
  objects: Objects,
  bytes: LogBytes,
  state: State,
  partition: number,
  run: readonly Segment[],
): Promise<boolean> => {
  const { clock, shard } = lane.journal
  const segments = await Promise.all(
    run.map(async (segment) => ({
      segment,
      bytes: await bytes.wholeSegment(shard, segment),
      blocks: await bytes.indexOf(shard, segment),
    })),
  )
  const name = `seg/${padSeq(state.seq)}-${clock.randomId()}`
  const { parts, change } = buildMerge(partition, name, segments)
  await objects.putIfAbsent(objectKey(shard, name), parts)
  const answer = await lane.change(() => change, clock.now() + changeTimeoutMs)
  return answer.outcome === 'changed'
}
