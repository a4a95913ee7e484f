import { appends, checkpoints, looks } from './exhaustive-journal.ts'
import { a, b, c, d, ofObjects, upkeep, withClock, withoutClock } from './exhaustive-models.ts'
import { clockRemovals, forgetsItem, journalRemovals, missesCheckpoint, type Removal } from './exhaustive-mutants.ts'
import { flushes, laneLies, reads, sweeps } from './exhaustive-objects.ts'
import type { Model } from './exhaustive-search.ts'

/** A small world in which it goes wrong without one rule. `says` is what goes on instead. */
type Story = { readonly removes: string; readonly says: string; readonly model: Model; readonly removal: Removal }

const journal: Model = { ...withoutClock, processes: { A: [c], B: [a, b], U: upkeep } }
const pair: Model = { ...withoutClock, processes: { A: [c], B: [b], U: upkeep } }
const journalInTime: Model = { ...withClock, processes: { A: [c], B: [a, b], U: upkeep } }
const pairInTime: Model = { ...withClock, processes: { A: [c], B: [b], U: upkeep } }
const moving: Model = { ...withClock, processes: { A: [a], B: [looks, d] } }
const loading: Model = { ...withClock, processes: { A: [c], B: [b, looks], U: upkeep } }

const wal = (label: number, isAnyTicketValid = false) => appends({ label, isInline: false, isAnyTicketValid })
const blindFlush = flushes(laneLies['a flush does not look what is flushed already'])

const withoutRule = (
  removals: Readonly<Record<string, Removal>>,
  says: string,
  removes: string,
  model: Model,
): Story => ({
  removes,
  says,
  model,
  removal: removals[says] ?? {},
})

const unclocked = (says: string, removes: string, model = journal) => withoutRule(journalRemovals, says, removes, model)
const inTime = (says: string, removes: string, model = journalInTime) =>
  withoutRule(clockRemovals, says, removes, model)
const ofLanes = (says: string, removes: string, processes: Model['processes'], removal = {}): Story => ({
  removes,
  says,
  model: { ...ofObjects, processes },
  removal,
})

export const stories: Readonly<Record<string, Story>> = {
  modelNoFloorCheck: unclocked('the floor is not read after an own put', 'the floor is read after an own put'),
  modelNoFloorRead: unclocked(
    'the floor is not read after a refresh',
    'the floor is read after the rows of a view that was not fresh',
    pair,
  ),
  modelTakenUnconfirmed: unclocked(
    'a row taken by another is applied to a view that is not fresh',
    'a row taken by another is believed only in a fresh view',
    pair,
  ),
  decideAfterFreed: unclocked(
    'after a conflict in a truncated slot it is decided again',
    'a put that met a truncated slot is never decided again',
    pair,
  ),
  modelAlwaysFresh: unclocked('views are fresh for ever', 'a view is fresh for a while only'),
  modelTruncateNoFloor: unclocked(
    'rows are deleted without raising the floor',
    'the floor is raised before rows are deleted',
  ),
  truncateNoCheckpoint: unclocked('rows above the checkpoint are truncated', 'rows go only when a checkpoint has them'),
  modelUnknownIsStored: unclocked(
    'no answer counts as stored',
    'a put without an answer is repeated at the same place',
  ),
  modelMineIsTaken: unclocked(
    'an own row is taken for that of another',
    'a row that is taken may be an earlier try of mine',
  ),
  modelTakenIsMine: unclocked(
    'the row of another is taken for an own',
    'a row that is taken is mine only if its attempt is',
  ),
  ageBeforePut: inTime('freshness is asked before sending', 'freshness is asked when an answer has arrived'),
  ageFromOwnRow: inTime('a row is as old as it says itself', 'a row is as old as the one after it', pairInTime),
  loadUnconfirmed: inTime(
    'a checkpoint that is being loaded counts as a confirmed view',
    'only what was read to its end confirms a view',
    loading,
  ),
  modelTruncateAtOnce: inTime('rows are truncated at once', 'rows stay for longer than any view is fresh'),
  hastyRefusal: inTime(
    'a refusal is answered from any view',
    'a refusal is answered from a view confirmed after the request arrived',
    moving,
  ),
  floorNotCopied: {
    removes: 'a checkpoint copies the floor',
    says: 'a checkpoint does not copy the floor',
    model: { ...withoutClock, processes: { A: [c], B: [a, b], U: [...upkeep, checkpoints(forgetsItem)] } },
    removal: {},
  },
  modelNoTicket: ofLanes('rows may name objects of any ticket', 'a row names no object from before the last sweep', {
    A: [wal(0)],
    B: [wal(1, true)],
    S: [sweeps()],
  }),
  modelSweepStaleState: ofLanes(
    'a sweep goes by what it knew before its row',
    'a sweep goes by a state after its row',
    {
      A: [wal(0)],
      B: [wal(1)],
      S: [sweeps(laneLies['a sweep goes by what it knew before its row'])],
    },
  ),
  sweepNoFloorRow: ofLanes('a sweep writes no row', 'a sweep forbids older objects before it deletes them', {
    A: [wal(0), wal(1)],
    S: [sweeps(laneLies['a sweep writes no row'])],
  }),
  modelBlindFlush: ofLanes(
    'a flush does not look what is flushed already',
    'a flush is refused when its rows are flushed already',
    { A: [wal(0), wal(1)], F: [blindFlush], G: [blindFlush], R: [reads()] },
  ),
  modelSweepCheckpoint: ofLanes(
    'a sweep takes the newest checkpoint',
    'the object of the checkpoint is never swept',
    { A: [wal(0)], U: [checkpoints(), sweeps()] },
    missesCheckpoint,
  ),
}
