import { expect, test } from 'vitest'
import { flipBits } from './flips.ts'

/** About 15 seconds of one core. */
const flips = 2000

test('a bit that flips at rest is found or harmless: nothing false is taken for valid, neighbours are served', async () => {
  const seed = Number(process.env['WADI_TEST_SEED'] ?? Date.now() % 2 ** 31)
  const { wrong, byKind } = await flipBits({ flips, seed })
  expect(wrong, `WADI_TEST_SEED=${seed} repeats it`).toEqual([])
  for (const [kind, { found }] of Object.entries(byKind)) expect(found, `some are found in ${kind}`).toBeGreaterThan(0)
}, 300_000)
