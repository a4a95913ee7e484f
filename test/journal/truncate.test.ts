import { expect, test } from 'vitest'
import { checkpoint, truncate } from '../../lib/journal/checkpoint.ts'
import { logFold } from '../../lib/log/fold.ts'
import { journalPartition, rowKey } from '../../lib/store/keys.ts'
import { emptyLog, type TestLog, testShard } from '../support/log.ts'

const hourMs = 3_600_000

/** A row whose author took the time when he built it, however late it came to be stored. */
const putRow = async (log: TestLog, seq: number, at: number): Promise<void> => {
  const row = { id: `late-${String(seq).padStart(16, '0')}`, at, kind: 'lead', node: 1, epoch: seq } as const
  await log.items.putIfAbsent(rowKey(testShard, seq), { attempt: row.id, body: logFold.encodeRow(row) })
}

const rowsOf = async (log: TestLog): Promise<readonly number[]> => {
  const options = { after: '', before: 'checkpoint', limit: 1000, consistent: true }
  return (await log.items.query(journalPartition(testShard), options)).items.map(({ sort }) => Number(sort))
}

test('a row is as old as the next one: its own time proves nothing, because it may have been put hours later', async () => {
  const log = await emptyLog()
  const now = log.clock.now()
  await putRow(log, 1, now - 3 * hourMs)
  await putRow(log, 2, now - 2 * hourMs)
  await putRow(log, 3, now - 1000)
  await checkpoint(log.lane.journal, await log.lane.confirmedView())
  expect(await truncate(log.lane.journal)).toBe(1)
  expect(await rowsOf(log)).toEqual([2, 3])
})

test('the last row stays, however old it is: nobody can tell since when there was one', async () => {
  const log = await emptyLog()
  await putRow(log, 1, log.clock.now() - 3 * hourMs)
  await checkpoint(log.lane.journal, await log.lane.confirmedView())
  expect(await truncate(log.lane.journal)).toBe(0)
  expect(await rowsOf(log)).toEqual([1])
})

test('rows above the checkpoint stay, however old they are', async () => {
  const log = await emptyLog()
  const old = log.clock.now() - 3 * hourMs
  for (const seq of [1, 2]) await putRow(log, seq, old)
  await checkpoint(log.lane.journal, await log.lane.confirmedView())
  for (const seq of [3, 4, 5]) await putRow(log, seq, old)
  expect(await truncate(log.lane.journal)).toBe(2)
  expect(await rowsOf(log)).toEqual([3, 4, 5])
})

test('what a late put leaves below the floor goes with the next truncation', async () => {
  const log = await emptyLog()
  const old = log.clock.now() - 3 * hourMs
  for (const seq of [1, 2, 3]) await putRow(log, seq, old)
  await checkpoint(log.lane.journal, await log.lane.confirmedView())
  expect(await truncate(log.lane.journal)).toBe(2)
  await putRow(log, 1, old)
  expect(await truncate(log.lane.journal)).toBe(1)
  expect(await rowsOf(log)).toEqual([3])
})
