import { expect, test } from 'vitest'
import { DescribeConfigs } from '../../lib/protocol/messages/describe-configs.ts'
import { batch } from '../support/batches.ts'
import { FixedClock } from '../support/log.ts'
import { httpWorld } from './world.ts'

test('a topic is created, then confirmed, and refused when it differs', async () => {
  const { ask } = httpWorld()
  const created = await ask('PUT', '/v1/topics/orders', { body: { partitions: 3, retentionMs: 1000 } })
  expect(created.status).toBe(201)
  expect(created.headers.get('location')).toBe('/v1/topics/orders')
  expect(created.body).toMatchObject({ name: 'orders', partitions: 3, retentionMs: 1000, valueFormat: 'auto' })
  const again = await ask('PUT', '/v1/topics/orders', { body: { partitions: 3, retentionMs: 1000 } })
  expect([again.status, again.body.id]).toEqual([200, created.body.id])
  expect((await ask('PUT', '/v1/topics/orders')).status).toBe(200)
  const other = await ask('PUT', '/v1/topics/orders', { body: { partitions: 4, configs: { 'retention.ms': '2000' } } })
  expect([other.status, other.body.code]).toEqual([409, 'TOPIC_DIFFERS'])
  expect(other.body.errors).toEqual([
    { path: '/partitions', message: 'it is 3, not 4' },
    { path: '/configs/retention.ms', message: 'it is 1000, not 2000' },
  ])
})

test('names and configs are refused as Kafka refuses them', async () => {
  const { ask } = httpWorld()
  expect((await ask('PUT', '/v1/topics/a%20b')).body.detail).toContain('A topic name has only')
  const config = await ask('PUT', '/v1/topics/orders', { body: { configs: { 'retention.msec': '1' } } })
  expect(config.body).toMatchObject({ status: 400, kafkaCode: 40, detail: 'Unknown topic config name: retention.msec' })
  const policy = await ask('PUT', '/v1/topics/orders', { body: { valueFormat: 'xml' } })
  expect(policy.body.detail).toContain('auto, json, string, bytes')
  await ask('PUT', '/v1/topics/a.b')
  expect((await ask('PUT', '/v1/topics/a_b')).body.detail).toContain('collides with existing topic: a.b')
})

test('a topic that is not there is told with the one that may be meant', async () => {
  const { ask } = httpWorld()
  await ask('PUT', '/v1/topics/orders')
  const answer = await ask('GET', '/v1/topics/ordes')
  expect(answer.body).toMatchObject({
    status: 404,
    code: 'TOPIC_NOT_FOUND',
    detail: 'There is no topic "ordes".',
    hint: 'Did you mean "orders"?',
    kafkaCode: 3,
  })
})

test('topics are listed in pages, by prefix', async () => {
  const { ask } = httpWorld()
  for (const name of ['b1', 'a2', 'a1', 'a3']) await ask('PUT', `/v1/topics/${name}`)
  const names = (body: { topics: { name: string }[] }) => body.topics.map(({ name }) => name)
  const first = await ask('GET', '/v1/topics?prefix=a&limit=2')
  expect(names(first.body)).toEqual(['a1', 'a2'])
  const link = /^<(.+)>; rel="next"$/.exec(first.headers.get('link') ?? '')?.[1] ?? ''
  const second = await ask('GET', link)
  expect([names(second.body), second.body.next, second.headers.get('link')]).toEqual([['a3'], null, null])
  expect(names((await ask('GET', '/v1/topics')).body)).toEqual(['a1', 'a2', 'a3', 'b1'])
})

test('a topic tells where its partitions begin and end, and what is in them', async () => {
  const { ask, produce } = httpWorld()
  await ask('PUT', '/v1/topics/orders', { body: { partitions: 2 } })
  const bytes = batch({ records: 5 })
  await produce('orders', bytes, { index: 1 })
  const { body } = await ask('GET', '/v1/topics/orders')
  expect(body).toMatchObject({ records: 5, bytes: bytes.length })
  expect(body.offsets).toEqual([
    { partition: 0, earliest: 0, latest: 0, records: 0, bytes: 0 },
    { partition: 1, earliest: 0, latest: 5, records: 5, bytes: bytes.length },
  ])
})

