import { expect, test } from 'vitest'
import { checkpoint, truncate } from '../../lib/journal/checkpoint.ts'
import { logFold } from '../../lib/log/fold.ts'
import type { Items } from '../../lib/store/items.ts'
import { rowKey } from '../../lib/store/keys.ts'
import { batch } from '../support/batches.ts'
import { appendBatches, emptyLog, instance, readAll, type TestLog, testShard } from '../support/log.ts'

/** No view is ever fresh, and rows go as soon as a checkpoint has them. */
const rules = { freshMs: -1, truncateAfterMs: Number.NEGATIVE_INFINITY }

/** Somebody else's row that arrives when its slot has been freed. */
const lateRow = { id: `late-${'x'.repeat(16)}`, at: 0, kind: 'lead', node: 9, epoch: 9 } as const

/**
 * The first put of a row is stored, and its answer lost; before it is repeated, others write on and truncate its slot,
 * and `afterwards` says what becomes of that.
 */
const withLostAnswer = (log: TestLog, afterwards: (items: Items) => Promise<unknown>): Items => {
  let isLost = false
  return {
    ...log.items,
    putIfAbsent: async (key, item) => {
      const put = await log.items.putIfAbsent(key, item)
      if (isLost) return put
      isLost = true
      await appendBatches(log, 0, batch({ value: 'b' }))
      await checkpoint(log.lane.journal, await log.lane.confirmedView())
      await appendBatches(log, 0, batch({ value: 'c' }))
      await truncate(log.lane.journal)
      await afterwards(log.items)
      return { outcome: 'unknown', cause: 'lost' }
    },
  }
}

const putLate = (items: Items) =>
  items.putIfAbsent(rowKey(testShard, 1), { attempt: lateRow.id, body: logFold.encodeRow(lateRow) })

test.each<readonly [string, (items: Items) => Promise<unknown>]>([
  ['free', async () => undefined],
  ['taken by a late row', putLate],
])('whether a row is in the journal is unknown when its slot was truncated and is %s', async (_, afterwards) => {
  const log = await emptyLog({ rules })
  const writer = instance({ ...log, items: withLostAnswer(log, afterwards) }, { rules, instance: 'two' })
  await expect(appendBatches(writer, 0, batch({ value: 'a' }))).rejects.toThrow('timed out')
  const values = (await readAll(log, 0)).map(({ value }) => value?.toString())
  expect(values).toEqual(['a', 'b', 'c'])
})
