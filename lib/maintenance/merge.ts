import type { LogBytes } from '../journal/bytes.ts'
import type { Lane } from '../journal/lane.ts'
import { buildMerge, planMerge } from '../log/flush.ts'
import type { State } from '../log/state.ts'
import { objectKey, padSeq } from '../store/keys.ts'
import type { Objects } from '../store/objects.ts'
import { changeTimeoutMs } from './flush.ts'

/**
 * Replaces a run of small segments of each partition by one: an object, then a row. Tells how many runs were merged.
 * `minSegments`: how many make a run; a simulation needs few.
 */
export const mergeSegments = async (
  lane: Lane,
  objects: Objects,
  bytes: LogBytes,
  state: State,
  minSegments?: number,
): Promise<number> => {
  const { clock, shard } = lane.journal
  let merged = 0
  for (const partition of state.partitions.values()) {
    const run = planMerge(partition, minSegments)
    if (run === undefined) continue
    const segments = await Promise.all(
      run.map(async (segment) => ({
        segment,
        bytes: await bytes.wholeSegment(shard, segment),
        blocks: await bytes.indexOf(shard, segment),
      })),
    )
    const name = `seg/${padSeq(state.seq)}-${clock.randomId()}`
    const { parts, change } = buildMerge(partition.index, name, segments)
    await objects.putIfAbsent(objectKey(shard, name), parts)
    const answer = await lane.change(() => change, clock.now() + changeTimeoutMs)
    if (answer.outcome === 'changed') merged += 1
  }
  return merged
}
