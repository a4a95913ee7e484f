import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkpoint, truncate } from '../../lib/journal/checkpoint.ts'
import { readCheckpointItem } from '../../lib/journal/checkpoint-item.ts'
import { offsetAtTimestamp, offsetOfMaxTimestamp } from '../../lib/journal/read.ts'
import { producersIn, singleWriteOf } from '../../lib/log/producers.ts'
import { partitionOf } from '../../lib/log/state.ts'
import { flush } from '../../lib/maintenance/flush.ts'
import { mergeSegments } from '../../lib/maintenance/merge.ts'
import { sweep } from '../../lib/maintenance/sweep.ts'
import { trim } from '../../lib/maintenance/trim.ts'
import { journalPartition } from '../../lib/store/keys.ts'
import { batch } from '../support/batches.ts'
import { appendBatches, emptyLog, instance, readAll, type TestLog, testShard } from '../support/log.ts'

const never = { retentionMs: -1n, retentionBytes: -1n }
const aDayMs = 86_400_000
const anHourMs = 3_600_000

const namesOf = async (log: TestLog) =>
  (await log.objects.list('', '')).map(({ key }) => key.split('/').slice(2).join('/'))

const seqsOf = async (log: TestLog) => {
  const options = { after: '', before: 'checkpoint', limit: 10_000, consistent: true }
  return (await log.items.query(journalPartition(testShard), options)).items.map(({ sort }) => Number(sort))
}

/** Appends so many batches, each in a row and an object of its own, to two partitions in turn. */
const fill = async (log: TestLog, batches: number) => {
  for (let i = 0; i < batches; i++) {
    await appendBatches(log, i % 2, batch({ records: 2, value: `${i}-${'x'.repeat(5000)}`, timestamp: BigInt(i * 10) }))
  }
}

test('what is read is the same before and after flushing, merging and checkpointing', async () => {
  const log = await emptyLog()
  await fill(log, 20)
  const before = [await readAll(log, 0), await readAll(log, 1)]
  for (let i = 0; i < 8; i++) {
    await fill(log, 4)
    expect(await flush(log.lane, log.objects, log.bytes)).toBe(true)
  }
  const flushed = [await readAll(log, 0), await readAll(log, 1)]
  expect(flushed.map((records) => records.slice(0, 20))).toEqual(before)
  expect(await mergeSegments(log.lane, log.objects, log.bytes, await log.lane.state('known'))).toBe(2)
  expect(partitionOf(await log.lane.state('known'), 0).segments).toHaveLength(1)
  expect([await readAll(log, 0), await readAll(log, 1)]).toEqual(flushed)
  await checkpoint(log.lane.journal, await log.lane.confirmedView())
  const other = instance(log, { instance: 'two' })
  expect([await readAll(other, 0), await readAll(other, 1)]).toEqual(flushed)
})

test('any range reads the same from the tail and from segments', async () => {
  const log = await emptyLog()
  await fill(log, 30)
  const all = await readAll(log, 0)
  await flush(log.lane, log.objects, log.bytes)
  await fc.assert(
    fc.asyncProperty(fc.nat(29), fc.integer({ min: 1, max: 200_000 }), async (from, maxBytes) => {
      expect(await readAll(log, 0, BigInt(from), maxBytes)).toEqual(all.slice(from))
    }),
    { numRuns: 60 },
  )
})

test('of two flushes of the same rows one wins, and nothing is there twice', async () => {
  const one = await emptyLog()
  const two = instance(one, { instance: 'two' })
  await fill(one, 6)
  const before = await readAll(one, 0)
  const flushes = [flush(one.lane, one.objects, one.bytes), flush(two.lane, two.objects, two.bytes)]
  expect((await Promise.all(flushes)).sort()).toEqual([false, true])
  expect(await readAll(two, 0)).toEqual(before)
})

