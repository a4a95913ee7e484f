import { append } from '../../lib/journal/append.ts'
import { checkpoint, truncate } from '../../lib/journal/checkpoint.ts'
import type { Rules } from '../../lib/journal/journal.ts'
import { load, type View } from '../../lib/journal/view.ts'
import { appendOf, batchFrom, decideAppend, isTicketValid, placeBatches } from '../../lib/log/append.ts'
import type { State } from '../../lib/log/state.ts'
import { batch } from '../support/batches.ts'
import { saysLabel } from './exhaustive-contents.ts'
import type { Task } from './exhaustive-process.ts'
import { journalOf, type Machine, type Told } from './exhaustive-replay.ts'

/** No view is ever fresh, rows go as soon as a checkpoint has them: the protocol without a clock. */
export const clockless: Rules = { freshMs: -1, truncateAfterMs: Number.NEGATIVE_INFINITY }
/** A view is fresh until time passes; rows go when time has passed since their successors were built. */
export const ticking: Rules = { freshMs: 0, truncateAfterMs: 0 }

type Sent = {
  /** Says which batch it is wherever it turns up. */
  readonly label: number
  /** Of the one idempotent producer; undefined: a plain batch, sent once. */
  readonly sequence?: number
  readonly isInline?: boolean
  readonly needs?: readonly number[]
  /** A removed rule: the row may name an object that a sweep has passed. */
  readonly isAnyTicketValid?: boolean
}

/** Appends a batch from the view there is. */
export const appends = ({ label, sequence, isInline = true, needs = [], isAnyTicketValid = false }: Sent): Task => {
  const idempotence = sequence === undefined ? {} : { producerId: 7n, producerEpoch: 0, baseSequence: sequence }
  const bytes = batch({ value: saysLabel(label), timestamp: BigInt(label), ...idempotence })
  const requests = placeBatches([{ batches: [batchFrom(0, bytes)], leaderEpoch: undefined }])
  const decide = (state: State) => {
    const decision = decideAppend(state, requests)
    const { refuses, verdicts, accepted } = decision
    if (accepted.length === 0) return { refuses, answer: verdicts, row: undefined }
    const isValid = (name: string) => isAnyTicketValid || isTicketValid(state, name)
    const upload = isInline ? undefined : { folder: 'wal', parts: [bytes], isValid }
    return {
      refuses,
      answer: verdicts,
      row: {
        upload,
        build: ({ id, at, objectName }: { readonly id: string; readonly at: number; readonly objectName: string }) => ({
          id,
          at,
          ...appendOf(decision, isInline ? { in: 'row', bytes } : { in: 'object', name: objectName }),
        }),
      },
    }
  }
  const work = async (machine: Machine, known: View<State> | undefined) => {
    const journal = journalOf(machine)
    const arrivedTick = 1
    let tick = arrivedTick
    const nextTick = () => {
      tick += 1
      return tick
    }
    const appended = await append(journal, known ?? (await load(journal, nextTick())), {
      decide,
      arrivedTick,
      nextTick,
      untilMs: Number.MAX_SAFE_INTEGER,
      giveWay: async () => false,
      onRow: () => undefined,
      onPut: () => undefined,
    })
    if (appended.outcome === 'unknown') return { view: appended.view, told: [] }
    const told = appended.answer.flat().map((verdict): Told => {
      if (verdict.outcome === 'refused') return { told: 'refused', label, error: verdict.error }
      return { told: 'appended', label, offset: Number(verdict.baseOffset) }
    })
    return { view: appended.view, told }
  }
  const kind = sequence === undefined ? 'plain' : `idempotent, sequence ${sequence}`
  return { says: `append ${saysLabel(label)} (${kind})`, needs, work }
}

/** Stores a checkpoint of all rows there are. */
export const checkpoints = (lie: (machine: Machine) => Machine = (machine) => machine): Task => ({
  says: 'checkpoint',
  needs: [],
  work: async (machine) => {
    const view = await load(journalOf(machine), 0)
    await checkpoint(journalOf(lie(machine)), view)
    return { view: undefined, told: [] }
  },
})

export const truncates: Task = {
  says: 'truncate',
  needs: [],
  work: async (machine) => {
    await truncate(journalOf(machine))
    return { view: undefined, told: [] }
  },
}

/** Looks at the log and keeps the view for what comes next. */
export const looks: Task = {
  says: 'load',
  needs: [],
  work: async (machine) => ({ view: await load(journalOf(machine), 0), told: [] }),
}
