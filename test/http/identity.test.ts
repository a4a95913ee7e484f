import { expect, test } from 'vitest'
import { Logs } from '../../lib/journal/logs.ts'
import type { Items } from '../../lib/store/items.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { FixedClock } from '../support/log.ts'
import { httpWorld } from './world.ts'

const world = async (partitions = 1) => {
  const clock = new FixedClock()
  const made = httpWorld({}, { clock })
  await made.ask('PUT', '/v1/topics/orders', { body: { partitions } })
  const send = (body: unknown, headers: Readonly<Record<string, string>> = {}, query = '') =>
    made.ask('POST', `/v1/topics/orders/records${query}`, { body, headers })
  const records = async () => (await made.ask('GET', '/v1/topics/orders')).body.records
  return { ...made, clock, send, records }
}

test('a request with the same Idempotency-Key is written once and answered the same', async () => {
  const { send, records, clock } = await world(8)
  const headers = { 'idempotency-key': 'import-7' }
  const body = { records: [{ key: 'a', value: 1 }, { value: 2 }, { key: 'b', value: 3 }] }
  const first = await send(body, headers)
  clock.move(60_000)
  const again = await send(body, headers)
  expect([again.status, again.body]).toEqual([200, first.body])
  expect(await records()).toBe(3)
  expect((await send(body, { 'idempotency-key': 'import-8' })).status).toBe(200)
  expect(await records()).toBe(6)
})

test('a large request is known again, however many batches it took', async () => {
  const { send, ask, records } = await world()
  await ask('PATCH', '/v1/topics/orders', { body: { maxMessageBytes: 20_000 } })
  const headers = { 'idempotency-key': 'k' }
  const body = { records: Array.from({ length: 60 }, (_, i) => ({ value: `${i}-${'x'.repeat(1000)}` })) }
  const first = await send(body, headers)
  expect((await send(body, headers)).body).toEqual(first.body)
  expect(await records()).toBe(60)
  const larger = { records: [...body.records, ...body.records] }
  expect((await send(larger, { 'idempotency-key': 'l' })).body).toMatchObject({ status: 413, limitBytes: 100_000 })
})

test.each([
  ['another value', { value: 'y' }],
  ['another header', { value: 'x', headers: { a: 'b' } }],
  ['another number of records', { records: [{ value: 'x' }, { value: 'x' }] }],
  ['another partition', { value: 'x', partition: 5 }],
  ['a tombstone', { value: null }],
])('an Idempotency-Key that comes with %s is refused', async (_, body) => {
  const { send, records } = await world(8)
  const headers = { 'idempotency-key': 'k' }
  expect((await send({ value: 'x', partition: 2 }, headers)).status).toBe(200)
  const partition = 'records' in body ? '?partition=2' : 'partition' in body ? '' : '?partition=2'
  const other = await send(body, headers, partition)
  expect([other.status, other.body.code]).toEqual([422, 'KEY_REUSED'])
  expect(await records()).toBe(1)
})

test('a request is known by its key although partitions were added', async () => {
  const { send, ask, records } = await world(1)
  const headers = { 'idempotency-key': 'k' }
  const first = await send({ value: 'x' }, headers)
  await ask('PATCH', '/v1/topics/orders', { body: { partitions: 16 } })
  expect((await send({ value: 'x' }, headers)).body).toEqual(first.body)
  expect(await records()).toBe(1)
})

/** A topic of two partitions, each in a journal of its own, and any number of instances that know nothing of it yet. */
const shardedWorld = async () => {
  const clock = new FixedClock()
  const stored = memoryItems()
  /** The journal whose rows are not stored, as long as there is one. */
  const store: { failing: number | undefined } = { failing: undefined }
  const items: Items = {
    ...stored,
    putIfAbsent: async (key, item) =>
      store.failing !== undefined && new RegExp(`^J#.*#${store.failing}$`).test(key.partition)
        ? { outcome: 'unknown', cause: 'no answer' }
        : stored.putIfAbsent(key, item),
  }
  const objects = memoryObjects(() => clock.now())
  const instance = (name: string) =>
    httpWorld({}, { clock, items, objects, logs: new Logs({ items, objects, clock, instance: name }) }).ask
  const ask = instance('one')
  await ask('PUT', '/v1/topics/wide', { body: { partitions: 2, configs: { 'wadi.shards': '2' } } })
  return { ask, instance, clock, store }
}

const kept = (key: string | null) => ({ key, value: key })

test.each([
  ...['a', 'b', 'c', 'd', 'e', 'f', 'g', null].map((key) => [`the key ${key}`, [kept(key)]] as const),
  ['several keys', ['a', 'b', 'c', 'd', 'e', null].map(kept)] as const,
  ['several keys and a partition', [kept('a'), kept('b'), { value: 'x', partition: 1 }]] as const,
])('a request with %s is written once although partitions were added in several journals', async (_, records) => {
  const { ask, clock, instance } = await shardedWorld()
  const send = (to: typeof ask, key: string) =>
    to('POST', '/v1/topics/wide/records', { body: { records }, headers: { 'idempotency-key': key } })
  const before = await send(ask, 'before')
  for (const partitions of [7, 12]) {
    await ask('PATCH', '/v1/topics/wide', { body: { partitions } })
    clock.move(4 * 60_000)
    const after = await send(ask, `after ${partitions}`)
    for (const to of [ask, instance('two'), instance('three')]) {
      expect((await send(to, 'before')).body).toEqual(before.body)
      expect((await send(to, `after ${partitions}`)).body).toEqual(after.body)
    }
  }
  expect((await ask('GET', '/v1/topics/wide')).body.records).toBe(3 * records.length)
})

