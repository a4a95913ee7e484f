import { expect, test } from 'vitest'
import type { Items } from '../../lib/store/items.ts'
import { appendWithFaults, faultRuns } from './aws-faults.ts'

const seed = Number(process.env['WADI_TEST_SEED'] ?? 1)
/** The more goes wrong, the longer an append takes. */
const appends = { none: 200, everything: 60, dropped: 300 }

test.each(['none', 'everything', 'dropped'] as const)(
  'each append to DynamoDB and S3 is applied exactly once: %s',
  async (name) => {
    const rates = faultRuns[name]
    const report = await appendWithFaults({ appends: appends[name], rates, seed })
    process.stdout.write(`faults (${name}): ${report.applicationsPerAppend} applications per append\n`)
    expect(report.problems).toEqual([])
    expect(report.applicationsPerAppend).toBe(1)
    const faults = [...report.faults.counts.keys()]
    expect(faults.toSorted()).toEqual(Object.keys(rates).toSorted())
  },
  120_000,
)

test('who does not know its own rows applies some of them twice, and that is noticed', async () => {
  const lie = (items: Items): Items => ({
    ...items,
    putIfAbsent: async (key, item) => {
      const put = await items.putIfAbsent(key, item)
      return put.outcome === 'taken' ? { ...put, by: { ...put.by, attempt: 'nobody' } } : put
    },
  })
  const report = await appendWithFaults({ appends: 50, rates: faultRuns.dropped, seed, lie })
  expect(report.applicationsPerAppend).toBeGreaterThan(1)
  expect(report.problems).toHaveLength(1)
})
