import { expect, test } from 'vitest'
import { seedsFrom } from './campaign.ts'
import { groupMutants } from './groups-mutants.ts'
import { simulateGroup } from './groups-simulate.ts'

/** A mutant that lives through so many histories has survived. */
const maxHistories = 200
const firstSeed = 7_000_000

test.each(Object.entries(groupMutants))(
  'a mutant of groups is killed: %s',
  async (_, mutation) => {
    const seen = new Set<string>()
    for (const seed of seedsFrom(firstSeed, maxHistories)) {
      const { anomalies } = await simulateGroup(seed, { mutation })
      for (const anomaly of anomalies) seen.add(anomaly.class)
      if (seen.has(mutation.shows)) break
    }
    expect([...seen]).toContain(mutation.shows)
  },
  300_000,
)
