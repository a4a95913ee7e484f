import { expect, test } from 'vitest'
import { appends, checkpoints, clockless, looks, ticking, truncates } from './exhaustive-journal.ts'
import { exhaust, type Model, summaryOf } from './exhaustive-search.ts'

const isFull = process.env['WADI_EXHAUSTIVE'] === 'full'
/** More do not fit into the memory of one process. */
const maxStates = 4_000_000
const fullRunMs = 3_600_000

/** One idempotent producer sends `a`, then `d`, through anybody, perhaps twice; `b` and `c` are sent once. */
const a = appends({ label: 0, sequence: 0 })
const b = appends({ label: 1 })
const c = appends({ label: 2 })
const d = appends({ label: 3, sequence: 1, needs: [0] })
const upkeep = [checkpoints(), truncates]

const withoutClock = { rules: clockless, maxTime: 0, objectsStay: true }
const withClock = { rules: ticking, maxTime: 1, objectsStay: true }

const models: Readonly<Record<string, Model>> = {
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

const largeModels: Readonly<Record<string, Model>> = {
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

const chosen = Object.entries(isFull ? { ...models, ...largeModels } : models)

test.each(chosen)(
  'no order of events loses or doubles anything: %s',
  async (name, model) => {
    const found = await exhaust(model, maxStates)
    process.stdout.write(`${summaryOf(name, found)}\n`)
    expect(found.story?.join('\n')).toBeUndefined()
    expect(found.isComplete || found.states >= maxStates).toBe(true)
  },
  fullRunMs,
)
