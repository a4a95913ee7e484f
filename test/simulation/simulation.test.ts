import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Campaign, reportOf, runCampaign, seedsFrom, summaryOf } from './campaign.ts'
import { simulate } from './simulate.ts'

const histories = Number(process.env['WADI_SIMULATION_HISTORIES'] ?? 2000)
const wanted = process.env['WADI_SIMULATION_SEED']
const firstSeed = wanted === undefined ? Date.now() >>> 0 : Number(wanted)
const perHistoryMs = 500

/** Seeds that failed once. */
const formerlyFailing: readonly number[] = [9, 24, 20_012, 22_321, 23_271, 4_002_202]

test.skipIf(wanted !== undefined)('the same seed gives the same history, byte for byte', async () => {
  for (const seed of seedsFrom(firstSeed, 5)) {
    const [first, second] = [await simulate(seed, { isTraced: true }), await simulate(seed, { isTraced: true })]
    expect(first.trace.length).toBeGreaterThan(100)
    expect(second.trace.join('\n')).toBe(first.trace.join('\n'))
  }
})

test.skipIf(wanted !== undefined)('seeds that failed once do not fail again', async () => {
  expect(reportOf((await runCampaign(formerlyFailing)).failed)).toBe('')
})

let campaign: Campaign | undefined

test(
  'no history shows an anomaly',
  async () => {
    campaign = await runCampaign(seedsFrom(firstSeed, wanted === undefined ? histories : 1))
    process.stdout.write(`${summaryOf(campaign)}, seeds from ${firstSeed}\n`)
    if (wanted !== undefined) {
      const file = join(tmpdir(), `wadi-simulation-${wanted}.txt`)
      await writeFile(file, (await simulate(firstSeed, { isTraced: true })).trace.join('\n'))
      process.stdout.write(`its trace is in ${file}\n`)
    }
    expect(reportOf(campaign.failed)).toBe('')
  },
  60_000 + histories * perHistoryMs,
)

/** Each of these is a place where a mistake would hide. */
const rarePaths = [
  'own row recognised',
  'conflict applied',
  'conflict while not fresh',
  'floor check passed',
  'floor check failed',
  'loaded from a checkpoint',
  'loaded again',
  'duplicate answered',
  'object not found, then found',
  'orphan swept',
  'flushed or merged object swept',
  'old checkpoint swept',
  'ticket too low, uploaded again',
  'late put into a truncated slot',
  'conflict in a truncated slot',
  'query shows a truncated row',
  'a writer flushes',
  'checkpoint with inline bytes',
  'flush of a part of the tail',
  'offset out of range',
  'producer gave a batch up',
  'row: rewrite',
  'row: trim',
  'row truncated',
  'refused: DUPLICATE_SEQUENCE_NUMBER',
  'refused: FENCED_LEADER_EPOCH',
  'refused: OUT_OF_ORDER_SEQUENCE_NUMBER',
]

/** Of a path that is taken this often in two thousand histories, a run that misses it is no accident. */
const historiesPerHit = 200

test.skipIf(wanted !== undefined)('every rare path was taken', () => {
  const least = Math.floor(histories / historiesPerHit)
  const missed = rarePaths.filter((path) => (campaign?.tally.count(path) ?? 0) < least)
  expect(missed.map((path) => `${path}: ${campaign?.tally.count(path)} of ${least}`)).toEqual([])
})