test('a request that was written in one journal and not in the other is completed although partitions were added', async () => {
  const { ask, store, instance } = await shardedWorld()
  const body = { records: ['a', 'b', 'c', 'd', 'e', 'f'].map(kept) }
  const send = (to: typeof ask) => to('POST', '/v1/topics/wide/records', { body, headers: { 'idempotency-key': 'k' } })
  store.failing = 1
  expect((await send(ask)).status).toBeGreaterThanOrEqual(500)
  store.failing = undefined
  await ask('PATCH', '/v1/topics/wide', { body: { partitions: 7 } })
  const repeat = await send(instance('two'))
  expect(new Set(repeat.body.records.map(({ partition }: { partition: number }) => partition))).toEqual(new Set([0, 1]))
  expect((await send(ask)).body).toEqual(repeat.body)
  expect((await ask('GET', '/v1/topics/wide')).body.records).toBe(body.records.length)
})

test('identities that are none are refused', async () => {
  const { send } = await world()
  const refused: readonly Readonly<Record<string, string>>[] = [
    { 'idempotency-key': 'k'.repeat(256) },
    { 'producer-id': '1' },
    { 'producer-id': '1', 'producer-epoch': '0', 'producer-seq': '-1' },
    { 'idempotency-key': 'k', 'producer-id': '1', 'producer-epoch': '0', 'producer-seq': '0' },
    { 'if-match': '*' },
    { 'if-match': '0:1' },
    { 'if-match': '"0:1", "0:2"' },
  ]
  for (const headers of refused) expect([headers, (await send({ value: 1 }, headers)).status]).toEqual([headers, 400])
})

test('a producer that counts its records writes each once', async () => {
  const { send, ask, records } = await world()
  const { producerId } = (await ask('POST', '/v1/producers')).body
  const as = (sequence: number, epoch = 0) => ({
    'producer-id': String(producerId),
    'producer-epoch': String(epoch),
    'producer-seq': String(sequence),
  })
  expect((await send({ records: [{ value: 1 }, { value: 2 }] }, as(0))).status).toBe(200)
  expect((await send({ value: 3 }, as(2))).body.offset).toBe(2)
  expect((await send({ value: 3 }, as(2))).body.offset).toBe(2)
  expect((await send({ value: 9 }, as(7))).body).toMatchObject({ status: 409, code: 'OUT_OF_ORDER', kafkaCode: 45 })
  expect((await send({ value: 4 }, as(0, 1))).body.offset).toBe(3)
  expect((await send({ value: 9 }, as(3))).body).toMatchObject({ status: 409, code: 'FENCED', kafkaCode: 47 })
  expect(await records()).toBe(4)
})

test('an append that rests on the end of a partition is refused with the end where it is another', async () => {
  const { send, records } = await world(4)
  const first = await send({ value: 1 }, { 'if-match': '"2:0"' })
  expect([first.body, first.headers.get('etag')]).toMatchObject([{ partition: 2, offset: 0 }, '"2:1"'])
  const late = await send({ value: 2 }, { 'if-match': '"2:0"' })
  expect(late.body).toMatchObject({
    status: 412,
    code: 'CONDITION_FAILED',
    partition: 2,
    endOffset: 1,
    retryable: false,
  })
  expect((await send({ value: 2 }, { 'if-match': '"2:1"' })).status).toBe(200)
  expect((await send({ value: 3, partition: 0 }, { 'if-match': '"2:2", "1:0"' })).body.partition).toBe(0)
  expect((await send({ value: 3 }, { 'if-match': '"7:0"' })).status).toBe(404)
  expect(await records()).toBe(3)
})

test('a repeat with the same identity is no failed condition', async () => {
  const { send } = await world()
  const headers = { 'if-match': '"0:0"', 'idempotency-key': 'k' }
  const first = await send({ value: 1 }, headers)
  expect((await send({ value: 1 }, headers)).body).toEqual(first.body)
})

test('of a hundred writers that race for each end, over two instances, exactly one has it', async () => {
  const clock = new FixedClock()
  const items = memoryItems()
  const objects = memoryObjects(() => clock.now())
  const worlds = ['one', 'two'].map((instance) =>
    httpWorld({}, { clock, items, objects, logs: new Logs({ items, objects, clock, instance }) }),
  )
  await worlds[0]?.ask('PUT', '/v1/topics/orders')
  const wins = new Map<number, number>()
  const write = async (writer: number): Promise<void> => {
    for (let end = 0; end < 5; ) {
      const answer = await worlds[writer % 2]?.ask('POST', '/v1/topics/orders/records', {
        body: { value: `${writer}` },
        headers: { 'if-match': `"0:${end}"` },
      })
      if (answer?.status === 200) wins.set(end, (wins.get(end) ?? 0) + 1)
      else expect([answer?.status, answer?.body.code]).toEqual([412, 'CONDITION_FAILED'])
      end = answer?.status === 200 ? end + 1 : answer?.body.endOffset
    }
  }
  await Promise.all(Array.from({ length: 100 }, (_, writer) => write(writer)))
  const ends = [...wins.keys()].sort((a, b) => a - b)
  expect(ends.slice(0, 5)).toEqual([0, 1, 2, 3, 4])
  expect([...wins.values()].every((count) => count === 1)).toBe(true)
})
