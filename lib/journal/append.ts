import { objectKey, padSeq, rowKey } from '../store/keys.ts'
import { readCheckpointItem } from './checkpoint-item.ts'
import type { Journal } from './journal.ts'
import { pauses, untilAnswered } from './retry.ts'
import { advance, isFresh, refresh, type View } from './view.ts'

type Folded = { readonly seq: number }
type Written = { readonly id: string; readonly at: number }

/** What a pure decision wants of the journal, given a state. */
export type Decision<Row, Answer> = {
  /** Something is refused or otherwise rests on the absence of a fact: it must be true of a confirmed view. */
  readonly refuses: boolean
  readonly answer: Answer
  /** The row to append; undefined when the answer needs none. */
  readonly row: RowDraft<Row> | undefined
}

type RowDraft<Row> = {
  /** Bytes that stand in an object of their own and are uploaded before the row; undefined when there are none. */
  readonly upload: Upload | undefined
  readonly build: (facts: { readonly id: string; readonly at: number; readonly objectName: string }) => Row
}

type Upload = {
  /** The folder of the object: `wal`, `seg`. */
  readonly folder: string
  readonly parts: readonly Buffer[]
  /** Whether an object with this name may still be named by a row of this state. */
  readonly isValid: (name: string) => boolean
}

export type Appended<State, Answer> =
  | { readonly outcome: 'answered'; readonly answer: Answer; readonly view: View<State> }
  /** Time is up, or the slot was a truncated one: the row may or may not be in the journal. Never a failure. */
  | { readonly outcome: 'unknown'; readonly view: View<State> | undefined }

export type Attempt<State, Row, Answer> = {
  readonly decide: (state: State) => Decision<Row, Answer>
  /** The journal's tick when the request arrived. */
  readonly arrivedTick: number
  /** The journal's next tick, for a request that confirms. */
  readonly nextTick: () => number
  /** No put is started after this time. */
  readonly untilMs: number
  /** Asked before a put that follows a conflict: gives way to other writers. Tells whether it waited. */
  readonly giveWay: (afterConflict: boolean) => Promise<boolean>
  /** Told of every row that comes into the view, with its author's id. */
  readonly onRow: (id: string) => void
  /** Told how long a put took to be answered. */
  readonly onPut: (ms: number) => void
}

/**
 * Carries a decision into the journal. Whenever somebody was first, it decides again: nothing
 * that was decided before a conflict survives it.
 */
export const append = async <S extends Folded, R extends Written, A>(
  journal: Journal<S, R>,
  start: View<S>,
  attempt: Attempt<S, R, A>,
): Promise<Appended<S, A>> => {
  const { clock } = journal
  let view = start
  let objectName = ''
  let afterConflict = false
  const refreshed = () => untilAnswered(clock, attempt.untilMs, () => refresh(journal, view, attempt.nextTick()))
  for (;;) {
    if (clock.now() > attempt.untilMs) return { outcome: 'unknown', view }
    if (!isFresh(journal, view) || (await attempt.giveWay(afterConflict))) view = await refreshed()
    const decision = attempt.decide(view.state)
    if (decision.refuses && view.tick <= attempt.arrivedTick) {
      view = await refreshed()
      continue
    }
    if (decision.row === undefined) return { outcome: 'answered', answer: decision.answer, view }
    const { upload, build } = decision.row
    if (upload && (objectName === '' || !upload.isValid(objectName))) {
      objectName = `${upload.folder}/${padSeq(view.state.seq)}-${clock.randomId()}`
      const key = objectKey(journal.shard, objectName)
      await untilAnswered(clock, attempt.untilMs, () => journal.objects.putIfAbsent(key, upload.parts))
    }
    const row = build({ id: `${journal.instance}-${clock.randomId()}`, at: clock.now(), objectName })
    const put = await putRow(journal, view, row, attempt)
    switch (put.outcome) {
      case 'mine':
        attempt.onRow(row.id)
        return { outcome: 'answered', answer: decision.answer, view: put.view }
      case 'other':
        view = put.view
        afterConflict = true
        break
      case 'unknown':
        return { outcome: 'unknown', view: put.view }
    }
  }
}

type Put<State> =
  | { readonly outcome: 'mine'; readonly view: View<State> }
  | { readonly outcome: 'other'; readonly view: View<State> }
  | { readonly outcome: 'unknown'; readonly view: View<State> | undefined }

/** Puts the row at the end of the view, again and again at the same place until it is known what is there. */
const putRow = async <S extends Folded, R extends Written, A>(
  journal: Journal<S, R>,
  view: View<S>,
  row: R,
  attempt: Attempt<S, R, A>,
): Promise<Put<S>> => {
  const { clock, fold } = journal
  const key = rowKey(journal.shard, view.state.seq + 1)
  const item = { attempt: row.id, body: fold.encodeRow(row) }
  let isSent = false
  for (const pauseMs of pauses(clock)) {
    const at = clock.now()
    const tick = attempt.nextTick()
    const put = await journal.items.putIfAbsent(key, item).catch((cause: unknown) => {
      // A definite error of a later try says nothing about an earlier one.
      if (isSent) return { outcome: 'unknown', cause } as const
      throw cause
    })
    isSent = true
    if (put.outcome === 'unknown') {
      if (clock.now() + pauseMs > attempt.untilMs) break
      await clock.sleep(pauseMs)
      continue
    }
    attempt.onPut(clock.now() - at)
    const fresh = isFresh(journal, view)
    if (put.outcome === 'taken' && put.by.attempt !== row.id) {
      // Somebody was first. A row is only believed in a fresh view: an old one may have been told of a freed slot.
      if (!fresh) {
        const caughtUp = await advance(journal, view, attempt.nextTick())
        // It was: then an earlier copy of this put may have been the true row, and deciding again would append twice.
        return caughtUp ? { outcome: 'other', view: caughtUp } : { outcome: 'unknown', view: undefined }
      }
      const other = fold.decodeRow(put.by.body)
      attempt.onRow(other.id)
      return { outcome: 'other', view: { ...view, state: fold.apply(view.state, other) } }
    }
    if (!fresh) {
      const checkpoint = await readCheckpointItem(journal.items, journal.shard)
      // The slot was freed by a truncation: whether an earlier copy of this put was the true row cannot be known.
      if (checkpoint === undefined || checkpoint.floor > view.sure) return { outcome: 'unknown', view: undefined }
    }
    const state = fold.apply(view.state, row)
    const confirmed = put.outcome === 'stored' ? { sure: state.seq, at, tick } : {}
    return { outcome: 'mine', view: { ...view, ...confirmed, state } }
  }
  return { outcome: 'unknown', view }
}
