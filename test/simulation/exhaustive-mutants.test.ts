import { expect, test } from 'vitest'
import { appends, checkpoints, clockless, looks, ticking, truncates } from './exhaustive-journal.ts'
import { clockRemovals, forgetsItem, journalRemovals, missesCheckpoint } from './exhaustive-mutants.ts'
import { flushes, laneLies, reads, sweeps, untruncated } from './exhaustive-objects.ts'
import { counterexample, type Model, summaryOf } from './exhaustive-search.ts'

/** A story that is longer explains nothing. */
const maxSteps = 20

const a = appends({ label: 0, sequence: 0 })
const b = appends({ label: 1 })
const c = appends({ label: 2 })
const d = appends({ label: 3, sequence: 1, needs: [0] })
const upkeep = [checkpoints(), truncates]

const withoutClock = { rules: clockless, maxTime: 0, objectsStay: true }
const withClock = { rules: ticking, maxTime: 1, objectsStay: true }
const ofObjects = { rules: untruncated, maxTime: 0, objectsStay: false }

const journal: Model = { ...withoutClock, processes: { A: [c], B: [a, b], U: upkeep } }
const journalInTime: Model = { ...withClock, processes: { A: [c], B: [a, b], U: upkeep } }
const moving: Model = { ...withClock, processes: { A: [a], B: [looks, d] } }
const pairInTime: Model = { ...withClock, processes: { A: [c], B: [b], U: upkeep } }

const isTold = process.env['WADI_EXHAUSTIVE'] === 'full'

const tellStory = async (name: string, model: Model, removal = {}): Promise<readonly string[]> => {
  const found = await counterexample(model, removal)
  const story = found.story ?? []
  if (isTold)
    process.stdout.write(`${summaryOf(name, found)}\n${story.map((step, i) => `  ${i + 1}. ${step}\n`).join('')}`)
  return story
}

/** The last line says what went wrong, the others are steps. */
const expectShort = (story: readonly string[]): void => {
  expect(story.length).toBeGreaterThan(1)
  expect(story.length - 1).toBeLessThanOrEqual(maxSteps)
}

const pair: Model = { ...withoutClock, processes: { A: [c], B: [b], U: upkeep } }

/** The smallest models in which it shows; all others take `journal`. */
const modelsWithoutClock: Readonly<Record<string, Model>> = {
  'the floor is not read after a refresh': pair,
  'a row taken by another is applied to a view that is not fresh': pair,
  'after a conflict in a truncated slot it is decided again': pair,
}

test.each(Object.entries(journalRemovals))('without a clock it goes wrong when %s', async (name, removal) => {
  expectShort(await tellStory(name, modelsWithoutClock[name] ?? journal, removal))
})

const modelsInTime: Readonly<Record<string, Model>> = {
  'a refusal is answered from any view': moving,
  'a row is as old as it says itself': pairInTime,
  'a checkpoint that is being loaded counts as a confirmed view': {
    ...withClock,
    processes: { A: [c], B: [b, looks], U: upkeep },
  },
}

test.each(Object.entries(clockRemovals))('as time passes it goes wrong when %s', async (name, removal) => {
  expectShort(await tellStory(name, modelsInTime[name] ?? journalInTime, removal))
})

test('it goes wrong when a checkpoint does not copy the floor', async () => {
  const processes = { A: [c], B: [a, b], U: [...upkeep, checkpoints(forgetsItem)] }
  expectShort(await tellStory('a checkpoint does not copy the floor', { ...withoutClock, processes }))
})

const wal = (label: number, isAnyTicketValid = false) => appends({ label, isInline: false, isAnyTicketValid })
const blindFlush = flushes(laneLies['a flush does not look what is flushed already'])

const objectModels: Readonly<Record<string, Model['processes']>> = {
  'rows may name objects of any ticket': { A: [wal(0)], B: [wal(1, true)], S: [sweeps()] },
  'a sweep goes by what it knew before its row': {
    A: [wal(0)],
    B: [wal(1)],
    S: [sweeps(laneLies['a sweep goes by what it knew before its row'])],
  },
  'a sweep writes no row': { A: [wal(0), wal(1)], S: [sweeps(laneLies['a sweep writes no row'])] },
  'a flush does not look what is flushed already': {
    A: [wal(0), wal(1)],
    F: [blindFlush],
    G: [blindFlush],
    R: [reads()],
  },
}

test.each(Object.entries(objectModels))('objects are lost or read twice when %s', async (name, processes) => {
  expectShort(await tellStory(name, { ...ofObjects, processes }))
})

test('objects are lost when a sweep takes the newest checkpoint', async () => {
  const processes = { A: [wal(0)], U: [checkpoints(), sweeps()] }
  expectShort(await tellStory('a sweep takes the newest checkpoint', { ...ofObjects, processes }, missesCheckpoint))
})
