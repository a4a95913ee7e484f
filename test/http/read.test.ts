import { expect, test } from 'vitest'
import { decodeCursor, encodeCursor } from '../../lib/http/cursor.ts'
import { flush } from '../../lib/maintenance/flush.ts'
import { at } from '../../lib/protocol/batch.ts'
import { batch, recordsOf, withCrc } from '../support/batches.ts'
import { FixedClock } from '../support/log.ts'
import { httpWorld } from './world.ts'

type Told = { readonly partition: number; readonly offset: number; readonly value: unknown }

const world = async (partitions = 1) => {
  const clock = new FixedClock()
  const made = httpWorld({}, { clock })
  await made.ask('PUT', '/v1/topics/orders', { body: { partitions } })
  const send = (values: readonly unknown[], query = '') =>
    made.ask('POST', `/v1/topics/orders/records${query}`, { body: { records: values.map((value) => ({ value })) } })
  const read = (query = '', headers: Readonly<Record<string, string>> = {}) =>
    made.ask('GET', `/v1/topics/orders/records${query}`, { headers })
  const valuesOf = (answer: { readonly body: { readonly records: readonly Told[] } }) =>
    answer.body.records.map(({ value }) => value)
  const flushAll = async () => {
    const id = (await made.ask('GET', '/v1/topics/orders')).body.id
    await flush(made.logs.lane({ topicId: id, index: 0 }), made.objects, made.context.bytes)
  }
  return { ...made, clock, send, read, valuesOf, flushAll }
}

test('a record is read as it was sent', async () => {
  const { ask, read, clock } = await world()
  const record = { key: 'c9', value: { id: 1 }, headers: { a: 'x', b: ['1', '2'], c: null }, timestamp: 7 }
  await ask('POST', '/v1/topics/orders/records', { body: record })
  await ask('POST', '/v1/topics/orders/records', { body: { value: { $bytes: '//4=' }, key: { a: 1 } } })
  const { body } = await read()
  expect(body.records).toEqual([
    { partition: 0, offset: 0, ...record },
    { partition: 0, offset: 1, timestamp: clock.now(), key: { a: 1 }, value: { $bytes: '//4=' }, headers: {} },
  ])
  expect(body.upToDate).toBe(true)
})

test('pages follow each other by their cursors, and the last says that there is no more', async () => {
  const { send, read, ask, valuesOf } = await world()
  await send([1, 2, 3, 4, 5].map(String))
  const first = await read('?limit=2')
  expect([valuesOf(first), first.body.upToDate]).toEqual([['1', '2'], false])
  const link = /^<(.+)>; rel="next"$/.exec(first.headers.get('link') ?? '')?.[1] ?? ''
  const second = await ask('GET', link)
  expect(valuesOf(second)).toEqual(['3', '4'])
  const third = await read(`?from=${second.body.next}`)
  expect([valuesOf(third), third.body.upToDate]).toEqual([['5'], true])
  const end = await read(`?from=${third.body.next}`)
  expect([valuesOf(end), end.body.upToDate]).toEqual([[], true])
  await send(['6'])
  expect(valuesOf(await read(`?from=${end.body.next}`))).toEqual(['6'])
})

test('reading begins where it is told to', async () => {
  const { send, read, valuesOf, clock } = await world()
  await send(['a', 'b'])
  clock.move(3_600_000)
  await send(['c', 'd'])
  const from = async (place: string) => valuesOf(await read(`?from=${encodeURIComponent(place)}`))
  expect(await from('earliest')).toEqual(['a', 'b', 'c', 'd'])
  expect(await from('latest')).toEqual([])
  expect(await from('-3')).toEqual(['b', 'c', 'd'])
  expect(await from('-100')).toEqual(['a', 'b', 'c', 'd'])
  expect(await from('-30m')).toEqual(['c', 'd'])
  expect(await from('-2h')).toEqual(['a', 'b', 'c', 'd'])
  expect(await from(String(clock.now()))).toEqual(['c', 'd'])
  expect(await from(new Date(clock.now() - 1000).toISOString())).toEqual(['c', 'd'])
  expect(await from('2030-01-01')).toEqual([])
  expect(await from('p0:1')).toEqual(['b', 'c', 'd'])
  expect((await read('?from=soon')).body).toMatchObject({ status: 400, hint: expect.stringContaining('p0:1234') })
  expect((await read('?from=p0:5')).body).toMatchObject({ status: 404, code: 'OFFSET_OUT_OF_RANGE', latest: 4 })
  expect((await read('?from=p1:0')).body).toMatchObject({ status: 404, code: 'TOPIC_NOT_FOUND' })
})

