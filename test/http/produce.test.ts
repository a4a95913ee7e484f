import { expect, test } from 'vitest'
import { recordsOf } from '../support/batches.ts'
import { FixedClock } from '../support/log.ts'
import { httpWorld } from './world.ts'

const world = async (partitions = 1, settings: Readonly<Record<string, unknown>> = {}) => {
  const clock = new FixedClock()
  const made = httpWorld({}, { clock })
  await made.ask('PUT', '/v1/topics/orders', { body: { partitions, ...settings } })
  const send = (body: unknown, headers: Readonly<Record<string, string>> = {}, query = '') =>
    made.ask('POST', `/v1/topics/orders/records${query}`, { body, headers })
  /** What Kafka clients see. */
  const stored = async (partition = 0) => {
    const fetched = await made.fetch('orders', 0n, { partition })
    return recordsOf(fetched?.records ?? Buffer.alloc(0)).map(({ key, value, headers, timestamp }) => ({
      key: key?.toString() ?? null,
      value: value?.toString() ?? null,
      headers: headers.map((header) => `${header.key}=${header.value}`),
      timestamp: Number(timestamp),
    }))
  }
  return { ...made, clock, send, stored }
}

test('one record is answered with its place, several with theirs', async () => {
  const { send, stored, clock } = await world()
  const one = await send({ key: 'c9', value: { id: 1 }, headers: { a: 'x', b: ['1', '2'] }, timestamp: 7 })
  expect([one.status, one.body]).toEqual([200, { partition: 0, offset: 0, timestamp: 7 }])
  expect(one.headers.get('etag')).toBe('"0:1"')
  const several = await send({ records: [{ value: 'x' }, { value: null, timestamp: '2023-11-01T00:00Z' }] })
  expect(several.body.records).toEqual([
    { partition: 0, offset: 1, timestamp: clock.now() },
    { partition: 0, offset: 2, timestamp: 1_698_796_800_000 },
  ])
  expect(await stored()).toEqual([
    { key: 'c9', value: '{"id":1}', headers: ['a=x', 'b=1', 'b=2'], timestamp: 7 },
    { key: null, value: 'x', headers: [], timestamp: clock.now() },
    { key: null, value: null, headers: [], timestamp: 1_698_796_800_000 },
  ])
})

test('bodies of every type become records', async () => {
  const { send, stored } = await world()
  const lines = '{"value":1}\n{"value":"two"}\r\n\n'
  expect((await send(lines, { 'content-type': 'application/x-ndjson' })).body.records).toHaveLength(2)
  expect((await send('{"value":3}{"value":4}', { 'content-type': 'application/json' })).body.records).toHaveLength(2)
  // What curl says of -d when it is told nothing else.
  expect((await send('{"value":5}', { 'content-type': 'application/x-www-form-urlencoded' })).body.offset).toBe(4)
  expect((await send('a text', { 'content-type': 'text/plain; charset=utf-8' }, '?key=k')).body.offset).toBe(5)
  expect((await send(Buffer.from([104, 105]), { 'content-type': 'application/octet-stream' })).body.offset).toBe(6)
  expect((await send('<a/>', { 'content-type': 'application/xml' })).status).toBe(415)
  expect((await send('', { 'content-type': 'application/json' })).status).toBe(400)
  expect((await stored()).map(({ key, value }) => [key, value])).toEqual([
    [null, '1'],
    [null, 'two'],
    [null, '3'],
    [null, '4'],
    [null, '5'],
    ['k', 'a text'],
    [null, 'hi'],
  ])
})

test('what is no record is refused, with how to send it', async () => {
  const { send, stored } = await world()
  expect((await send({ id: 1 })).body).toMatchObject({
    status: 400,
    detail: 'The body has no "value".',
    hint: 'A record is { "value": … }, several are { "records": [{ "value": … }] }.',
  })
  expect((await send([{ value: 1 }])).body.detail).toBe('The body is no record.')
  expect((await send({ value: 1, keys: 'k' })).body.errors).toEqual([
    { path: '/keys', message: 'this is not known here' },
  ])
  expect((await send({ records: [{ value: 1 }, { value: { $bytes: '!' } }] })).body).toMatchObject({
    status: 422,
    errors: [{ path: '/records/1/value', message: '"$bytes" is no base64' }],
  })
  expect((await send({ value: 1, partition: 3 })).body).toMatchObject({ status: 404, hint: 'It has partition 0 only.' })
  expect((await send({ value: 1, timestamp: 'soon' })).status).toBe(422)
  expect((await send('{"value":{"__proto__":{"x":1}}}', { 'content-type': 'application/json' })).status).toBe(400)
  expect((await send('{"value":{"\\u005f_proto__":{"x":1}}}', { 'content-type': 'application/json' })).status).toBe(400)
  expect(await stored()).toEqual([])
})

