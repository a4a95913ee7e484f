import type { LogBytes } from '../journal/bytes.ts'
import { JournalDamaged } from '../journal/journal.ts'
import type { Lane } from '../journal/lane.ts'
import { buildFlush, planFlush } from '../log/flush.ts'
import { isBatch } from '../log/slice.ts'
import type { TailBatch } from '../log/state.ts'
import { objectKey, padSeq } from '../store/keys.ts'
import type { Objects } from '../store/objects.ts'

/** A row that takes longer than this is given up; its objects are left to a sweep. */
export const changeTimeoutMs = 15_000

/**
 * Moves the tail into segments: one object with the batches of all partitions, then one row. Whoever loses against
 * another flush leaves an orphan to the sweep. Tells whether the tail became shorter.
 */
export const flush = async (lane: Lane, objects: Objects, bytes: LogBytes): Promise<boolean> => {
  const { clock, shard } = lane.journal
  const { state } = await lane.confirmedView()
  const plan = planFlush(state)
  if (plan === undefined) return false
  const batches = plan.partitions.flatMap((partition) => partition.batches)
  const sent = await bytes.ofTail(shard, batches)
  const byBatch = new Map<TailBatch, Buffer>()
  for (const [i, batch] of batches.entries()) {
    const found = sent[i]
    if (found === undefined || !isBatch(batch, found)) {
      throw new JournalDamaged(`the batch at offset ${batch.baseOffset} is not where its row says`)
    }
    byBatch.set(batch, found)
  }
  const name = `seg/${padSeq(state.seq)}-${clock.randomId()}`
  const { parts, change } = buildFlush(plan, name, byBatch)
  await objects.putIfAbsent(objectKey(shard, name), parts)
  const answer = await lane.change(() => change, clock.now() + changeTimeoutMs)
  return answer.outcome === 'changed'
}