test('several partitions are read by time, one of them alone when asked for', async () => {
  const { send, read, valuesOf, clock } = await world(3)
  for (const [i, partition] of [2, 0, 1, 2, 0].entries()) {
    clock.move(1000)
    await send([`v${i}`], `?partition=${partition}`)
  }
  expect(valuesOf(await read())).toEqual(['v0', 'v1', 'v2', 'v3', 'v4'])
  expect(valuesOf(await read('?partition=2'))).toEqual(['v0', 'v3'])
  expect(valuesOf(await read('?from=-2'))).toEqual(['v3', 'v4'])
  const paged: unknown[] = []
  for (let from = 'earliest', upToDate = false; !upToDate; ) {
    const { body } = await read(`?from=${from}&limit=2`)
    paged.push(...body.records.map((record: Told) => record.value))
    ;({ next: from, upToDate } = body)
  }
  expect(paged).toEqual(['v0', 'v1', 'v2', 'v3', 'v4'])
})

test('a cursor reads partitions that were added after it', async () => {
  const { send, read, ask, valuesOf } = await world(1)
  await send(['a'])
  const { next } = (await read()).body
  await ask('PATCH', '/v1/topics/orders', { body: { partitions: 3 } })
  await send(['b'], '?partition=2')
  expect(valuesOf(await read(`?from=${next}`))).toEqual(['b'])
})

test('of very many partitions all have their turn', async () => {
  const { send, read } = await world(150)
  for (let partition = 0; partition < 150; partition++) await send(['x'], `?partition=${partition}`)
  const seen = new Set<number>()
  for (let from = 'earliest', upToDate = false; !upToDate; ) {
    const { body } = await read(`?from=${from}&limit=50`)
    for (const { partition } of body.records) seen.add(partition)
    ;({ next: from, upToDate } = body)
  }
  expect(seen.size).toBe(150)
})

test('a cursor of another topic, or before what is left, is gone: with the one to begin again with', async () => {
  const { send, read, ask, valuesOf } = await world()
  await send(['a', 'b', 'c'])
  const first = await read('?limit=1')
  await ask('POST', '/v1/topics/orders:trim', { body: { before: { '0': 2 } } })
  const expired = await read(`?from=${first.body.next}`)
  expect([expired.status, expired.body.code]).toEqual([410, 'CURSOR_EXPIRED'])
  expect(valuesOf(await read(`?from=${expired.body.earliest}`))).toEqual(['c'])
  await ask('DELETE', '/v1/topics/orders?confirm=orders')
  await ask('PUT', '/v1/topics/orders')
  await send(['new'])
  const other = await read(`?from=${first.body.next}`)
  expect(other.status).toBe(410)
  expect(valuesOf(await read(`?from=${other.body.earliest}`))).toEqual(['new'])
  for (const bad of ['c1.', 'c1.AAAA', 'c2.xyz', 'c1.!!!']) {
    expect([bad, (await read(`?from=${encodeURIComponent(bad)}`)).status]).toEqual([bad, 410])
  }
})

test('a cursor is what it was after it was text', () => {
  const cursor = {
    topicId: 'topicAAAAAAAAAAAAAAAAA',
    isWhole: true,
    turn: 64,
    positions: new Map([
      [0, 7n],
      [300, 2n ** 50n],
    ]),
  }
  expect(decodeCursor(encodeCursor(cursor))).toEqual(cursor)
})

