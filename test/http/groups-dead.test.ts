import { expect, test } from 'vitest'
import { letterTopicNames } from '../../lib/http/groups-dead.ts'
import { nameProblem } from '../../lib/log/topic.ts'
import { type Fault, faultyItems, type StoreCall } from '../../lib/store/faults.ts'
import { journalPartition } from '../../lib/store/keys.ts'
import { memoryItems } from '../../lib/store/memory.ts'
import { FixedClock } from '../support/log.ts'
import { httpWorld } from './world.ts'

const world = async (topic: object = {}) => {
  const clock = new FixedClock()
  let decide: (call: StoreCall) => Fault = () => ({ fault: 'pass' })
  const items = faultyItems(memoryItems(), { decide: (call) => decide(call), sleep: (ms) => clock.sleep(ms) })
  const w = httpWorld({}, { clock, items })
  const { id } = (await w.ask('PUT', '/v1/topics/orders', { body: topic })).body
  const produce = (record: object) => w.ask('POST', '/v1/topics/orders/records', { body: record })
  const post = (verb: string, body: object) => w.ask('POST', `/v1/groups/g/${verb}`, { body })
  const poll = async () => (await post('poll', { topics: ['orders'] })).body
  /** Acknowledges what is polled next; the first record of it is beyond help. */
  const failFirst = async () => {
    const { lease, records } = await poll()
    const [{ partition, offset }] = records
    return post('ack', { lease, failed: [{ topic: 'orders', partition, offset, retry: false }] })
  }
  const letters = async (name = 'orders.g.dlq') => (await w.ask('GET', `/v1/topics/${name}/records`)).body.records
  const faults = (now: typeof decide) => {
    decide = now
  }
  return { ...w, clock, id, produce, post, poll, failFirst, letters, faults }
}

test('a letter is as its record was, with where it was', async () => {
  const w = await world()
  await w.produce({ key: 'k', value: { id: 1 }, headers: { source: 'web' }, timestamp: 1_699_999_999_000 })
  expect((await w.failFirst()).body.deadLetters).toBe(1)
  const [letter] = await w.letters()
  expect(letter).toMatchObject({ key: 'k', value: { id: 1 } })
  expect(letter.headers).toMatchObject({ source: 'web', 'wadi.dlq.offset': '0', 'wadi.dlq.timestamp': '1699999999000' })
})

test.each([
  ['older than letters are kept', { retentionMs: -1 }, -30 * 86_400_000],
  ['of a time to come', { configs: { 'message.timestamp.after.max.ms': '86400000' } }, 7_200_000],
])('the letter of a record that is %s is kept from when it was written', async (_, topic, ms) => {
  const w = await world(topic)
  const timestamp = w.clock.now() + ms
  await w.produce({ value: 'x', timestamp })
  expect((await w.failFirst()).body.deadLetters).toBe(1)
  const [letter] = await w.letters()
  expect(letter.headers).toMatchObject({ 'wadi.dlq.timestamp': String(timestamp) })
  expect(Math.abs(w.clock.now() - letter.timestamp)).toBeLessThan(60_000)
})

test('a topic of JSON takes the letter of a record that is none', async () => {
  const w = await world()
  await w.ask('PUT', '/v1/topics/orders.g.dlq', { body: { valueFormat: 'json' } })
  await w.produce({ value: { $bytes: '//4=' } })
  expect((await w.failFirst()).body.deadLetters).toBe(1)
  expect(await w.letters()).toMatchObject([{ value: { $bytes: '//4=' } }])
})

test('while the letters cannot be written the acknowledgement stands, and they are written later, once', async () => {
  const w = await world()
  await w.produce({ value: 'x' })
  await w.ask('PUT', '/v1/topics/orders.g.dlq')
  const { id } = (await w.ask('GET', '/v1/topics/orders.g.dlq')).body
  const rows = journalPartition({ topicId: id, index: 0 })
  // Stored, but the answers are lost, until the writer gives up.
  w.faults(({ call, where }) => ({
    fault:
      (call === 'putIfAbsent' || call === 'get' || call === 'query') && where.startsWith(rows) ? 'drop-after' : 'pass',
  }))
  expect((await w.failFirst()).body).toEqual({ lease: null, left: {}, deadLetters: 0 })
  expect((await w.ask('GET', '/v1/groups/g')).body.failed).toMatchObject([{ isDead: true }])
  expect(w.lines.join()).toContain('a dead letter of the group g is not away yet')
  w.faults(() => ({ fault: 'pass' }))
  expect((await w.poll()).lease).toBeNull()
  expect((await w.ask('GET', '/v1/groups/g')).body.failed).toEqual([])
  expect(await w.letters()).toHaveLength(1)
})

