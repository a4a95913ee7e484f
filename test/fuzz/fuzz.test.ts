import { expect, test } from 'vitest'
import { cases } from './cases.ts'
import { runFuzz } from './fuzz.ts'
import { tableOf } from './run.ts'
import { allTargets } from './targets.ts'

/** About ten seconds of one core. */
const inputs = 150_000

test('mutated inputs are read or refused by every parser, at once and with little memory', async () => {
  const seed = Number(process.env['WADI_TEST_SEED'] ?? Date.now() % 2 ** 31)
  const report = await runFuzz({ inputs, seed })
  expect(report.finds, `${tableOf(report).join('\n')}\nWADI_TEST_SEED=${seed} repeats it`).toEqual([])
  expect(report.inputs).toBe(inputs)
  for (const { name, accepted, refused } of report.byTarget) {
    expect(accepted, `${name} reads some of them`).toBeGreaterThan(0)
    expect(refused, `${name} refuses some of them`).toBeGreaterThan(0)
  }
}, 300_000)

test('the same seed gives the same inputs', async () => {
  const targets = ['row', 'request', 'records']
  const counts = async () => {
    const { byTarget } = await runFuzz({ inputs: 6000, seed: 5, targets })
    return byTarget.map(({ name, accepted, refused }) => ({ name, accepted, refused }))
  }
  expect(await counts()).toEqual(await counts())
})

test.each(cases)('$target: $was', async ({ target: name, hex }) => {
  const target = allTargets.find((one) => one.name === name)
  expect(target).toBeDefined()
  expect(typeof (await target?.run(Buffer.from(hex, 'hex')))).toBe('boolean')
  const repaired = target?.repair?.(Buffer.from(hex, 'hex'))
  if (repaired) expect(typeof (await target?.run(repaired))).toBe('boolean')
})