test('records are chosen by key and by condition, and the answer says how many were looked at', async () => {
  const { ask, read, valuesOf } = await world()
  const records = [
    { key: 'a', value: { total: 5 } },
    { key: 'b', value: { total: 50 }, headers: { source: 'web' } },
    { key: 'a', value: { total: 500 } },
  ]
  await ask('POST', '/v1/topics/orders/records', { body: { records } })
  const byKey = await read('?key=a')
  expect([valuesOf(byKey), byKey.body.scanned]).toEqual([[{ total: 5 }, { total: 500 }], 3])
  const where = (text: string) => read(`?where=${encodeURIComponent(text)}`)
  expect(valuesOf(await where('value.total > 10 && headers.source == "web"'))).toEqual([{ total: 50 }])
  const none = await where('value.total > 1000')
  expect(none.body).toMatchObject({ records: [], scanned: 3, upToDate: true })
  expect((await where('value.total >')).body).toMatchObject({ status: 400, position: 13 })
})

test('values are read in the format that is asked for, or the topic’s', async () => {
  const { ask, send, read, valuesOf } = await world()
  await send([{ a: 1 }, '7'])
  expect(valuesOf(await read())).toEqual([{ a: 1 }, '7'])
  expect(valuesOf(await read('?format=json'))).toEqual([{ a: 1 }, 7])
  expect(valuesOf(await read('?format=string'))).toEqual(['{"a":1}', '7'])
  expect(valuesOf(await read('?format=bytes'))[1]).toEqual({ $bytes: 'Nw==' })
  await ask('PATCH', '/v1/topics/orders', { body: { valueFormat: 'json' } })
  expect(valuesOf(await read('?format=auto'))).toEqual([{ a: 1 }, 7])
})

test('a page ends at so many bytes, and has one record at least', async () => {
  const { send, read } = await world()
  await send(Array.from({ length: 10 }, () => 'x'.repeat(1000)))
  const sizes = async (maxBytes: number) => (await read(`?maxBytes=${maxBytes}`)).body.records.length
  expect(await sizes(1)).toBe(1)
  expect(await sizes(3500)).toBe(3)
  expect(await sizes(1_000_000)).toBe(10)
})

test('as NDJSON there is a record on each line, and the cursor on the last', async () => {
  const { send, read } = await world()
  await send(['a', 'b'])
  const answer = await read('', { accept: 'application/x-ndjson' })
  expect(answer.headers.get('content-type')).toBe('application/x-ndjson')
  const lines = answer.text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(lines).toMatchObject([
    { value: 'a' },
    { value: 'b' },
    { upToDate: true, next: expect.stringMatching(/^c1\./) },
  ])
  expect((await read('', { accept: 'text/html' })).status).toBe(406)
  expect((await read('', { accept: 'text/html, */*;q=0.1' })).headers.get('content-type')).toBe('application/json')
})

test('stored batches are the bytes that Kafka clients read', async () => {
  const { send, read, fetch } = await world()
  await send(['a', 'b'])
  await send(['c'])
  const { app } = await world()
  expect(
    (await app.request('/v1/topics/orders/records', { headers: { accept: 'application/vnd.wadi.batch' } })).status,
  ).toBe(200)
  const answer = await read('?from=p0:1', { accept: 'application/vnd.wadi.batch' })
  expect(answer.headers.get('wadi-up-to-date')).toBe('true')
  expect(decodeCursor(answer.headers.get('wadi-next') ?? '')?.positions).toEqual(new Map([[0, 3n]]))
  expect((await fetch('orders', 1n))?.records?.length).toBeGreaterThan(0)
})

test('stored batches of several partitions are read one partition at a time', async () => {
  const { read, app, send } = await world(2)
  await send(['a', 'b'], '?partition=1')
  const headers = { accept: 'application/vnd.wadi.batch' }
  expect((await read('', headers)).status).toBe(400)
  const answer = await app.request('/v1/topics/orders/records?partition=1', { headers })
  const records = recordsOf(Buffer.from(await answer.arrayBuffer()))
  expect(records.map(({ offset, value }) => [offset, String(value)])).toEqual([
    [0n, 'a'],
    [1n, 'b'],
  ])
})

