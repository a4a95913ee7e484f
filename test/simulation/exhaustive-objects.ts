import { LogBytes } from '../../lib/journal/bytes.ts'
import type { Rules } from '../../lib/journal/journal.ts'
import { Lane } from '../../lib/journal/lane.ts'
import { fetchRecords } from '../../lib/journal/read.ts'
import type { State } from '../../lib/log/state.ts'
import { flush } from '../../lib/maintenance/flush.ts'
import { mergeSegments } from '../../lib/maintenance/merge.ts'
import { sweep } from '../../lib/maintenance/sweep.ts'
import { ObjectNotFound } from '../../lib/store/objects.ts'
import { recordsOf } from '../support/batches.ts'
import type { Task } from './exhaustive-process.ts'
import { type Ended, journalOf, type Machine } from './exhaustive-replay.ts'
import { blindFlush, over } from './lies.ts'

/** No row is ever deleted here, so every view may be believed: what is searched is the life of objects. */
export const untruncated: Rules = { freshMs: Number.POSITIVE_INFINITY, truncateAfterMs: Number.POSITIVE_INFINITY }

/** What a mutant puts in front of a maintenance job's lane. */
export type LaneLie = (lane: Lane) => Lane

const laneOf = (machine: Machine): Lane =>
  new Lane(journalOf(machine), {
    lingerMs: 0,
    inlineBytes: 0,
    relieve: async () => undefined,
    onView: () => undefined,
  })

/** What a job reads may be replaced and swept meanwhile: then it fails, and the next pass does it. */
const unlessGone = async (work: () => Promise<unknown>): Promise<Ended> => {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof ObjectNotFound)) throw error
  }
  return { view: undefined, told: [] }
}

export const flushes = (lie: LaneLie = (lane) => lane): Task => ({
  says: 'flush',
  needs: [],
  work: (machine) => unlessGone(() => flush(lie(laneOf(machine)), machine.objects, new LogBytes(machine.objects))),
})

/** Merges any two segments that follow each other. */
export const merges = (): Task => ({
  says: 'merge',
  needs: [],
  work: (machine) =>
    unlessGone(async () => {
      const lane = laneOf(machine)
      const { state } = await lane.confirmedView()
      await mergeSegments(lane, machine.objects, new LogBytes(machine.objects), state, 2)
    }),
})

/** Sweeps up to the newest ticket there can be: nobody is given time to finish an upload. */
export const sweeps = (lie: LaneLie = (lane) => lane): Task => ({
  says: 'sweep',
  needs: [],
  work: async (machine) => {
    const lane = lie(laneOf(machine))
    const { state } = await lane.confirmedView()
    await sweep(lane, machine.objects, state.seq)
    return { view: undefined, told: [] }
  },
})

/** Reads the whole log. */
export const reads = (): Task => ({
  says: 'read',
  needs: [],
  work: async (machine) => {
    const lane = laneOf(machine)
    const range = { offset: 0n, maxBytes: 1_000_000, atLeastOne: true }
    const fetched = await fetchRecords(lane, new LogBytes(machine.objects), 0, range)
    const records = fetched.outcome === 'fetched' ? recordsOf(Buffer.concat(fetched.records)) : []
    const isInPlace = records.every(({ offset }, i) => offset === BigInt(i))
    if (!isInPlace) return { view: undefined, told: [{ told: 'broken', message: 'records are not at their offsets' }] }
    return { view: undefined, told: [{ told: 'read', labels: records.map(({ timestamp }) => Number(timestamp)) }] }
  },
})

/** Removed rules of flush, merge and sweep, as other lanes for the jobs. */
export const laneLies = {
  'a sweep goes by what it knew before its row': (lane) => {
    let before: State | undefined
    return over(lane, {
      confirmedView: async () => {
        const view = await lane.confirmedView()
        before ??= view.state
        return { ...view, state: { ...before, tickets: view.state.tickets } }
      },
    })
  },
  'a sweep writes no row': (lane) => {
    let tickets = 0
    return over(lane, {
      change: async (plan) => {
        const { state } = await lane.confirmedView()
        const change = plan(state)
        if ('kind' in change && change.kind === 'tickets') tickets = change.to
        return { outcome: 'changed', state }
      },
      confirmedView: async () => {
        const view = await lane.confirmedView()
        return { ...view, state: { ...view.state, tickets } }
      },
    })
  },
  'a flush does not look what is flushed already': blindFlush,
} satisfies Readonly<Record<string, LaneLie>>
