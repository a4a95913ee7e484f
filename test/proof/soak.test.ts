import { expect, test } from 'vitest'
import { soak } from './soak.ts'

test('what was acknowledged is there, once and in order, after ten times kill -9 and three long pauses', async () => {
  const seed = Number(process.env['WADI_TEST_SEED'] ?? Date.now() % 2 ** 31)
  process.stderr.write(`soak: seed ${seed}, WADI_TEST_SEED=${seed} repeats its faults\n`)
  const size = { kills: 10, pauses: 3, records: 5000, maxMs: 300_000 }
  const report = await soak({ store: 'folder', seed, ...size, everybody: false })
  expect(report.problems).toEqual([])
  expect(report.kills).toBeGreaterThanOrEqual(10)
  expect(report.pauses).toBeGreaterThanOrEqual(3)
  expect(report.looksAtCommits).toBeGreaterThan(0)
  expect(report.acknowledged).toBeGreaterThanOrEqual(4000)
  expect(report.records).toBeGreaterThanOrEqual(report.acknowledged)
}, 600_000)
