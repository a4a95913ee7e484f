import { expect, test } from 'vitest'
import { type FunctionCall, newCallMeter } from '../../lib/store/call-meter.ts'
import { addBills, callBill, requestUsd, scaleBill, storeBill, totalOf } from '../../lib/store/price.ts'

const called = (...calls: readonly FunctionCall[]) => {
  const meter = newCallMeter()
  for (const call of calls) meter.called(call)
  return meter.counts()
}

test.each([
  [{ writeUnits: 1e6 }, 0.625],
  [{ readUnits: 1e6 }, 0.125],
  [{ readUnits: 0.5 }, 0.0625e-6],
  [{ objectPuts: 1e6 }, 5],
  [{ objectLists: 1e6 }, 5],
  [{ objectReads: 1e6 }, 0.4],
  [{ objectDeletes: 1e6, itemBytesWritten: 1e12, objectBytesRead: 1e12 }, 0],
])('calls of stores %o cost %d USD', (counts, usd) => {
  expect(totalOf(storeBill(counts))).toBeCloseTo(usd, 12)
})

test.each<[what: string, call: FunctionCall, gbSeconds: number]>([
  ['each started ms counts', { ms: 10.2, memoryMb: 1024, door: 'url' }, 0.011],
  ['the shortest call is one', { ms: 0, memoryMb: 1024, door: 'url' }, 0.001],
  ['half of a GB is half of it', { ms: 100, memoryMb: 512, door: 'none' }, 0.05],
])('a function is timed: %s', (_, call, gbSeconds) => {
  const counts = called(call)
  expect(counts).toMatchObject({ functionCalls: 1, httpApiUnits: 0, restApiUnits: 0 })
  expect(counts.functionGbSeconds).toBeCloseTo(gbSeconds, 9)
})

test.each([
  [0, 0, 1],
  [200 * 1024, 312 * 1024, 1],
  [200 * 1024, 312 * 1024 + 1, 2],
  [4 * 1024 * 1024, 1, 9],
])('an HTTP API counts each started 512 KB of %i and %i bytes: %i', (requestBytes, replyBytes, units) => {
  const call = { ms: 1, memoryMb: 512, requestBytes, replyBytes }
  expect(called({ ...call, door: 'http' }).httpApiUnits).toBe(units)
  expect(called({ ...call, door: 'rest' }).restApiUnits).toBe(1)
})

test('an answer that is streamed is paid for beyond 6 MB', () => {
  const call = { ms: 1, memoryMb: 512, door: 'url', isStreamed: true } as const
  expect(called({ ...call, replyBytes: 6 * 1024 * 1024 }).streamedBytes).toBe(0)
  expect(called({ ...call, replyBytes: 6 * 1024 * 1024 + 5 }).streamedBytes).toBe(5)
})

test('a million calls of a function behind an HTTP API cost what the price list says', () => {
  const one = called({ ms: 100, memoryMb: 512, door: 'http', logBytes: 1000 })
  const bill = scaleBill(callBill(one), 1e6)
  expect(bill.functions).toBeCloseTo(0.2 + 50_000 * 0.0000133334, 6)
  expect(bill.api).toBeCloseTo(1, 9)
  expect(bill.logs).toBeCloseTo(0.5, 9)
})

test('bills add up', () => {
  const bill = addBills(storeBill({ writeUnits: 1e6 }), callBill(called({ ms: 1, memoryMb: 1024, door: 'rest' })))
  expect(totalOf(bill)).toBeCloseTo(0.625 + 3.5e-6 + 0.2e-6 + 0.001 * 0.0000133334, 12)
})

test('a request costs its store calls and its function', () => {
  const usd = requestUsd({ writeUnits: 2, readUnits: 1 }, { ms: 10, memoryMb: 512 })
  expect(usd * 1e6).toBeCloseTo(2 * 0.625 + 0.125 + 0.2 + 0.005 * 13.3334, 6)
})
