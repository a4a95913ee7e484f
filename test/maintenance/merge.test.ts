import { expect, test } from 'vitest'
import { planMerge } from '../../lib/log/flush.ts'
import { partitionOf, type Segment } from '../../lib/log/state.ts'
import { flush } from '../../lib/maintenance/flush.ts'
import { mergeAll } from '../../lib/maintenance/merge.ts'
import { batch } from '../support/batches.ts'
import { appendBatches, emptyLog, readAll, type TestLog } from '../support/log.ts'

const mib = 1024 * 1024
const segmentsPerMerge = 8

/** A log whose two partitions have so many segments each. */
const flushedLog = async (segments: number): Promise<TestLog> => {
  const log = await emptyLog()
  for (let i = 0; i < segments; i++) {
    for (const partition of [0, 1]) await appendBatches(log, partition, batch({ value: `${i}` }))
    await flush(log.lane, log.objects, log.bytes)
  }
  return log
}

const segmentsOf = async ({ lane }: TestLog) => {
  const state = await lane.state('known')
  return [0, 1].map((partition) => partitionOf(state, partition).segments.length)
}

test('a pass merges until no run of equal segments is left', async () => {
  const log = await flushedLog(100)
  const before = [await readAll(log, 0), await readAll(log, 1)]
  expect(await mergeAll(log.lane, log.objects, log.bytes, Number.POSITIVE_INFINITY)).toBeGreaterThan(2)
  for (const segments of await segmentsOf(log)) expect(segments).toBeLessThan(segmentsPerMerge)
  expect([await readAll(log, 0), await readAll(log, 1)]).toEqual(before)
})

test('when time is up no merge is begun; the rest is left to the next pass', async () => {
  const log = await flushedLog(100)
  expect(await mergeAll(log.lane, log.objects, log.bytes, log.clock.now())).toBe(0)
  // Each merge takes a second here.
  const slow = { ...log.objects, putIfAbsent: log.objects.putIfAbsent }
  slow.putIfAbsent = async (key, parts) => {
    log.clock.move(1000)
    return log.objects.putIfAbsent(key, parts)
  }
  expect(await mergeAll(log.lane, slow, log.bytes, log.clock.now() + 5000)).toBe(5)
})

/** What is left of segments that come one after the other when runs are merged after each; in bytes. */
const mergedSizes = (sizesBytes: readonly number[]): readonly number[] => {
  let segments: readonly Segment[] = []
  for (const [i, sizeBytes] of sizesBytes.entries()) {
    const name = `seg/${i}`
    const [baseOffset, endOffset] = [BigInt(i), BigInt(i + 1)]
    const segment = { name, position: 0, sizeBytes, indexBytes: 1, baseOffset, endOffset, maxTimestamp: 0n }
    segments = [...segments, segment]
    for (;;) {
      const run = planMerge({ index: 0, logStartOffset: 0n, endOffset, segments, tail: [], producers: [], epochs: [] })
      const first = run?.[0]
      if (run === undefined || first === undefined) break
      const at = segments.indexOf(first)
      expect(segments.slice(at, at + run.length)).toEqual(run)
      const merged = { ...first, sizeBytes: run.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) }
      segments = [...segments.slice(0, at), merged, ...segments.slice(at + run.length)]
    }
  }
  return segments.map(({ sizeBytes }) => sizeBytes)
}

test.each([
  ['of 16 partitions', 2 * mib, 3000, 100 + 64],
  ['of one partition', 33 * mib, 600, 300 + 64],
  ['of a partition with little traffic', 1000, 3000, 64],
])('segments %s become few and large, and none more than a function can hold', (_, sizeBytes, count, most) => {
  const sizes = mergedSizes(Array.from({ length: count }, () => sizeBytes))
  expect(sizes.length).toBeLessThanOrEqual(most)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(72 * mib)
})

test('a partition with few segments keeps those that are large enough for one read', () => {
  expect(mergedSizes(Array.from({ length: 20 }, () => 5 * mib))).toHaveLength(20)
})
