import { expect, test } from 'vitest'
import { fuzz } from './fuzz.ts'

/** A server that has served a while takes about a quarter of this. */
const maxMemoryMiB = 600

test('malformed and mutated frames leave the server alive, its memory bounded, and others served', async () => {
  const seed = Number(process.env['WADI_TEST_SEED'] ?? Date.now() % 2 ** 31)
  process.stderr.write(`fuzz: seed ${seed}, WADI_TEST_SEED=${seed} repeats it\n`)
  const report = await fuzz({ seed, frames: 10_000 })
  expect(report.bugs).toEqual([])
  expect(report.frames).toBe(10_000)
  expect(report.survived).toBeGreaterThan(1000)
  expect(report.honestRoundTrips).toBeGreaterThan(10)
  expect(Math.max(0, ...report.memoryMiB)).toBeLessThan(maxMemoryMiB)
})
