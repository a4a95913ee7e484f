import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { run } from '../../lib/bench/process.ts'
import { runIdle, runShape, type Shape } from '../../lib/cli/cost-shapes.ts'
import { totalOf } from '../../lib/store/price.ts'
import { listening } from '../support/loopback.ts'

const main = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url))
const wadi = (...args: readonly string[]) =>
  run({ command: process.execPath, args: [main, ...args] }, { timeoutMs: 60_000 })

test.each([1, 10, 100])('a month in which nothing happens to %i topics costs at most 0.05 USD', async (topics) => {
  const { counts, bill } = await runIdle({ topics, memoryMb: 512, functionMs: 30 })
  expect(counts.functionCalls).toBeCloseTo(43_800)
  expect(counts.objectPuts + counts.objectLists + counts.puts).toBe(0)
  expect(totalOf(bill)).toBeGreaterThan(0.01)
  expect(totalOf(bill)).toBeLessThanOrEqual(0.05)
})

const shape: Shape = {
  name: 'small',
  through: 'url',
  recordBytes: 100,
  recordsPerBatch: 2,
  everyMs: 2000,
  pollEveryMs: 60_000,
  produceMs: 10,
  fetchMs: 10,
}

test('a small row costs a write, and another when it goes', async () => {
  const { records, counts } = await runShape(shape, 1024)
  const rows = records / 2
  expect(rows).toBe(600)
  // What maintenance writes comes on top: flushes, hints, checkpoints.
  expect(counts.writeUnits).toBeGreaterThanOrEqual(2 * rows * 0.85)
  expect(counts.writeUnits).toBeLessThan(2 * rows * 1.5)
})

test('functions pay for each call, a gateway for maintenance only; the API in front is counted by its door', async () => {
  const [url, http, gateway] = await Promise.all(
    (['url', 'http', 'gateway'] as const).map((through) => runShape({ ...shape, through }, 1024)),
  )
  expect(url?.counts.functionCalls).toBe(http?.counts.functionCalls)
  expect(url?.counts.functionCalls).toBeGreaterThan(600 + 20)
  expect(gateway?.counts.functionCalls).toBeLessThan(50)
  expect([url, http, gateway].map((run) => run?.counts.httpApiUnits)).toEqual([0, 600 + 20, 0])
})

test('wadi cost prices what a running server has counted', async () => {
  const server = createServer((_, response) =>
    response.end(JSON.stringify({ writeUnits: 1e6, readUnits: 2e6, gets: 5 })),
  )
  const url = `http://${await listening(server)}/v1/usage`
  const { status, stdout } = await wadi('cost', '--usage', url)
  expect(status).toBe(0)
  const { _cmd, data } = JSON.parse(stdout.toString())
  expect(_cmd).toBe('cost')
  expect(data).toMatchObject({ counts: { writeUnits: 1e6, readUnits: 2e6 } })
  expect(data.usd).toBeCloseTo(0.625 + 0.25)
  expect((await wadi('cost', '--usage', url, '-o', 'table')).stdout.toString()).toMatch(
    /its store calls +0\.8750 +1,000,000/,
  )
})

test('wadi cost prints a line for each shape, per million records, per GiB, and for an idle month', async () => {
  const table = (await wadi('cost', '-o', 'table', '--topics', '3')).stdout.toString()
  for (const line of ['functions, one record per call', 'gateway, 250 ms of records per row']) {
    expect(table.match(new RegExp(line, 'g'))).toHaveLength(2)
  }
  expect(table).toMatch(/3 topics, a pass each minute +0\.0\d+/)
  expect(table).toMatch(/^Alarms and dashboards \(7 and 1\): 3\.70 USD a month more/m)
  expect(table).toContain(
    '0.0230 USD in the bucket, 0.2500 in the table and 0.2000 more for its point-in-time recovery',
  )
})

test.each([
  [['--topics', 'many'], 2, /--topics is "many"/],
  [['--usage', 'here'], 2, /--usage is "here"/],
  [['-o', 'xml'], 2, /-o is "xml"/],
  [['--usage', 'http://127.0.0.1:1/v1/usage'], 1, /there is no usage at http/],
])('wadi cost %j ends with status %i and says why', async (args, status, words) => {
  const finished = await wadi('cost', ...args)
  expect(finished.status).toBe(status)
  expect(finished.stderr.toString()).toMatch(words)
})
