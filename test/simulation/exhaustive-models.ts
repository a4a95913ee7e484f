import { appends, checkpoints, clockless, looks, ticking, truncates } from './exhaustive-journal.ts'
import { flushes, merges, reads, sweeps, untruncated } from './exhaustive-objects.ts'
import type { Model } from './exhaustive-search.ts'

/** One idempotent producer sends `a`, then `d`, through anybody, perhaps twice; `b` and `c` are sent once. */
export const a = appends({ label: 0, sequence: 0 })
export const b = appends({ label: 1 })
export const c = appends({ label: 2 })
export const d = appends({ label: 3, sequence: 1, needs: [0] })
export const upkeep = [checkpoints(), truncates]

export const withoutClock = { rules: clockless, maxTime: 0, objectsStay: true }
export const withClock = { rules: ticking, maxTime: 1, objectsStay: true }
export const ofObjects = { rules: untruncated, maxTime: 0, objectsStay: false }

const wal = (label: number) => appends({ label, isInline: false })

/** Small worlds of the journal; each is searched whole. */
export const journalModels: Readonly<Record<string, Model>> = {
  'a batch sent through two, another, and truncation': {
    ...withoutClock,
    processes: { A: [a], B: [a, b], U: upkeep },
  },
  'two batches, truncation, and time': { ...withClock, processes: { A: [c], B: [b], U: upkeep } },
  'a producer that moves to a machine with an old view': {
    ...withClock,
    processes: { A: [a], B: [looks, d] },
  },
}

/** Small worlds in which objects are deleted. */
export const objectModels: Readonly<Record<string, Model>> = {
  'append, two flushes, sweep, read': {
    ...ofObjects,
    processes: { A: [wal(0)], F: [flushes(), sweeps()], G: [flushes()], R: [reads()] },
  },
  'two appends, flush, flush, merge, sweep': {
    ...ofObjects,
    processes: { A: [wal(0), flushes(), wal(1)], F: [flushes(), merges(), sweeps()] },
  },
  'append, checkpoint, sweep, read': {
    ...ofObjects,
    processes: { A: [wal(0)], U: [checkpoints(), sweeps()], R: [reads()] },
  },
  'two appends, two sweeps': { ...ofObjects, processes: { A: [wal(0)], B: [wal(1)], S: [sweeps()] } },
}

/** These have more states than fit into the memory of one process. */
export const largeJournalModels: Readonly<Record<string, Model>> = {
  'an idempotent and a plain batch through each of two, and truncation': {
    ...withoutClock,
    processes: { A: [a, c], B: [a, b], U: upkeep },
  },
  'two batches, truncation, time, and somebody who loads': {
    ...withClock,
    processes: { A: [c], B: [b, looks], U: upkeep },
  },
  'a batch sent through two, another, truncation, and time': {
    ...withClock,
    processes: { A: [a], B: [a, b], U: upkeep },
  },
  'two who checkpoint and truncate at once': {
    ...withoutClock,
    processes: { A: [a, b], U: upkeep, V: upkeep },
  },
}

export const largeObjectModels: Readonly<Record<string, Model>> = {
  'two appends, flush, sweep, read': {
    ...ofObjects,
    processes: { A: [wal(0)], B: [wal(1)], F: [flushes(), sweeps()], R: [reads()] },
  },
}
