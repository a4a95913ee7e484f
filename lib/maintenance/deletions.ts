import { deleteRows } from '../journal/checkpoint.ts'
import { deletedFloor, readCheckpointItem, replaceCheckpointItem } from '../journal/checkpoint-item.ts'
import type { Logs } from '../journal/logs.ts'
import { isOutage } from '../journal/outage.ts'
import { type Deletion, shardsOf, type Topics } from '../journal/topics.ts'
import { NewerFormat } from '../log/at-rest.ts'
import { documentsOf, stepDocument } from '../store/documents.ts'
import type { Items } from '../store/items.ts'
import { deletionKey, deletionsPartition, type Shard, shardPrefix, topicNameKey } from '../store/keys.ts'
import type { Objects } from '../store/objects.ts'
import { changeTimeoutMs } from './flush.ts'

/** Uploads that were under way when a topic was deleted have come to rest after this. */
const lastPassAfterMs = 3_600_000
/** Objects that are deleted at once: a large topic has hundreds of thousands, and each takes a round trip. */
const deletesAtOnce = 16

type Deleted = { readonly topics: number; readonly errors: number }

/**
 * Finishes what deleting topics began: rows and objects go, twice, an hour apart. What fails with one topic is told and
 * tried again with the next pass; it stops no other.
 */
export const finishDeletions = async (
  topics: Topics,
  logs: Logs,
  items: Items,
  objects: Objects,
  onError: (topic: string, error: unknown) => void,
): Promise<Deleted> => {
  const deletions: Deletion[] = []
  for await (const [, deletion] of documentsOf<Deletion>(items, deletionsPartition)) deletions.push(deletion)
  let gone = 0
  let errors = 0
  for (const deletion of deletions) {
    try {
      if (await finish(deletion, topics, logs, items, objects)) gone += 1
    } catch (error) {
      errors += 1
      onError(deletion.name, error)
    }
  }
  return { topics: gone, errors }
}

/** Tells whether nothing is left to do. */
const finish = async (
  deletion: Deletion,
  topics: Topics,
  logs: Logs,
  items: Items,
  objects: Objects,
): Promise<boolean> => {
  const [first] = shardsOf(deletion)
  if (first === undefined) return false
  const { clock } = logs.lane(first).journal
  // It was announced and not decided: whoever announced it may still be about to.
  if (await topics.exists(deletion)) return false
  const isLastPass = deletion.emptiedMs !== undefined && clock.now() - deletion.emptiedMs > lastPassAfterMs
  if (deletion.emptiedMs !== undefined && !isLastPass) return false
  for (const shard of shardsOf(deletion)) if (!(await empty(logs, items, objects, shard))) return false
  if (isLastPass) {
    await items.delete(topicNameKey(deletion.id))
    await items.delete(deletionKey(deletion.id))
    return true
  }
  const emptied = { ...deletion, emptiedMs: clock.now() }
  const untilMs = clock.now() + changeTimeoutMs
  await stepDocument<Deletion, void>(
    items,
    clock,
    deletionKey(deletion.id),
    (current) => ({ next: current && emptied, answer: undefined }),
    untilMs,
  )
  return false
}

/**
 * Ends a journal: the `end` row refuses every later append, the floor tells every view, then rows and objects go.
 * False when others were in the way: then it is to be done again.
 */
const empty = async (logs: Logs, items: Items, objects: Objects, shard: Shard): Promise<boolean> => {
  const lane = logs.lane(shard)
  const { clock } = lane.journal
  try {
    const ended = await lane.change(() => ({ kind: 'end' }), clock.now() + changeTimeoutMs)
    if (ended.outcome === 'unknown') return false
  } catch (error) {
    // A journal that is gone or cannot be read takes no row; what is left of it goes all the same.
    if (isOutage(error) || error instanceof NewerFormat) throw error
  }
  logs.forget(shard)
  const current = await readCheckpointItem(items, shard)
  if (current === undefined) return true
  if (current.floor !== deletedFloor) {
    const next = { attempt: clock.randomId(), seq: current.seq, object: current.object, floor: deletedFloor }
    if (!(await replaceCheckpointItem(items, shard, current, next))) return false
  }
  await deleteRows(lane.journal, deletedFloor)
  for (;;) {
    const page = await objects.list(shardPrefix(shard), '')
    if (page.length === 0) return true
    for (let i = 0; i < page.length; i += deletesAtOnce) {
      await Promise.all(page.slice(i, i + deletesAtOnce).map(({ key }) => objects.delete(key)))
    }
  }
}
