import { checkpointSort, journalPartition, objectKey, padSeq, shardPrefix } from '../store/keys.ts'
import { ObjectNotFound } from '../store/objects.ts'
import { type CheckpointItem, deletedFloor, readCheckpointItem } from './checkpoint-item.ts'
import { type Journal, JournalDamaged, JournalGone } from './journal.ts'

/**
 * What one instance knows of a journal: the fold of its rows 1…state.seq.
 *
 * `sure` is the seq at which it was last confirmed, `at` the clock before the request that confirmed it, `tick` the
 * journal's count of confirming requests and arrivals at that moment, so that "confirmed after the request arrived"
 * needs no clock. Only a load, a consistent query read to its end and an own put answered `stored` confirm.
 */
export type View<State> = {
  readonly state: State
  readonly sure: number
  readonly at: number
  readonly tick: number
}

type Folded = { readonly seq: number }
type Written = { readonly id: string; readonly at: number }

/** Rows in one page of a query. */
const rowsPerPage = 1000
/** A checkpoint may be replaced and swept between reading its item and its object, but not so often in a row. */
const maxLoadAttempts = 20

/**
 * Whether the view was confirmed so recently that no row it lacks can have been truncated.
 * To be asked when an answer has arrived, never before sending: between a test and a send lies any freeze.
 */
export const isFresh = <S extends Folded, R extends Written>(journal: Journal<S, R>, view: View<S>): boolean => {
  const age = journal.clock.now() - view.at
  return age >= 0 && age <= journal.rules.freshMs
}

/** The view from the checkpoint and the rows after it. Throws `JournalGone` when the topic does not exist. */
export const load = async <S extends Folded, R extends Written>(
  journal: Journal<S, R>,
  tick: number,
): Promise<View<S>> => {
  for (let attempt = 0; attempt < maxLoadAttempts; attempt++) {
    const item = await readCheckpointItem(journal.items, journal.shard)
    if (item === undefined || item.floor === deletedFloor) throw new JournalGone('there is no such topic any more')
    const state = await readState(journal, item)
    if (state === undefined) continue
    // A checkpoint confirms nothing about the rows after it: some may stand in slots that were freed meanwhile.
    const unconfirmed = { state, sure: state.seq, at: Number.NEGATIVE_INFINITY, tick }
    const refreshed = await advance(journal, unconfirmed, tick)
    if (refreshed) return refreshed
  }
  throw new JournalDamaged(`the checkpoint of ${shardPrefix(journal.shard)} changes faster than it can be read`)
}

/** The state of a checkpoint; undefined when it was replaced and swept meanwhile. */
const readState = async <S extends Folded, R extends Written>(
  journal: Journal<S, R>,
  item: CheckpointItem,
): Promise<S | undefined> => {
  if (item.object === '') return journal.fold.empty
  try {
    const bytes = await journal.objects.read(objectKey(journal.shard, item.object))
    const state = journal.fold.decodeState(bytes, shardPrefix(journal.shard))
    if (state.seq !== item.seq) throw new JournalDamaged(`checkpoint ${item.object} has seq ${state.seq}`)
    return state
  } catch (error) {
    if (!(error instanceof ObjectNotFound)) throw error
    const now = await readCheckpointItem(journal.items, journal.shard)
    if (now?.object === item.object) throw new JournalDamaged(`checkpoint ${item.object} is missing`, { cause: error })
    return undefined
  }
}

/** Brings the view to the end of the journal, confirmed. */
export const refresh = async <S extends Folded, R extends Written>(
  journal: Journal<S, R>,
  view: View<S>,
  tick: number,
): Promise<View<S>> => (await advance(journal, view, tick)) ?? load(journal, tick)

/**
 * Applies the rows after the view up to the journal's end; undefined when the view can only be loaded again:
 * rows are missing, or they may have been truncated while the view was not looking.
 */
export const advance = async <S extends Folded, R extends Written>(
  journal: Journal<S, R>,
  view: View<S>,
  tick: number,
): Promise<View<S> | undefined> => {
  const at = journal.clock.now()
  const { state, isDense } = await applyRows(journal, view.state, true)
  if (!isDense) return undefined
  if (!isFresh(journal, view)) {
    // An empty or a dense result proves nothing below the floor, so the floor is read after the rows.
    const item = await readCheckpointItem(journal.items, journal.shard)
    if (item === undefined || item.floor > view.sure) return undefined
  }
  return { state, sure: state.seq, at, tick }
}

/** Applies what an eventually consistent query shows, up to the first gap. Confirms nothing. */
export const extend = async <S extends Folded, R extends Written>(
  journal: Journal<S, R>,
  view: View<S>,
): Promise<View<S>> => {
  const { state } = await applyRows(journal, view.state, false)
  // Rows may only be believed in a view that is fresh once they are here.
  return state !== view.state && isFresh(journal, view) ? { ...view, state } : view
}

const applyRows = async <S extends Folded, R extends Written>(
  journal: Journal<S, R>,
  from: S,
  consistent: boolean,
): Promise<{ readonly state: S; readonly isDense: boolean }> => {
  let state = from
  for (;;) {
    const page = await journal.items.query(journalPartition(journal.shard), {
      after: padSeq(state.seq),
      before: checkpointSort,
      limit: rowsPerPage,
      consistent,
    })
    for (const item of page.items) {
      if (item.sort !== padSeq(state.seq + 1)) return { state, isDense: false }
      state = journal.fold.apply(state, journal.fold.decodeRow(item.body))
    }
    if (page.end) return { state, isDense: true }
  }
}
