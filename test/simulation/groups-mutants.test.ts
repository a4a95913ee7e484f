import { expect, test } from 'vitest'
import { seedsFrom } from './campaign.ts'
import { runGroupCampaign } from './groups-campaign.ts'
import { groupMutants } from './groups-mutants.ts'

/** A mutant that lives through so many histories has survived. */
const maxHistories = 200
/** The same for those that take more patience than there is in every run: `WADI_SIMULATION_MUTANTS=all` has it. */
const maxSlowHistories = 3000
const slow: ReadonlySet<string> = new Set(['a fence never rises'])
const isPatient = process.env['WADI_SIMULATION_MUTANTS'] === 'all'
const firstSeed = 7_000_000

test.each(Object.entries(groupMutants).filter(([name]) => isPatient || !slow.has(name)))(
  'a mutant of groups is killed: %s',
  async (name, mutation) => {
    const seeds = seedsFrom(firstSeed, slow.has(name) ? maxSlowHistories : maxHistories)
    const { failed } = await runGroupCampaign(seeds, { mutation, maxFailed: 1 })
    expect(failed).toHaveLength(1)
  },
  300_000,
)
