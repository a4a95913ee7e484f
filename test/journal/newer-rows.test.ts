import { expect, test } from 'vitest'
import { checkpoint, truncate } from '../../lib/journal/checkpoint.ts'
import { NewerFormat } from '../../lib/log/at-rest.ts'
import { logFold } from '../../lib/log/fold.ts'
import { flush } from '../../lib/maintenance/flush.ts'
import { sweep } from '../../lib/maintenance/sweep.ts'
import { journalPartition, rowKey } from '../../lib/store/keys.ts'
import { batch } from '../support/batches.ts'
import { appendBatches, emptyLog, instance, readAll, type TestLog, testShard } from '../support/log.ts'

/** Rows may go as soon as a checkpoint has them. */
const rules = { freshMs: 60_000, truncateAfterMs: Number.NEGATIVE_INFINITY }

const rowsIn = async ({ items }: TestLog) => {
  const options = { after: '', before: '~', limit: 1000, consistent: true }
  return (await items.query(journalPartition(testShard), options)).items
}

/** Three batches and a checkpoint of them, then a row whose kind only a newer version knows. */
const upgraded = async (): Promise<TestLog> => {
  const log = await emptyLog({ rules })
  for (const value of ['a', 'b', 'c']) await appendBatches(log, 0, batch({ value: value.repeat(5000) }))
  await checkpoint(log.lane.journal, await log.lane.confirmedView())
  const body = logFold.encodeRow({ id: 'newer-1', at: log.clock.now(), kind: 'end' })
  body[1] = 99
  await log.items.putIfAbsent(rowKey(testShard, 4), { attempt: 'newer-1', body })
  return log
}

type Act = (log: TestLog) => Promise<unknown>

const acts: Readonly<Record<string, Act>> = {
  append: (log) => appendBatches(log, 0, batch({ value: 'd' })),
  flush: ({ lane, objects, bytes }) => flush(lane, objects, bytes),
  sweep: ({ lane, objects }) => sweep(lane, objects, 2),
  truncate: ({ lane }) => truncate(lane.journal),
  checkpoint: async ({ lane }) => checkpoint(lane.journal, await lane.confirmedView()),
  'look at the end': ({ lane }) => lane.state('confirmed'),
}

const views: Readonly<Record<string, (log: TestLog) => TestLog>> = {
  'that knew the rows before it': (log) => log,
  'that starts': (log) => instance(log, { rules, instance: 'two' }),
}

const cases = Object.keys(views).flatMap((who) => Object.keys(acts).map((what) => [who, what] as const))

test.each(cases)('an instance %s stops at a row it does not know when it is to %s', async (who, what) => {
  const log = await upgraded()
  const before = [await rowsIn(log), await log.objects.list('', '')]
  const act = acts[what]
  const older = views[who]?.(log)
  if (act === undefined || older === undefined) throw new Error('no such case')
  await expect(act(older)).rejects.toThrow(NewerFormat)
  expect([await rowsIn(log), await log.objects.list('', '')]).toEqual(before)
})

test('what was written before a row that is not known is there for whoever knows it', async () => {
  const log = await upgraded()
  await expect(appendBatches(log, 0, batch({ value: 'd' }))).rejects.toThrow(NewerFormat)
  const { items } = log
  const newer = instance({
    ...log,
    items: {
      ...items,
      query: async (partition, options) => {
        const page = await items.query(partition, options)
        return { ...page, items: page.items.map((item) => ({ ...item, body: known(item.body) })) }
      },
    },
  })
  expect((await readAll(newer, 0)).map(({ value }) => value?.charAt(0))).toEqual(['a', 'b', 'c'])
})

/** The kind as the version knows it that has written it: here, the end of the topic. */
const known = (body: Buffer): Buffer =>
  body[1] === 99 ? logFold.encodeRow({ id: 'newer-1', at: 0, kind: 'end' }) : body
