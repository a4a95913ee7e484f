import { expect, test } from 'vitest'
import { LogBytes } from '../../lib/journal/bytes.ts'
import { fetchRecords, offsetAtTimestamp, offsetOfMaxTimestamp } from '../../lib/journal/read.ts'
import { flush } from '../../lib/maintenance/flush.ts'
import { mergeSegments } from '../../lib/maintenance/merge.ts'
import { batchOf, recordsOf } from '../support/batches.ts'
import { appendBatches, emptyLog } from '../support/log.ts'

const records = 600

/** Sizes that put many batches into one block of the index, and some batches into several blocks' worth of bytes. */
const sizeOf = (offset: number): number => (offset % 37 === 0 ? 40_000 : (offset * 7919) % 900)
/** Mostly growing, sometimes far back. */
const timestampOf = (offset: number): bigint => BigInt(offset % 11 === 0 ? offset : offset * 10)

/** A log of two partitions whose records fill one object with large segments, two of them merged into one. */
const largeLog = async () => {
  const log = await emptyLog()
  for (let offset = 0; offset < records; offset += 3) {
    const three = [0, 1, 2].map((i) => ({
      key: null,
      value: Buffer.alloc(sizeOf(offset + i), offset + i),
      timestamp: timestampOf(offset + i),
    }))
    const [first, ...rest] = three
    if (first === undefined) throw new Error('three records')
    for (const partition of [0, 1]) await appendBatches(log, partition, batchOf([first, ...rest]))
    if (offset === 299 || offset === 300) await flush(log.lane, log.objects, log.bytes)
  }
  await flush(log.lane, log.objects, log.bytes)
  return { ...log, bytes: new LogBytes(log.objects) }
}

test('every offset of a large segment is found, however little is asked for', async () => {
  const log = await largeLog()
  for (let offset = 0; offset < records; offset += 7) {
    for (const maxBytes of [1, 20_000, 100_000, 10_000_000]) {
      const range = { offset: BigInt(offset), maxBytes, atLeastOne: true }
      const fetched = await fetchRecords(log.lane, log.bytes, 1, range)
      if (fetched.outcome !== 'fetched') throw new Error(`${offset} is out of range`)
      const found = recordsOf(Buffer.concat(fetched.records))
      const first = offset - (offset % 3)
      expect(found.map((record) => Number(record.offset))).toEqual(found.map((_, i) => first + i))
      expect(found.length).toBeGreaterThan(0)
      expect(found.every(({ value, offset }) => value?.length === sizeOf(Number(offset)))).toBe(true)
    }
  }
})

test.each([['flushed'], ['merged']])('every timestamp in large segments finds its first record: %s', async (how) => {
  const log = await largeLog()
  if (how === 'merged') {
    const state = await log.lane.state('confirmed')
    expect(await mergeSegments(log.lane, log.objects, log.bytes, state, 2)).toBeGreaterThan(0)
  }
  for (let timestamp = 0n; timestamp < BigInt(records * 10); timestamp += 13n) {
    const expected = Array.from({ length: records }, (_, i) => i).find((i) => timestampOf(i) >= timestamp)
    const found = await offsetAtTimestamp(log.lane, log.bytes, 0, timestamp)
    expect(found?.offset).toBe(expected === undefined ? undefined : BigInt(expected))
  }
  expect(await offsetOfMaxTimestamp(log.lane, log.bytes, 1)).toEqual({
    offset: BigInt(records - 1),
    timestamp: timestampOf(records - 1),
  })
})