test('one record is read by its offset', async () => {
  const { send, ask } = await world()
  await send(['a', 'b'])
  expect((await ask('GET', '/v1/topics/orders/partitions/0/records/1')).body).toMatchObject({ offset: 1, value: 'b' })
  const beyond = await ask('GET', '/v1/topics/orders/partitions/0/records/2')
  expect(beyond.body).toMatchObject({ status: 404, code: 'OFFSET_OUT_OF_RANGE', earliest: 0, latest: 2, kafkaCode: 1 })
  expect((await ask('GET', '/v1/topics/orders/partitions/1/records/0')).status).toBe(404)
  expect((await ask('GET', '/v1/topics/orders/partitions/x/records/0')).status).toBe(400)
})

test('what is settled may be kept by who has read it, what is at the end may not', async () => {
  const { send, read, flushAll } = await world()
  await send(['a', 'b', 'c'])
  await flushAll()
  await send(['d'])
  const first = await read('?limit=1&format=string')
  expect(first.headers.get('cache-control')).toBe('private, no-cache')
  const second = await read(`?limit=1&format=string&from=${first.body.next}`)
  expect(second.headers.get('cache-control')).toBe('private, max-age=31536000, immutable')
  const etag = second.headers.get('etag') ?? ''
  const again = await read(`?limit=1&format=string&from=${first.body.next}`, { 'if-none-match': etag })
  expect([again.status, again.text]).toEqual([304, ''])
  const last = await read(`?format=string&from=${second.body.next}`)
  expect([last.headers.get('cache-control'), last.headers.get('etag')]).toEqual(['no-store', null])
})

test('a page in the format of the topic is asked for again: the topic may get another one', async () => {
  const { ask, send, read, valuesOf, flushAll } = await world()
  await send([{ a: 1 }, { a: 2 }, { a: 3 }])
  await flushAll()
  const { next } = (await read('?limit=1')).body
  for (const format of ['', '&format=auto']) {
    await ask('PATCH', '/v1/topics/orders', { body: { valueFormat: 'auto' } })
    const before = await read(`?limit=1&from=${next}${format}`)
    expect([valuesOf(before), before.headers.get('cache-control')]).toEqual([[{ a: 2 }], 'private, no-cache'])
    await ask('PATCH', '/v1/topics/orders', { body: { valueFormat: 'bytes' } })
    const etag = before.headers.get('etag') ?? ''
    const after = await read(`?limit=1&from=${next}${format}`, { 'if-none-match': etag })
    expect([after.status, valuesOf(after)]).toEqual([200, [{ $bytes: 'eyJhIjoyfQ==' }]])
  }
})

test('a cursor that is too long for a header is in the body only', async () => {
  const { send, read } = await world(1500)
  await send(['a', 'b'])
  const first = await read('?limit=1')
  expect(first.body.next.length).toBeGreaterThan(4096)
  expect(first.headers.get('link')).toBe(null)
  expect((await read(`?limit=1&from=${first.body.next}`)).status).toBe(200)
})

test('compressed batches are read, control batches are passed over', async () => {
  const { produce, read, valuesOf } = await world()
  for (const codec of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
    await produce('orders', batch({ value: codec, codec, timestamp: 1_700_000_000_000n }))
  }
  expect(valuesOf(await read())).toEqual(['gzip', 'snappy', 'lz4', 'zstd'])
})

test('records that are no records are told of, with the cursor behind them', async () => {
  const { produce, read, send, valuesOf } = await world()
  await send(['a'])
  // What is compressed is stored as it was sent.
  const broken = batch({ codec: 'gzip', timestamp: 1_700_000_000_000n })
  broken.fill(99, at.records)
  await produce('orders', withCrc(broken))
  await send(['b'])
  const first = await read()
  expect([valuesOf(first), first.body.upToDate]).toEqual([['a'], false])
  const wrong = await read(`?from=${first.body.next}`)
  expect([wrong.status, wrong.body.code]).toEqual([422, 'UNREADABLE'])
  expect(valuesOf(await read(`?from=${wrong.body.next}`))).toEqual(['b'])
})