test('what changes is changed together or not at all, and a dry run changes nothing', async () => {
  const { ask } = httpWorld()
  await ask('PUT', '/v1/topics/orders', { body: { partitions: 2, retentionMs: 5 } })
  const get = async () => (await ask('GET', '/v1/topics/orders')).body
  const dry = await ask('PATCH', '/v1/topics/orders?dryRun=true', { body: { partitions: 4, retentionMs: null } })
  expect(dry.body).toMatchObject({ dryRun: true, partitions: 4, retentionMs: 604_800_000 })
  expect(await get()).toMatchObject({ partitions: 2, retentionMs: 5 })
  const fewer = await ask('PATCH', '/v1/topics/orders', { body: { partitions: 1, retentionMs: 6 } })
  expect([fewer.status, fewer.body.kafkaCode]).toEqual([400, 37])
  expect(await get()).toMatchObject({ partitions: 2, retentionMs: 5 })
  const done = await ask('PATCH', '/v1/topics/orders', {
    body: { partitions: 4, retentionMs: null, valueFormat: 'json' },
  })
  expect(done.body).toMatchObject({ partitions: 4, retentionMs: 604_800_000, valueFormat: 'json' })
  expect(await get()).toMatchObject({ partitions: 4, configs: { 'wadi.value.format': 'json' } })
})

test('Kafka’s tools see the format of values among the configs', async () => {
  const { ask, kafka } = httpWorld()
  await ask('PUT', '/v1/topics/orders', { body: { valueFormat: 'string' } })
  const resource = { resourceType: 2, resourceName: 'orders', configurationKeys: ['wadi.value.format'] }
  const answer = await kafka(DescribeConfigs, 4, { resources: [resource] })
  expect(answer.results[0]?.configs).toMatchObject([{ name: 'wadi.value.format', value: 'string', configSource: 1 }])
})

test('deleting is confirmed with the name', async () => {
  const { ask, produce } = httpWorld()
  await ask('PUT', '/v1/topics/orders')
  await produce('orders', batch({ records: 2 }))
  expect((await ask('DELETE', '/v1/topics/orders')).body).toMatchObject({
    status: 400,
    hint: 'Add ?confirm=orders, or look with ?dryRun=true.',
  })
  expect((await ask('DELETE', '/v1/topics/orders?confirm=order')).status).toBe(400)
  expect((await ask('DELETE', '/v1/topics/orders?dryRun=true')).body).toMatchObject({ records: 2, dryRun: true })
  expect((await ask('GET', '/v1/topics/orders')).status).toBe(200)
  expect((await ask('DELETE', '/v1/topics/orders?confirm=orders')).status).toBe(204)
  expect((await ask('GET', '/v1/topics/orders')).status).toBe(404)
})

test('a topic is trimmed by offset or by time, after a look', async () => {
  const clock = new FixedClock()
  const { ask, produce } = httpWorld({}, { clock })
  const nowMs = BigInt(clock.now())
  await ask('PUT', '/v1/topics/orders', { body: { partitions: 2 } })
  await produce('orders', batch({ records: 10, timestamp: nowMs - 9000n }))
  const trim = (body: unknown, query = '') => ask('POST', `/v1/topics/orders:trim${query}`, { body })
  const earliest = async () => (await ask('GET', '/v1/topics/orders')).body.offsets[0].earliest
  expect((await trim({ before: { '0': 4 } }, '?dryRun=true')).body).toEqual({
    partitions: [{ partition: 0, earliest: 4, deleted: 4 }],
    dryRun: true,
  })
  expect(await earliest()).toBe(0)
  expect((await trim({ before: { '0': 4 } })).body.partitions).toEqual([{ partition: 0, earliest: 4, deleted: 4 }])
  expect((await trim({ before: { '0': 2 } })).body.partitions).toEqual([{ partition: 0, earliest: 4, deleted: 0 }])
  expect((await trim({ before: { '0': 11 } })).body).toMatchObject({ status: 404, code: 'OFFSET_OUT_OF_RANGE' })
  expect((await trim({ before: { '7': 1 } })).body).toMatchObject({ status: 404, code: 'TOPIC_NOT_FOUND' })
  expect((await trim({})).status).toBe(400)
  // The record of nine seconds ago less six milliseconds is the seventh.
  expect((await trim({ beforeTime: Number(nowMs) - 8994 })).body.partitions).toEqual([
    { partition: 0, earliest: 6, deleted: 2 },
    { partition: 1, earliest: 0, deleted: 0 },
  ])
  expect((await trim({ beforeTime: '-1s' })).body.partitions[0]).toEqual({ partition: 0, earliest: 10, deleted: 4 })
  expect(await earliest()).toBe(10)
})
