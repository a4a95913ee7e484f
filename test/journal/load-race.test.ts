import { expect, test } from 'vitest'
import { checkpoint, truncate } from '../../lib/journal/checkpoint.ts'
import { load } from '../../lib/journal/view.ts'
import { logFold } from '../../lib/log/fold.ts'
import { partitionOf } from '../../lib/log/state.ts'
import type { Items } from '../../lib/store/items.ts'
import { rowKey } from '../../lib/store/keys.ts'
import { batch } from '../support/batches.ts'
import { appendBatches, emptyLog, instance, testShard } from '../support/log.ts'

const hourMs = 3_600_000

/** Somebody else's row that arrives when its slot has been freed. */
const lateRow = { id: `late-${'x'.repeat(16)}`, at: 0, kind: 'lead', node: 9, epoch: 9 } as const

test('rows that are truncated while somebody loads are not replaced by what stands in their slots', async () => {
  const log = await emptyLog()
  for (const value of ['a', 'b']) await appendBatches(log, 0, batch({ value }))
  log.clock.move(2 * hourMs)
  let isFirst = true
  const items: Items = {
    ...log.items,
    get: async (key, options) => {
      const item = await log.items.get(key, options)
      if (!isFirst) return item
      isFirst = false
      await checkpoint(log.lane.journal, await log.lane.confirmedView())
      expect(await truncate(log.lane.journal)).toBe(1)
      await log.items.putIfAbsent(rowKey(testShard, 1), { attempt: lateRow.id, body: logFold.encodeRow(lateRow) })
      return item
    },
  }
  const view = await load(instance({ ...log, items }, { instance: 'two' }).lane.journal, 0)
  expect(partitionOf(view.state, 0).endOffset).toBe(2n)
})
