import { readCheckpointItem } from '../journal/checkpoint-item.ts'
import type { Lane } from '../journal/lane.ts'
import { objectsOf, ticketOf } from '../log/state.ts'
import { objectKey } from '../store/keys.ts'
import type { Objects } from '../store/objects.ts'
import { changeTimeoutMs } from './flush.ts'

/** Deletes under way at once. */
const deletesAtOnce = 16

/**
 * Deletes the objects that nothing names any more, without a clock: a row forbids new rows to
 * name objects with a ticket below `to`, then the state says which of those are named, then the others go.
 * Returns how many went, undefined when it is not known whether the row is there: none did.
 */
export const sweep = async (lane: Lane, objects: Objects, to: number): Promise<number | undefined> => {
  const { clock } = lane.journal
  const answer = await lane.change((state) => {
    if (state.tickets >= to) return { refused: 'another sweep was here' }
    return { kind: 'tickets', to }
  }, clock.now() + changeTimeoutMs)
  if (answer.outcome === 'unknown') return undefined
  // Also after a refusal: whoever wrote the row may not have lived to delete. The state must be one after the row.
  const { state } = await lane.confirmedView()
  const named = objectsOf(state)
  const isOrphan = (name: string) => ticketOf(name) < state.tickets && !named.has(name)
  const wal = await deleteListed(lane, objects, 'wal/', isOrphan, state.tickets)
  const segments = await deleteListed(lane, objects, 'seg/', isOrphan, state.tickets)
  return wal + segments + (await sweepCheckpoints(lane, objects))
}

/** Deletes the checkpoints before the present one, at any time. Returns how many went. */
export const sweepCheckpoints = async (lane: Lane, objects: Objects): Promise<number> => {
  const { items, shard } = lane.journal
  const current = await readCheckpointItem(items, shard)
  if (current === undefined) return 0
  const isReplaced = (name: string) => ticketOf(name) < current.seq && name !== current.object
  return deleteListed(lane, objects, 'ckpt/', isReplaced, current.seq)
}

/** Goes through a folder in the order of its tickets, up to the first that is not below `to`. */
const deleteListed = async (
  lane: Lane,
  objects: Objects,
  folder: string,
  isOrphan: (name: string) => boolean,
  to: number,
): Promise<number> => {
  const { shard } = lane.journal
  const prefix = objectKey(shard, '')
  let after = ''
  let deleted = 0
  for (;;) {
    const page = await objects.list(prefix + folder, after)
    const names = page.map(({ key }) => key.slice(prefix.length))
    const orphans = names.filter(isOrphan)
    for (let i = 0; i < orphans.length; i += deletesAtOnce) {
      const some = orphans.slice(i, i + deletesAtOnce)
      await Promise.all(some.map((name) => objects.delete(objectKey(shard, name))))
    }
    deleted += orphans.length
    const last = names.at(-1)
    if (last === undefined || ticketOf(last) >= to) return deleted
    after = objectKey(shard, last)
  }
}
