import { expect, test } from 'vitest'
import { judge, type Ledger, type Place, recordValue, type Stored } from './soak-judge.ts'

const stored = (number: number, offset: number, key = 'k'): Stored => ({
  ...place(offset),
  key,
  value: recordValue('a', number),
})
const place = (offset: number): Place => ({ partition: 0, offset: BigInt(offset) })
const ledger = (changes: Partial<Ledger> = {}): Ledger => ({
  name: 'a',
  kind: 'idempotent',
  made: 2,
  acknowledged: new Map([
    [0, place(0)],
    [1, undefined],
  ]),
  refused: new Set(),
  ...changes,
})
const processed = [0, 1].map((offset) => ({ partition: 0, offset, value: recordValue('a', offset) }))
const consumption = { group: 'g', processed, committed: new Map([[0, 2]]) }

test('a log of what was acknowledged, each once and in order, has no problems', () => {
  const judged = judge([ledger()], [stored(0, 0), stored(1, 1)], [consumption])
  expect(judged).toEqual({ records: 2, lost: 0, twice: 0, problems: [] })
})

test('what a plain producer sent may be there again, even later', () => {
  const log = [stored(0, 0), stored(1, 1), stored(0, 2)]
  expect(judge([ledger({ kind: 'plain' })], log).problems).toEqual([])
})

const bad: Readonly<Record<string, () => ReturnType<typeof judge>>> = {
  lost: () => judge([ledger()], [stored(0, 0)]),
  twice: () => judge([ledger()], [stored(0, 0), stored(1, 1), stored(0, 2)]),
  'wrong offset': () => judge([ledger()], [stored(1, 0), stored(0, 1)]),
  'refused but there': () => judge([ledger({ refused: new Set([1]) })], [stored(0, 0), stored(1, 1)]),
  'never sent': () => judge([ledger({ made: 1 })], [stored(0, 0), stored(1, 1)]),
  offsets: () => judge([ledger()], [stored(0, 0), stored(1, 2)]),
  order: () => judge([ledger({ acknowledged: new Map() })], [stored(1, 0), stored(0, 1)]),
  skipped: () =>
    judge([ledger()], [stored(0, 0), stored(1, 1)], [{ ...consumption, processed: processed.slice(0, 1) }]),
  'wrong record': () =>
    judge(
      [ledger()],
      [stored(0, 0), stored(1, 1)],
      [{ ...consumption, processed: [...processed, { partition: 0, offset: 1, value: 'other' }] }],
    ),
  committed: () => judge([ledger()], [stored(0, 0), stored(1, 1)], [{ ...consumption, committed: new Map([[0, 3]]) }]),
}

test.each(Object.entries(bad))('a log or a group that is not as it must be is noticed: %s', (kind, judged) => {
  expect(judged().problems.map((line) => line.replace(/, \d+ times.*/, ''))).toContain(kind)
})
