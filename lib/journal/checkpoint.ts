import type { Item } from '../store/items.ts'
import { checkpointSort, journalPartition, objectKey, padSeq, rowKey, shardPrefix } from '../store/keys.ts'
import { deletedFloor, readCheckpointItem, replaceCheckpointItem } from './checkpoint-item.ts'
import type { Journal } from './journal.ts'
import type { View } from './view.ts'

type Folded = { readonly seq: number }
type Written = { readonly id: string; readonly at: number }

/** At least this many rows between two checkpoints. */
const rowsPerCheckpoint = 256
/** A state of so many bytes deserves one more row between two checkpoints. */
const stateBytesPerRow = 1024

/** Others that replace the item at the same time; whoever gives up leaves the next checkpoint to them. */
const maxConflicts = 10

/** Rows after which a checkpoint of this many bytes is due again: encoding it must stay a small part of the work. */
export const checkpointInterval = (stateBytes: number): number =>
  Math.max(rowsPerCheckpoint, Math.ceil(stateBytes / stateBytesPerRow))

/**
 * Stores the state of a confirmed view as the journal's checkpoint: first the object, then the item that names it.
 * Returns the bytes of the state, or undefined when the journal has a newer checkpoint already.
 */
export const checkpoint = async <S extends Folded, R extends Written>(
  journal: Journal<S, R>,
  view: View<S>,
): Promise<number | undefined> => {
  const { items, objects, shard, clock, fold } = journal
  // A margin: any view is what its rows add up to, but what all others begin with rests on rows that were confirmed.
  if (view.sure !== view.state.seq) throw new Error('a checkpoint needs a confirmed view')
  const seq = view.state.seq
  let object: { readonly name: string; readonly sizeBytes: number } | undefined
  for (let conflict = 0; conflict < maxConflicts; conflict++) {
    const current = await readCheckpointItem(items, shard)
    if (current === undefined || current.seq >= seq || current.floor > seq) return undefined
    if (object === undefined) {
      const bytes = fold.encodeState(view.state, shardPrefix(shard))
      object = { name: `ckpt/${padSeq(seq)}-${clock.randomId()}`, sizeBytes: bytes.length }
      await objects.putIfAbsent(objectKey(shard, object.name), [bytes])
    }
    const next = { attempt: clock.randomId(), seq, object: object.name, floor: current.floor }
    if (await replaceCheckpointItem(items, shard, current, next)) return object.sizeBytes
  }
  return undefined
}

/** Rows that are looked at in one page, the last of which is mostly too young: a row may be 4 KiB large. */
const rowsPerLook = 100
/** Rows that are deleted in one page. */
const rowsPerPage = 1000
/** Deletes under way at once. */
const deletesAtOnce = 16

/**
 * Deletes the rows below the checkpoint that are older than any view can be trusted. First the floor is raised, then
 * rows go, lowest first, and with them those that late puts have left below an earlier floor. Returns how many went.
 */
export const truncate = async <S extends Folded, R extends Written>(journal: Journal<S, R>): Promise<number> => {
  const { items, shard, clock } = journal
  const current = await readCheckpointItem(items, shard)
  if (current === undefined || current.floor === deletedFloor) return 0
  const floor = await floorBelow(journal, current.floor, current.seq)
  if (floor > current.floor) {
    const next = { attempt: clock.randomId(), seq: current.seq, object: current.object, floor }
    if (!(await replaceCheckpointItem(items, shard, current, next))) return 0
  }
  return deleteRows(journal, floor)
}

/**
 * The highest row below the checkpoint whose successor is old enough. The successor's author knew all rows up to it
 * when it took `at`; a row's own `at` proves nothing, because its put may have been applied hours later.
 */
const floorBelow = async <S extends Folded, R extends Written>(
  journal: Journal<S, R>,
  floor: number,
  checkpointSeq: number,
): Promise<number> => {
  const { items, shard } = journal
  let highest = floor
  for (;;) {
    const page = await items.query(journalPartition(shard), {
      after: padSeq(highest + 1),
      before: checkpointSort,
      limit: rowsPerLook,
      consistent: true,
    })
    for (const item of page.items) {
      const successor = Number(item.sort)
      if (!isOld(journal, item) || successor - 1 > checkpointSeq) return highest
      highest = successor - 1
    }
    if (page.end) return highest
  }
}

const isOld = <S extends Folded, R extends Written>({ clock, fold, rules }: Journal<S, R>, row: Item): boolean =>
  clock.now() - fold.decodeRow(row.body).at > rules.truncateAfterMs

/** Whether there is this row, and it is so old that the ones before it may be truncated. */
export const isRowOld = async <S extends Folded, R extends Written>(
  journal: Journal<S, R>,
  seq: number,
): Promise<boolean> => {
  const row = await journal.items.get(rowKey(journal.shard, seq), { consistent: false })
  return row !== undefined && isOld(journal, row)
}

/** Deletes all rows up to `floor`, which the checkpoint item already tells everybody to distrust. */
export const deleteRows = async <S extends Folded, R extends Written>(
  journal: Journal<S, R>,
  floor: number,
): Promise<number> => {
  const { items, shard } = journal
  let deleted = 0
  for (;;) {
    const page = await items.query(journalPartition(shard), {
      after: '',
      before: floor === deletedFloor ? checkpointSort : padSeq(floor + 1),
      limit: rowsPerPage,
      consistent: true,
    })
    for (let i = 0; i < page.items.length; i += deletesAtOnce) {
      const rows = page.items.slice(i, i + deletesAtOnce)
      await Promise.all(rows.map((item) => items.delete(rowKey(shard, Number(item.sort)))))
    }
    deleted += page.items.length
    if (page.end) return deleted
  }
}
