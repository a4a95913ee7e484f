import { deleteRows } from '../journal/checkpoint.ts'
import { deletedFloor, readCheckpointItem, replaceCheckpointItem } from '../journal/checkpoint-item.ts'
import { JournalGone } from '../journal/journal.ts'
import type { Logs } from '../journal/logs.ts'
import { type Deletion, shardsOf, type Topics } from '../journal/topics.ts'
import { documentsOf, stepDocument } from '../store/documents.ts'
import type { Items } from '../store/items.ts'
import { deletionKey, deletionsPartition, type Shard, shardPrefix, topicNameKey } from '../store/keys.ts'
import type { Objects } from '../store/objects.ts'
import { changeTimeoutMs } from './flush.ts'

/** A deletion that was announced but never decided is forgotten after this. */
const undecidedMs = 600_000
/** Uploads that were under way when a topic was deleted have come to rest after this. */
const lastPassAfterMs = 3_600_000

/** Finishes what deleting topics began: rows and objects go, twice, an hour apart. Returns how many topics are gone. */
export const finishDeletions = async (topics: Topics, logs: Logs, items: Items, objects: Objects): Promise<number> => {
  const deletions: Deletion[] = []
  for await (const [, deletion] of documentsOf<Deletion>(items, deletionsPartition)) deletions.push(deletion)
  let gone = 0
  for (const deletion of deletions) {
    const [first] = shardsOf(deletion)
    if (first === undefined) continue
    const { clock } = logs.lane(first).journal
    if (await topics.exists(deletion)) {
      if (clock.now() - deletion.sinceMs > undecidedMs) await items.delete(deletionKey(deletion.id))
      continue
    }
    const isLastPass = deletion.emptiedMs !== undefined && clock.now() - deletion.emptiedMs > lastPassAfterMs
    if (deletion.emptiedMs !== undefined && !isLastPass) continue
    for (const shard of shardsOf(deletion)) await empty(logs, items, objects, shard)
    if (isLastPass) {
      await items.delete(topicNameKey(deletion.id))
      await items.delete(deletionKey(deletion.id))
      gone += 1
    } else {
      const emptied = { ...deletion, emptiedMs: clock.now() }
      const untilMs = clock.now() + changeTimeoutMs
      await stepDocument<Deletion, void>(
        items,
        clock,
        deletionKey(deletion.id),
        (current) => ({ next: current && emptied, answer: undefined }),
        untilMs,
      )
    }
  }
  return gone
}

/** Ends a journal: the `end` row refuses every later append, the floor tells every view, then rows and objects go. */
const empty = async (logs: Logs, items: Items, objects: Objects, shard: Shard): Promise<void> => {
  const lane = logs.lane(shard)
  const { clock } = lane.journal
  try {
    await lane.change(() => ({ kind: 'end' }), clock.now() + changeTimeoutMs)
  } catch (error) {
    if (!(error instanceof JournalGone)) throw error
  }
  logs.forget(shard)
  const current = await readCheckpointItem(items, shard)
  if (current === undefined) return
  if (current.floor !== deletedFloor) {
    const next = { attempt: clock.randomId(), seq: current.seq, object: current.object, floor: deletedFloor }
    if (!(await replaceCheckpointItem(items, shard, current, next))) return
  }
  await deleteRows(lane.journal, deletedFloor)
  for (;;) {
    const page = await objects.list(shardPrefix(shard), '')
    if (page.length === 0) return
    for (const { key } of page) await objects.delete(key)
  }
}