test('a sweep deletes what nothing names, and only below its ticket', async () => {
  const log = await emptyLog()
  await fill(log, 6)
  await flush(log.lane, log.objects, log.bytes)
  await fill(log, 1)
  const before = await readAll(log, 0)
  expect(await sweep(log.lane, log.objects, 4)).toBe(4)
  expect((await namesOf(log)).filter((name) => name.startsWith('wal/')).map((name) => name.slice(4, 16))).toEqual(
    [4, 5, 7].map((seq) => String(seq).padStart(12, '0')),
  )
  expect(await readAll(log, 0)).toEqual(before)
})

test('an append whose upload is older than the sweep uploads again', async () => {
  const one = await emptyLog()
  await fill(one, 3)
  const two = instance(one, { instance: 'two' })
  await readAll(two, 0)
  await fill(one, 1)
  await one.lane.change(() => ({ kind: 'tickets', to: 4 }), one.clock.now() + 1000)
  await appendBatches(two, 0, batch({ value: 'y'.repeat(5000) }))
  const { tail } = partitionOf(await two.lane.state('known'), 0)
  const source = tail.at(-1)?.source
  expect(source?.in === 'object' && source.name.slice(4, 16)).toBe('000000000005')
})

test('a reader whose object was rewritten and swept reads the same records from where they are now', async () => {
  const one = await emptyLog()
  const two = instance(one, { instance: 'two' })
  await fill(one, 6)
  const before = await readAll(two, 0)
  await flush(one.lane, one.objects, one.bytes)
  await sweep(one.lane, one.objects, 6)
  expect(await readAll(two, 0)).toEqual(before)
})

test('an object that is really missing is an error, never an empty answer', async () => {
  const log = await emptyLog()
  await fill(log, 2)
  for (const { key } of await log.objects.list('', '')) await log.objects.delete(key)
  await expect(readAll(log, 0)).rejects.toThrow('is missing')
})

test('truncation deletes the rows below the checkpoint that are older than an hour, and no others', async () => {
  const log = await emptyLog()
  await fill(log, 10)
  await checkpoint(log.lane.journal, await log.lane.confirmedView())
  expect(await truncate(log.lane.journal)).toBe(0)
  log.clock.move(anHourMs + 60_000)
  await fill(log, 2)
  const before = await readAll(log, 0)
  expect(await truncate(log.lane.journal)).toBe(9)
  expect(await seqsOf(log)).toEqual([10, 11, 12])
  expect(await readCheckpointItem(log.items, testShard)).toMatchObject({ seq: 10, floor: 9 })
  expect(await readAll(instance(log, { instance: 'two' }), 0)).toEqual(before)
})

test('an instance that slept through a truncation loads again instead of believing an empty answer', async () => {
  const one = await emptyLog()
  const sleeper = instance(one, { instance: 'sleeper' })
  await fill(one, 4)
  await readAll(sleeper, 0)
  await fill(one, 6)
  await checkpoint(one.lane.journal, await one.lane.confirmedView())
  one.clock.move(2 * anHourMs)
  await fill(one, 2)
  await truncate(one.lane.journal)
  await appendBatches(sleeper, 0, batch({ value: 'awake' }))
  expect((await readAll(one, 0)).at(-1)?.value).toBe('awake')
  expect(await readAll(sleeper, 0)).toEqual(await readAll(one, 0))
})

test('records go by age and by size, whole segments at a time', async () => {
  const log = await emptyLog()
  for (let i = 0; i < 3; i++) {
    await appendBatches(log, 0, batch({ records: 10, value: 'x'.repeat(1000), timestamp: BigInt(log.clock.now()) }))
    await flush(log.lane, log.objects, log.bytes)
    log.clock.move(1000)
  }
  const state = () => log.lane.state('known')
  expect(await trim(log.lane, await state(), { retentionMs: 2500n, retentionBytes: -1n }, aDayMs)).toBe(1)
  expect(partitionOf(await state(), 0)).toMatchObject({ logStartOffset: 10n, endOffset: 30n })
  expect(await trim(log.lane, await state(), { retentionMs: -1n, retentionBytes: 10_000n }, aDayMs)).toBe(1)
  expect(partitionOf(await state(), 0).logStartOffset).toBe(20n)
  expect(await trim(log.lane, await state(), never, aDayMs)).toBe(0)
})