test('limits are told with what to send instead', async () => {
  const { send } = await world(1, { maxMessageBytes: 10_000 })
  const many = await send({ records: Array.from({ length: 10_001 }, () => ({ value: 1 })) })
  expect([many.status, many.body.hint]).toEqual([413, 'Send batches of at most 10000 records.'])
  const headers = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`h${i}`, 'x']))
  expect((await send({ value: 1, headers })).status).toBe(413)
  expect((await send({ value: 1, key: 'k'.repeat(65_537) })).status).toBe(413)
  const large = await send({ value: 'x'.repeat(20_000) })
  expect(large.body).toMatchObject({
    status: 413,
    limitBytes: 10_000,
    kafkaCode: 10,
    hint: "The topic's maxMessageBytes is 10000.",
  })
})

test('records beyond one batch become several, in order, in one row', async () => {
  const { send, stored, rows, ask } = await world(1, { maxMessageBytes: 10_000 })
  const { id } = (await ask('GET', '/v1/topics/orders')).body
  const values = Array.from({ length: 40 }, (_, i) => `${i}-${'x'.repeat(1000)}`)
  const { body } = await send({ records: values.map((value) => ({ value })) })
  expect(body.records.map(({ offset }: { offset: number }) => offset)).toEqual(values.map((_, i) => i))
  expect((await stored()).map(({ value }) => value)).toEqual(values)
  expect(await rows(id)).toBe(1)
})

test('a key has its partition, records without one share one', async () => {
  const { send } = await world(8)
  const { body } = await send({ records: [{ key: 'a', value: 1 }, { value: 2 }, { key: 'a', value: 3 }, { value: 4 }] })
  const [a, none, again, noneAgain] = body.records.map(({ partition }: { partition: number }) => partition)
  expect([again, noneAgain]).toEqual([a, none])
  expect((await send({ key: 'a', value: 5, partition: 7 })).body.partition).toBe(7)
  expect((await send({ value: 5 }, {}, '?partition=6')).body.partition).toBe(6)
})

test('a topic of JSON refuses other values', async () => {
  const { send, stored } = await world(1, { valueFormat: 'json' })
  expect((await send({ value: 'hello' })).body).toMatchObject({
    status: 422,
    code: 'SCHEMA_INVALID',
    errors: [{ path: '/value' }],
  })
  for (const value of [{ a: 1 }, 12, 'true', null]) expect((await send({ value })).status).toBe(200)
  expect((await stored()).map(({ value }) => value)).toEqual(['{"a":1}', '12', 'true', null])
})

test('with Prefer: return=minimal nothing is answered but the end', async () => {
  const { send } = await world()
  const answer = await send({ value: 1 }, { prefer: 'return=minimal' })
  expect([answer.status, answer.text, answer.headers.get('etag')]).toEqual([204, '', '"0:1"'])
})

test('several topics are written at once, and none when one does not exist', async () => {
  const { ask, values } = await world()
  await ask('PUT', '/v1/topics/payments')
  const records = [
    { topic: 'orders', value: 'a' },
    { topic: 'payments', value: 'b' },
    { topic: 'orders', value: 'c' },
  ]
  const { body } = await ask('POST', '/v1/records', { body: { records } })
  expect(body.records).toMatchObject([
    { topic: 'orders', offset: 0 },
    { topic: 'payments', offset: 0 },
    { topic: 'orders', offset: 1 },
  ])
  const wrong = await ask('POST', '/v1/records', { body: { records: [...records, { topic: 'order', value: 'd' }] } })
  expect([wrong.status, wrong.body.hint]).toEqual([404, 'Did you mean "orders"?'])
  expect(await values('orders')).toEqual(['a', 'c'])
})

