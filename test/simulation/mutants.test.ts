import { expect, test } from 'vitest'
import { runCampaign, seedsFrom } from './campaign.ts'
import { mutants } from './mutants.ts'

/** A mutant that lives through so many histories has survived. */
const maxHistories = 150
/** The same for those that take more patience than there is in every run: `WADI_SIMULATION_MUTANTS=all` has it. */
const maxSlowHistories = 3000
const slow: ReadonlySet<string> = new Set([
  'no floor read after a refresh',
  'a row is believed however old the view',
  'rows are truncated at once',
])
const isPatient = process.env['WADI_SIMULATION_MUTANTS'] === 'all'
const firstSeed = 7_000_000

test.each(Object.entries(mutants).filter(([name]) => isPatient || !slow.has(name)))(
  'a mutant is killed: %s',
  async (name, mutation) => {
    const seeds = seedsFrom(firstSeed, slow.has(name) ? maxSlowHistories : maxHistories)
    const { failed } = await runCampaign(seeds, { mutation, maxFailed: 1 })
    expect(failed).toHaveLength(1)
  },
  300_000,
)
