import { expect, test } from 'vitest'
import { recordJson } from '../../lib/http/record-json.ts'
import { FixedClock } from '../support/log.ts'
import { httpWorld } from './world.ts'

/** Records may take 100 000 bytes here. */
const maxAnswerBytes = 300_000
/** Six times as long as JSON. */
const controls = (count: number): string => '\u0001'.repeat(count)
const inBase64 = (text: string): string => Buffer.from(text).toString('base64')

const world = async () => {
  const clock = new FixedClock()
  const w = httpWorld({ maxAnswerBytes }, { clock })
  await w.ask('PUT', '/v1/topics/orders')
  const produce = async (record: object) => {
    expect((await w.ask('POST', '/v1/topics/orders/records', { body: record })).status).toBe(200)
  }
  const post = async (verb: string, body: object) => (await w.ask('POST', `/v1/groups/g/${verb}`, { body })).body
  const poll = () => post('poll', { topics: ['orders'], limit: 1 })
  return { ...w, clock, produce, post, poll }
}

const part = 'h'.repeat(40_000)

test.each([
  ['small, as it is', { value: 'x'.repeat(90_000) }, { value: 'x'.repeat(90_000) }],
  [
    'too large as JSON, in base64',
    { key: 'k', value: controls(50_000) },
    { key: { $bytes: inBase64('k') }, value: { $bytes: inBase64(controls(50_000)) } },
  ],
  [
    'too large in base64, without its value',
    { key: 'k', value: controls(90_000), headers: { a: 'b' } },
    { key: 'k', value: { $bytes: null, sizeBytes: 90_000 }, headers: { a: 'b' } },
  ],
  [
    'too large altogether, without its value',
    { key: 'k', value: 'x'.repeat(150_000), headers: { a: 'b' } },
    { key: 'k', value: { $bytes: null, sizeBytes: 150_000 }, headers: { a: 'b' } },
  ],
  [
    'too large beside its value, by its place',
    { key: 'k', value: null, headers: { a: part, b: part, c: part } },
    { key: { $bytes: null, sizeBytes: 1 }, value: null, headers: {} },
  ],
])('a record is told wherever it is read, and its reader goes on behind it: %s', async (_, record, told) => {
  const w = await world()
  await w.produce(record)
  await w.produce({ value: 'behind' })
  const { body: page } = await w.ask('GET', '/v1/topics/orders/records?limit=1')
  const { body: next } = await w.ask('GET', `/v1/topics/orders/records?from=${page.next}`)
  const one = await w.ask('GET', '/v1/topics/orders/partitions/0/records/0')
  const polled = await w.poll()
  expect(polled.records[0]).toMatchObject({ topic: 'orders', attempt: 1 })
  for (const read of [page.records[0], one.body, polled.records[0]]) expect(read).toMatchObject({ offset: 0, ...told })
  expect(next.records).toMatchObject([{ value: 'behind' }])
  await w.post('ack', { lease: polled.lease })
  expect((await w.poll()).records).toMatchObject([{ value: 'behind' }])
})

test('what is left out is in the letter, and is not written back by mistake', async () => {
  const w = await world()
  await w.produce({ value: controls(90_000) })
  const { lease } = await w.poll()
  await w.post('ack', { lease, failed: [{ topic: 'orders', partition: 0, offset: 0 }] })
  w.clock.move(1000)
  const again = await w.poll()
  const [{ value }] = again.records
  expect(again.records).toMatchObject([{ attempt: 2, value: { $bytes: null, sizeBytes: 90_000 } }])
  expect((await w.ask('POST', '/v1/topics/orders/records', { body: { value } })).status).toBe(422)
  await w.post('ack', { lease: again.lease, failed: [{ topic: 'orders', partition: 0, offset: 0, retry: false }] })
  expect((await w.fetch('orders.g.dlq', 0n))?.records?.includes(controls(90_000))).toBe(true)
})

test('a text that would be no string as JSON is not made into one', () => {
  const bytes = Buffer.alloc(100_000_000, 1)
  const record = { offset: 0n, timestamp: 0n, key: null, value: bytes, headers: [] }
  const told = { partition: 0, offset: 0, timestamp: 0, key: null, value: String(bytes), headers: {} }
  const { value } = JSON.parse(recordJson(told, record, 64 * 1024 * 1024))
  expect(value).toEqual({ $bytes: null, sizeBytes: bytes.length })
})
