import type { LogBytes } from '../journal/bytes.ts'
import { JournalDamaged } from '../journal/journal.ts'
import type { Lane } from '../journal/lane.ts'
import { buildFlush, type FlushPlan, planFlush } from '../log/flush.ts'
import { isWhole } from '../log/slice.ts'
import type { TailBatch } from '../log/state.ts'
import { objectKey, padSeq } from '../store/keys.ts'
import type { Objects } from '../store/objects.ts'

/** A row that takes longer than this is given up; its objects are left to a sweep. */
export const changeTimeoutMs = 15_000
/** Objects that are read at once. */
const readsAtOnce = 8

/**
 * Moves the tail into segments: one object with the batches of all partitions, then one row. Whoever loses against
 * another flush leaves an orphan to the sweep. Tells whether the tail became shorter.
 */
export const flush = async (lane: Lane, objects: Objects, bytes: LogBytes): Promise<boolean> => {
  const { clock, shard } = lane.journal
  const { state } = await lane.confirmedView()
  const plan = planFlush(state)
  if (plan === undefined) return false
  const stored = await readBatches(lane, bytes, plan)
  const name = `seg/${padSeq(state.seq)}-${clock.randomId()}`
  const { parts, change } = buildFlush(plan, name, (batch) => {
    const found = stored.get(batch)
    if (found === undefined) throw new Error('every planned batch was read')
    return found
  })
  await objects.putIfAbsent(objectKey(shard, name), parts)
  const answer = await lane.change(() => change, clock.now() + changeTimeoutMs)
  return answer.outcome === 'changed'
}

const readBatches = async (lane: Lane, bytes: LogBytes, plan: FlushPlan): Promise<ReadonlyMap<TailBatch, Buffer>> => {
  const batches = plan.partitions.flatMap((partition) => partition.batches)
  const read = new Map<TailBatch, Buffer>()
  for (let i = 0; i < batches.length; i += readsAtOnce) {
    const some = batches.slice(i, i + readsAtOnce)
    for (const [j, found] of (await Promise.all(some.map((b) => bytes.ofBatch(lane.journal.shard, b)))).entries()) {
      const batch = some[j]
      if (batch === undefined || !isWhole(found)) {
        throw new JournalDamaged(`the batch at offset ${batch?.baseOffset} does not have the bytes that were sent`)
      }
      read.set(batch, found)
    }
  }
  return read
}
