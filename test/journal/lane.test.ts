import { expect, test } from 'vitest'
import { fetchRecords } from '../../lib/journal/read.ts'
import { journalPartition } from '../../lib/store/keys.ts'
import { batch } from '../support/batches.ts'
import { appendBatches, emptyLog, FixedClock, instance, readAll, type TestLog, testShard } from '../support/log.ts'

const rowsOf = async (log: TestLog) =>
  (
    await log.items.query(journalPartition(testShard), {
      after: '',
      before: 'checkpoint',
      limit: 1000,
      consistent: true,
    })
  ).items

test('an appended batch is readable at its offset', async () => {
  const log = await emptyLog()
  const first = await appendBatches(log, 0, batch({ records: 3, value: 'a' }))
  const second = await appendBatches(log, 0, batch({ records: 2, value: 'b' }), batch({ value: 'c' }))
  expect([...first, ...second]).toMatchObject([{ baseOffset: 0n }, { baseOffset: 3n }, { baseOffset: 5n }])
  const records = await readAll(log, 0)
  expect(records.map(({ offset, value }) => [offset, value])).toEqual([
    [0n, 'a0'],
    [1n, 'a1'],
    [2n, 'a2'],
    [3n, 'b0'],
    [4n, 'b1'],
    [5n, 'c'],
  ])
})

test('requests that arrive together share one row', async () => {
  const log = await emptyLog()
  const all = Array.from({ length: 20 }, (_, i) => appendBatches(log, i % 4, batch({ value: `${i}` })))
  await Promise.all(all)
  expect(await rowsOf(log)).toHaveLength(1)
})

test('a request that arrives within the linger joins the row of the one before it', async () => {
  const lingerMs = 20
  const lingers: (() => void)[] = []
  class HeldClock extends FixedClock {
    override async sleep(ms: number): Promise<void> {
      if (ms === lingerMs) await new Promise<void>((resolve) => lingers.push(resolve))
    }
  }
  const log = instance({ ...(await emptyLog()), clock: new HeldClock() }, { lingerMs })
  const first = appendBatches(log, 0, batch({ value: 'first' }))
  await new Promise((resolve) => setImmediate(resolve))
  const second = appendBatches(log, 1, batch({ value: 'second' }))
  expect(await rowsOf(log)).toEqual([])
  for (const end of lingers) end()
  await Promise.all([first, second])
  expect(await rowsOf(log)).toHaveLength(1)
})

test('a large batch goes into an object, a small one into the row', async () => {
  const log = await emptyLog()
  await appendBatches(log, 0, batch({ value: 'x'.repeat(10_000) }))
  await appendBatches(log, 0, batch({ value: 'small' }))
  const objects = await log.objects.list('', '')
  expect(objects).toHaveLength(1)
  expect(objects[0]?.key).toMatch(/\/0\/wal\/0{12}-/)
  expect((await readAll(log, 0)).map(({ value }) => value?.length)).toEqual([10_000, 5])
})

test('two instances append to one journal and both know all of it', async () => {
  const one = await emptyLog()
  const two = instance(one, { instance: 'two' })
  for (let i = 0; i < 10; i++) {
    await Promise.all([
      appendBatches(one, 0, batch({ value: `one${i}` })),
      appendBatches(two, 0, batch({ value: `two${i}` })),
    ])
  }
  const read = await readAll(one, 0)
  expect(read).toHaveLength(20)
  expect(await readAll(two, 0)).toEqual(read)
})

test('a repeated batch of an idempotent producer is answered with its first offset', async () => {
  const log = await emptyLog()
  const repeated = batch({ producerId: 7n, producerEpoch: 0, baseSequence: 0, records: 3 })
  await appendBatches(log, 0, repeated)
  await appendBatches(log, 0, batch({ value: 'other' }))
  expect(await appendBatches(log, 0, repeated)).toMatchObject([{ outcome: 'duplicate', baseOffset: 0n }])
  expect(await rowsOf(log)).toHaveLength(2)
})

test('a batch ahead of its turn waits for the one before it', async () => {
  const log = await emptyLog()
  const [first, second] = [0, 1].map((baseSequence) => batch({ producerId: 7n, producerEpoch: 0, baseSequence }))
  if (!first || !second) throw new Error('two batches')
  const early = appendBatches(log, 0, second)
  const late = appendBatches(log, 0, first)
  expect([...(await late), ...(await early)]).toMatchObject([{ baseOffset: 0n }, { baseOffset: 1n }])
})

test('a gap in the sequence that stays is refused', async () => {
  const log = await emptyLog()
  await appendBatches(log, 0, batch({ producerId: 7n, producerEpoch: 0, baseSequence: 0 }))
  expect(await appendBatches(log, 0, batch({ producerId: 7n, producerEpoch: 0, baseSequence: 5 }))).toEqual([
    { outcome: 'refused', error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' },
  ])
})

test('an offset inside a batch is answered with the whole batch', async () => {
  const log = await emptyLog()
  await appendBatches(log, 0, batch({ records: 5 }))
  const fetched = await fetchRecords(log.lane, log.bytes, 0, { offset: 3n, maxBytes: 1, atLeastOne: true })
  expect(fetched).toMatchObject({ outcome: 'fetched', highWatermark: 5n })
  if (fetched.outcome === 'fetched') expect(Buffer.concat(fetched.records).readBigInt64BE()).toBe(0n)
})

test('an offset beyond the end is out of range, the end itself is not', async () => {
  const log = await emptyLog()
  await appendBatches(log, 0, batch())
  const at = (offset: bigint) => fetchRecords(log.lane, log.bytes, 0, { offset, maxBytes: 100, atLeastOne: true })
  expect(await at(1n)).toMatchObject({ outcome: 'fetched', records: [] })
  expect(await at(2n)).toMatchObject({ outcome: 'out of range', logStartOffset: 0n, highWatermark: 1n })
})
