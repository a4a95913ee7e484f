import { expect, test } from 'vitest'
import { mutants } from './mutants.ts'

/** A mutant that lives through so many histories has survived: three times what the toughest needs. */
const maxHistories = 300
const firstSeed = 7_000_000

test.each(mutants.filter(({ isSearched }) => !isSearched))(
  'a mutant is killed: $name',
  async ({ hunt }) => {
    expect((await hunt({ maxHistories, firstSeed })).killedBy).toBeDefined()
  },
  600_000,
)