test('a webhook’s body is the value, its own headers are the record’s', async () => {
  const { ask, stored } = await world()
  const headers = {
    'content-type': 'application/json',
    'x-github-event': 'push',
    authorization: 'Bearer secret',
    cookie: 'a=b',
    'x-forwarded-for': '10.0.0.1',
  }
  expect((await ask('POST', '/v1/in/orders?key=repo', { body: '{"ref": "main"}', headers })).status).toBe(200)
  const [record] = await stored()
  expect(record).toMatchObject({ key: 'repo', value: '{"ref": "main"}' })
  expect(record?.headers.toSorted()).toEqual(['content-type=application/json', 'x-github-event=push'])
})

test.each([
  ['authorization', 'left out'],
  ['cookie', 'left out'],
  ['proxy-authorization', 'left out'],
  ['x-original-authorization', 'left out'],
  ['x-gitlab-token', 'left out'],
  ['x-goog-channel-token', 'left out'],
  ['x-telegram-bot-api-secret-token', 'left out'],
  ['x-auth-token', 'left out'],
  ['x-auth-user', 'left out'],
  ['x-api-key', 'left out'],
  ['apikey', 'left out'],
  ['api_key', 'left out'],
  ['ocp-apim-subscription-key', 'left out'],
  ['x-webhook-secret', 'left out'],
  ['x-password', 'left out'],
  ['cf-access-jwt-assertion', 'left out'],
  ['x-hub-signature-256', 'kept'],
  ['stripe-signature', 'kept'],
  ['x-auth-signature', 'kept'],
  ['x-shopify-hmac-sha256', 'kept'],
  ['paypal-auth-algo', 'kept'],
  ['x-event-key', 'kept'],
  ['x-github-delivery', 'kept'],
  ['user-agent', 'kept'],
])('of a webhook the header %s is %s', async (name, what) => {
  const { ask, stored } = await world()
  const sent = { 'content-type': 'text/plain', [name]: 'x' }
  expect((await ask('POST', '/v1/in/orders', { body: 'hi', headers: sent })).status).toBe(200)
  const [record] = await stored()
  expect(record?.headers.toSorted()).toEqual(
    what === 'kept' ? ['content-type=text/plain', `${name}=x`] : ['content-type=text/plain'],
  )
})

test('CloudEvents come in all three forms', async () => {
  const { send, stored } = await world()
  const attributes = { specversion: '1.0', id: '7', source: '/shop', type: 'order.made', partitionkey: 'c9' }
  const structured = { ...attributes, datacontenttype: 'application/json', data: { total: 12 } }
  expect((await send(JSON.stringify(structured), { 'content-type': 'application/cloudevents+json' })).status).toBe(200)
  const binary = {
    'ce-specversion': '1.0',
    'ce-id': '8',
    'ce-source': '/%E2%82%AC',
    'ce-type': 't',
    'content-type': 'text/plain',
  }
  expect((await send('hi', binary)).status).toBe(200)
  const batch = [
    { ...attributes, data_base64: 'aGk=' },
    { ...attributes, datacontenttype: 'text/plain', data: 'x' },
    attributes,
  ]
  expect(
    (await send(JSON.stringify(batch), { 'content-type': 'application/cloudevents-batch+json' })).body.records,
  ).toHaveLength(3)
  const records = await stored()
  expect(records.map(({ key, value }) => [key, value])).toEqual([
    ['c9', '{"total":12}'],
    [null, 'hi'],
    ['c9', 'hi'],
    ['c9', 'x'],
    ['c9', null],
  ])
  expect(records[0]?.headers).toEqual([
    'ce_specversion=1.0',
    'ce_id=7',
    'ce_source=/shop',
    'ce_type=order.made',
    'ce_partitionkey=c9',
    'content-type=application/json',
  ])
  expect(records[1]?.headers).toContain('ce_source=/€')
  const { source: _, ...none } = structured
  const wrong = await send(JSON.stringify(none), { 'content-type': 'application/cloudevents+json' })
  expect(wrong.body).toMatchObject({ status: 422, errors: [{ path: '/source' }] })
})
