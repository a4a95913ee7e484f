import { expect, test } from 'vitest'
import { run } from '../../lib/bench/process.ts'
import { type PartResult, partNames } from './part.ts'
import { partsNamed, plan } from './plan.ts'
import { proofReport } from './table.ts'

const circumstances = {
  ...{ date: '2026-11-20', commit: 'abc1234', seed: 7, only: undefined, minutes: 3, took: 3 },
  machine: '2 cores, 24 GiB, Node 24.21.0',
}
const sound: PartResult = {
  counted: { histories: 1200, 'longest ms': 5 },
  faults: { crash: 3, freeze: 40 },
  problems: [],
}

test('a proof without anomalies is a table, and status 0', () => {
  const finished = [{ part: 'simulation', result: sound } as const, { part: 'simulation', result: sound } as const]
  expect(proofReport(finished, circumstances)).toEqual({
    status: 0,
    markdown: `| what | counted | faults by class | anomalies |
|---|---|---|---|
| journal, simulated | 2,400 histories, 5 longest ms | **86**: 80 freeze, 6 crash | 0 |

2026-11-20, commit abc1234, \`npm run proof -- --minutes 3 --seed 7\`, 3 minutes, 2 cores, 24 GiB, Node 24.21.0.
`,
  })
})

test('one anomaly in one part makes status 1, and it is told how to see it again', () => {
  const wrong = { ...sound, problems: ['WADI_GROUPS_SEED=9: lost-commit: offset 3'] }
  const finished = [{ part: 'simulation', result: sound } as const, { part: 'groups', result: wrong } as const]
  const { markdown, status } = proofReport(finished, circumstances)
  expect(status).toBe(1)
  expect(markdown).toContain('WADI_GROUPS_SEED=9: lost-commit: offset 3')
  expect(markdown).toContain('npm run proof -- --only groups --seed 7 --minutes 3')
})

test('nothing proven is no proof', () => {
  expect(proofReport([], circumstances).status).toBe(1)
})

test('two workers have about as much to do as they have time', () => {
  const planned = plan({ minutes: 60, seed: 1, only: partNames })
  const sum = planned.reduce((total, { budgetMs }) => total + budgetMs, 0)
  expect(sum / 60_000).toBeCloseTo(120, 0)
  expect(planned.every(({ isWhole }) => isWhole)).toBe(true)
  expect(plan({ minutes: 1, seed: 1, only: ['mutants'] })[0]?.isWhole).toBe(false)
})

test('soak means both soaks, and what is no part is said', () => {
  expect(partsNamed('soak,fuzz')).toEqual(['soak-folder', 'soak-aws', 'fuzz'])
  expect(() => partsNamed('luck')).toThrow('there is no part "luck"')
})

test('a proof of seconds runs in processes of its own and prints its table alone', async () => {
  const args = ['test/proof/proof.ts', '--minutes', '0.05', '--only', 'simulation,exhaustive,faults', '--seed', '1']
  const { status, stdout, stderr } = await run({ command: process.execPath, args }, { timeoutMs: 300_000 })
  expect(stderr).toContain('exhaustive ends, 0 anomalies')
  expect(stdout.toString()).toMatch(/^\| what \|.*\n\|---.*\n\| journal, simulated \| [\d,]+ histories/)
  expect(stdout.toString()).toMatch(/applications per append without faults 1\.000 \(\d+ appends\)/)
  expect(status).toBe(0)
}, 330_000)