test('a letter that was written and not forgotten is not written again', async () => {
  const w = await world()
  await w.produce({ value: 'x' })
  let puts = 0
  w.faults(({ call, where }) => {
    if (call !== 'replace' || !where.startsWith('G ')) return { fault: 'pass' }
    puts += 1
    // The failure is noted, the lease is done, and that the letter is away is never stored.
    return { fault: puts > 2 ? 'drop-before' : 'pass' }
  })
  expect((await w.failFirst()).body).toEqual({ lease: null, left: {}, deadLetters: 1 })
  expect(w.lines.join()).toContain('are away and not forgotten')
  w.faults(() => ({ fault: 'pass' }))
  expect(await w.letters()).toHaveLength(1)
  expect((await w.poll()).lease).toBeNull()
  expect((await w.ask('GET', '/v1/groups/g')).body.failed).toEqual([])
  expect(await w.letters()).toHaveLength(1)
})

test('a letter that was written and not forgotten is known when its record is deleted since', async () => {
  const w = await world()
  await w.produce({ value: 'x' })
  let puts = 0
  w.faults(({ call, where }) => {
    if (call === 'replace' && where.startsWith('G ')) puts += 1
    return { fault: puts > 2 ? 'drop-before' : 'pass' }
  })
  await w.failFirst()
  w.faults(() => ({ fault: 'pass' }))
  await w.ask('POST', '/v1/topics/orders:trim', { body: { before: { '0': 1 } } })
  await w.poll()
  expect((await w.ask('GET', '/v1/groups/g')).body.failed).toEqual([])
  expect(await w.letters()).toMatchObject([{ value: 'x' }])
})

test('a record that has failed and is deleted since leaves a letter without it, or is passed', async () => {
  const w = await world()
  for (const value of ['a', 'b']) await w.produce({ value })
  const { lease } = await w.poll()
  await w.post('ack', { lease, failed: [{ topic: 'orders', partition: 0, offset: 0 }] })
  await w.ask('POST', '/v1/topics/orders:trim', { body: { before: { '0': 2 } } })
  w.clock.move(5000)
  expect((await w.poll()).lease).toBeNull()
  expect((await w.ask('GET', '/v1/groups/g')).body.failed).toEqual([])
})

test('a record that with its place is too large for the letters leaves its place', async () => {
  const w = await world({ maxMessageBytes: 200_000 })
  await w.ask('PUT', '/v1/topics/orders.g.dlq', { body: { maxMessageBytes: 1000 } })
  await w.produce({ value: 'x'.repeat(150_000) })
  expect((await w.failFirst()).body.deadLetters).toBe(1)
  expect(await w.letters()).toMatchObject([
    { value: null, headers: { 'wadi.dlq.offset': '0', 'wadi.dlq.value': 'too large' } },
  ])
})

test('so does one whose key is too large', async () => {
  const w = await world()
  await w.ask('PUT', '/v1/topics/orders.g.dlq', { body: { maxMessageBytes: 1000 } })
  await w.produce({ key: 'k'.repeat(2000), value: 'x' })
  expect((await w.failFirst()).body.deadLetters).toBe(1)
  expect(await w.letters()).toMatchObject([{ key: null, value: null, headers: { 'wadi.dlq.offset': '0' } }])
})

test('the same record may die twice, when the group has gone back', async () => {
  const w = await world()
  await w.produce({ value: 'x' })
  await w.failFirst()
  w.clock.move(1000)
  await w.ask('PUT', '/v1/groups/g/offsets', { body: { to: 'earliest' } })
  expect((await w.failFirst()).body.deadLetters).toBe(1)
  expect(await w.letters()).toHaveLength(2)
})

test.each([
  ['orders', 'billing', 'orders.billing.dlq'],
  ['orders', 'a b/ü', /^orders\.a_b__\.[0-9a-f]{12}\.dlq$/],
  ['o'.repeat(200), 'g'.repeat(200), /^o{200}\.g+\.[0-9a-f]{12}\.dlq$/],
])('the letters of %s and %s have a topic', (topic, group, wanted) => {
  const [name = '', ...others] = letterTopicNames(topic, group)
  expect(name).toMatch(wanted)
  for (const one of [name, ...others]) expect(nameProblem(one)).toBeUndefined()
})

test('where another topic is in the way, the letters have one beside it', async () => {
  const w = await world()
  await w.ask('PUT', '/v1/topics/orders_g_dlq')
  await w.produce({ value: 'x' })
  expect((await w.failFirst()).body.deadLetters).toBe(1)
  const names = (await w.ask('GET', '/v1/topics?prefix=orders.g.')).body.topics
  expect(await w.letters(names[0].name)).toHaveLength(1)
})