test('a producer that was idle for a day is forgotten, one that came back is not', async () => {
  const log = await emptyLog()
  const of = (producerId: bigint, baseSequence: number) => batch({ producerId, producerEpoch: 0, baseSequence })
  await appendBatches(log, 0, of(1n, 0), of(2n, 0))
  log.clock.move(aDayMs + 1)
  await appendBatches(log, 0, of(2n, 1))
  expect(await trim(log.lane, await log.lane.state('known'), never, aDayMs)).toBe(1)
  expect(await appendBatches(log, 0, of(1n, 1))).toMatchObject([{ error: 'UNKNOWN_PRODUCER_ID' }])
  expect(await appendBatches(log, 0, of(2n, 2))).toMatchObject([{ outcome: 'next' }])
})

test('a producer that writes once is remembered for ten minutes, and not for a day', async () => {
  const log = await emptyLog()
  const producerId = singleWriteOf(Buffer.from('12345678'))
  const write = batch({ producerId, producerEpoch: 0, baseSequence: 0 })
  const trimmed = async () => trim(log.lane, await log.lane.state('known'), never, aDayMs)
  await appendBatches(log, 0, write)
  log.clock.move(10 * 60_000)
  expect(await trimmed()).toBe(0)
  expect(await appendBatches(log, 0, write)).toMatchObject([{ outcome: 'duplicate', baseOffset: 0n }])
  log.clock.move(6 * 60_000)
  expect(await trimmed()).toBe(1)
  expect(await appendBatches(log, 0, write)).toMatchObject([{ outcome: 'next', baseOffset: 1n }])
})

test('one pass forgets all producers that wrote once, however many rows that takes', async () => {
  const log = await emptyLog()
  const write = (i: number) => {
    const hash = Buffer.alloc(8)
    hash.writeUInt32BE(i, 4)
    return batch({ producerId: singleWriteOf(hash), producerEpoch: 0, baseSequence: 0 })
  }
  const perRequest = 500
  for (let i = 0; i < 5; i++) {
    await appendBatches(log, 0, ...Array.from({ length: perRequest }, (_, j) => write(i * perRequest + j)))
  }
  log.clock.move(16 * 60_000)
  await appendBatches(log, 0, write(5 * perRequest))
  const known = async () => [...producersIn(partitionOf(await log.lane.state('known'), 0).producers)].length
  const forget = async (untilMs?: number) => trim(log.lane, await log.lane.state('known'), never, aDayMs, untilMs)
  expect(await known()).toBe(5 * perRequest + 1)
  expect(await forget(log.clock.now())).toBe(0)
  expect(await forget()).toBe(3)
  expect(await known()).toBe(1)
  expect(await forget()).toBe(0)
})

test.each(['tail', 'segments'])('a timestamp is found exact to the record in %s', async (where) => {
  const log = await emptyLog()
  await fill(log, 10)
  if (where === 'segments') await flush(log.lane, log.objects, log.bytes)
  const at = (timestamp: bigint) => offsetAtTimestamp(log.lane, log.bytes, 0, timestamp)
  expect(await at(0n)).toEqual({ offset: 0n, timestamp: 0n })
  expect(await at(1n)).toEqual({ offset: 1n, timestamp: 1n })
  expect(await at(2n)).toEqual({ offset: 2n, timestamp: 20n })
  expect(await at(81n)).toEqual({ offset: 9n, timestamp: 81n })
  expect(await at(82n)).toBeUndefined()
  expect(await offsetOfMaxTimestamp(log.lane, log.bytes, 0)).toEqual({ offset: 9n, timestamp: 81n })
  await log.lane.change(() => ({ kind: 'trim', partition: 0, logStartOffset: 3n }), log.clock.now() + 1000)
  expect(await at(0n)).toEqual({ offset: 3n, timestamp: 21n })
})
