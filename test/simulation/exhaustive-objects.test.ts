import { expect, test } from 'vitest'
import { appends, checkpoints } from './exhaustive-journal.ts'
import { flushes, merges, reads, sweeps, untruncated } from './exhaustive-objects.ts'
import { exhaust, type Model, summaryOf } from './exhaustive-search.ts'

const isFull = process.env['WADI_EXHAUSTIVE'] === 'full'
/** More do not fit into the memory of one process. */
const maxStates = 4_000_000
const fullRunMs = 3_600_000

const a = appends({ label: 0, isInline: false })
const b = appends({ label: 1, isInline: false })

type Processes = Model['processes']

const models: Readonly<Record<string, Processes>> = {
  'append, two flushes, sweep, read': { A: [a], F: [flushes(), sweeps()], G: [flushes()], R: [reads()] },
  'two appends, flush, flush, merge, sweep': { A: [a, flushes(), b], F: [flushes(), merges(), sweeps()] },
  'append, checkpoint, sweep, read': { A: [a], U: [checkpoints(), sweeps()], R: [reads()] },
  'two appends, two sweeps': { A: [a], B: [b], S: [sweeps()] },
}

const largeModels: Readonly<Record<string, Processes>> = {
  'two appends, flush, sweep, read': { A: [a], B: [b], F: [flushes(), sweeps()], R: [reads()] },
}

const chosen = Object.entries(isFull ? { ...models, ...largeModels } : models)

test.each(chosen)(
  'no order of events loses an object that is named: %s',
  async (name, processes) => {
    const found = await exhaust({ processes, rules: untruncated, maxTime: 0, objectsStay: false }, maxStates)
    process.stdout.write(`${summaryOf(name, found)}\n`)
    expect(found.story?.join('\n')).toBeUndefined()
    expect(found.isComplete || found.states >= maxStates).toBe(true)
  },
  fullRunMs,
)
