import { expect, test } from 'vitest'
import * as z from 'zod'
import { makeBroker } from '../../lib/broker/make-broker.ts'
import { serverApp } from '../../lib/http/server-app.ts'
import { ConsumerGroupHeartbeat } from '../../lib/protocol/messages/consumer-group-heartbeat.ts'
import { OffsetCommit } from '../../lib/protocol/messages/offset-commit.ts'
import { batched, listOf, produced, shapes } from './v3-shapes.ts'
import { httpWorld, type Sending } from './world.ts'

/** The API of one cluster, under one of its prefixes. */
const restWorld = async (prefix = '/v3') => {
  const world = httpWorld()
  const clusterId: string = (await world.ask('GET', `${prefix}/clusters`)).body.data[0].cluster_id
  const rest = (method: string, path: string, sending: Sending = {}) =>
    world.ask(method, `${prefix}/clusters/${clusterId}${path}`, sending)
  const withTopic = (name: string, partitions: number) =>
    rest('POST', '/topics', { body: { topic_name: name, partitions_count: partitions } })
  return { ...world, clusterId, rest, withTopic }
}

const json = (text: string): unknown[] =>
  text
    .trim()
    .split('\r\n')
    .map((line) => JSON.parse(line))

const base64 = (text: string): string => Buffer.from(text).toString('base64')

test.for(['/v3', '/kafka/v3'])('under %s are the cluster, its broker and links that lead somewhere', async (prefix) => {
  const { ask, rest, clusterId } = await restWorld(prefix)
  const clusters = await ask('GET', `${prefix}/clusters`)
  expect(listOf('KafkaClusterList', shapes.cluster).parse(clusters.body).data).toHaveLength(1)
  const cluster = shapes.cluster.parse((await rest('GET', '')).body)
  expect(cluster).toEqual(clusters.body.data[0])
  for (const link of ['controller', 'brokers', 'broker_configs', 'consumer_groups', 'topics'] as const) {
    expect([link, (await ask('GET', new URL(cluster[link].related).pathname)).status]).toEqual([link, 200])
    expect(cluster[link].related).toContain(`${prefix}/clusters/${clusterId}/`)
  }
  expect(listOf('KafkaBrokerList', shapes.broker).parse((await rest('GET', '/brokers')).body).data).toHaveLength(1)
  expect(shapes.broker.parse((await rest('GET', '/brokers/1')).body).broker_id).toBe(1)
})

test('topics are created, listed, told of, given partitions and deleted', async () => {
  const { rest, withTopic } = await restWorld()
  const dry = await rest('POST', '/topics', { body: { topic_name: 'orders', validate_only: true } })
  expect([dry.status, shapes.topic.parse(dry.body).partitions_count]).toEqual([200, 1])
  expect((await rest('GET', '/topics/orders')).status).toBe(404)
  const created = await withTopic('orders', 3)
  expect([created.status, created.headers.get('location')]).toEqual([201, created.body.metadata.self])
  const topic = shapes.topic.parse((await rest('GET', '/topics/orders')).body)
  expect(topic).toEqual(created.body)
  expect(topic.partitions_count).toBe(3)
  const grown = await rest('PATCH', '/topics/orders', { body: { partitions_count: 5 } })
  expect([grown.status, shapes.topic.parse(grown.body).partitions_count]).toEqual([200, 5])
  expect(listOf('KafkaTopicList', shapes.topic).parse((await rest('GET', '/topics')).body).data).toEqual([grown.body])
  expect((await rest('DELETE', '/topics/orders')).status).toBe(204)
  expect((await rest('GET', '/topics')).body.data).toEqual([])
})

test('configs of topics are set, told and returned to their defaults, one by one and together', async () => {
  const { rest } = await restWorld()
  const configs = [{ name: 'retention.ms', value: '60000' }]
  await rest('POST', '/topics', { body: { topic_name: 'orders', configs } })
  const get = async () => shapes.topicConfig.parse((await rest('GET', '/topics/orders/configs/retention.ms')).body)
  expect(await get()).toMatchObject({ value: '60000', is_default: false, source: 'DYNAMIC_TOPIC_CONFIG' })
  expect((await rest('PUT', '/topics/orders/configs/retention.ms', { body: { value: '70000' } })).status).toBe(204)
  expect((await get()).value).toBe('70000')
  const alter = (body: object) => rest('POST', '/topics/orders/configs:alter', { body })
  const data = [
    { name: 'retention.ms', operation: 'DELETE' },
    { name: 'max.message.bytes', value: '2000' },
  ]
  expect((await alter({ data, validate_only: true })).status).toBe(204)
  expect((await get()).value).toBe('70000')
  expect((await alter({ data })).status).toBe(204)
  expect(await get()).toMatchObject({ value: '604800000', is_default: true, source: 'DEFAULT_CONFIG' })
  const list = listOf('KafkaTopicConfigList', shapes.topicConfig)
  const all = list.parse((await rest('GET', '/topics/orders/configs')).body).data
  expect(all).toContainEqual(expect.objectContaining({ name: 'max.message.bytes', value: '2000', is_default: false }))
  expect((await rest('DELETE', '/topics/orders/configs/max.message.bytes')).status).toBe(204)
  const everywhere = list.parse((await rest('GET', '/topics/-/configs')).body).data
  expect(everywhere).toHaveLength(all.length)
  expect(everywhere.every((one) => z.object({ is_default: z.literal(true) }).safeParse(one).success)).toBe(true)
  const refused = await alter({
    data: [
      { name: 'retention.ms', value: '1' },
      { name: 'no.such', value: '1' },
    ],
  })
  expect([refused.status, shapes.error.parse(refused.body).error_code]).toEqual([400, 40002])
  expect((await get()).value).toBe('604800000')
})

test('partitions tell where they begin and end, and who has them', async () => {
  const { rest, withTopic } = await restWorld()
  await withTopic('orders', 2)
  await rest('POST', '/topics/orders/records', { body: { partition_id: 1, value: { type: 'STRING', data: 'a' } } })
  const list = listOf('KafkaPartitionList', shapes.partition).parse(
    (await rest('GET', '/topics/orders/partitions')).body,
  )
  expect(list.data).toHaveLength(2)
  expect(shapes.partition.parse((await rest('GET', '/topics/orders/partitions/1')).body)).toEqual(list.data[1])
  const offsets = await rest('GET', '/topics/orders/partitions/1/offset?offset_type=earliest_and_latest')
  expect(shapes.offsets.parse(offsets.body)).toMatchObject({ earliest_offset: 0, latest_offset: 1 })
  expect((await rest('GET', '/topics/orders/partitions/2')).body.error_code).toBe(40403)
  const replicas = await rest('GET', '/topics/orders/partitions/0/replicas')
  expect(listOf('KafkaReplicaList', shapes.replica).parse(replicas.body).data).toHaveLength(1)
  const replica = await rest('GET', '/topics/orders/partitions/0/replicas/1')
  expect(shapes.replica.parse(replica.body)).toMatchObject({ is_leader: true, is_in_sync: true })
  for (const path of ['/topics/-/partitions/-/reassignment', '/topics/orders/partitions/-/reassignment']) {
    expect((await rest('GET', path)).body).toMatchObject({ kind: 'KafkaReassignmentList', data: [] })
  }
})

test('groups are told of: members, what they lag in each partition, and all of it', async () => {
  const { rest, withTopic, kafka, clusterId } = await restWorld()
  await withTopic('orders', 2)
  const values = [1, 2, 3].map((data) => JSON.stringify({ partition_id: 0, value: { type: 'JSON', data } }))
  await rest('POST', '/topics/orders/records', { body: values.join('') })
  const joined = await kafka(ConsumerGroupHeartbeat, 1, {
    groupId: 'billing',
    memberId: 'one',
    memberEpoch: 0,
    instanceId: 'static',
    rebalanceTimeoutMs: 30_000,
    subscribedTopicNames: ['orders'],
    topicPartitions: [],
  })
  const partition = (partitionIndex: number, committedOffset: bigint) => ({
    partitionIndex,
    committedOffset,
    committedMetadata: '',
  })
  await kafka(OffsetCommit, 9, {
    groupId: 'billing',
    generationIdOrMemberEpoch: joined.memberEpoch,
    memberId: joined.memberId ?? '',
    topics: [{ name: 'orders', partitions: [partition(0, 1n), partition(1, 0n)] }],
  })
  const group = shapes.group.parse((await rest('GET', '/consumer-groups/billing')).body)
  expect(group).toMatchObject({ consumer_group_id: 'billing', type: 'CONSUMER', is_simple: false })
  const groups = await rest('GET', '/consumer-groups')
  expect(listOf('KafkaConsumerGroupList', shapes.group).parse(groups.body).data).toEqual([group])
  const consumers = await rest('GET', '/consumer-groups/billing/consumers')
  const [consumer] = z
    .array(shapes.consumer)
    .parse(listOf('KafkaConsumerList', shapes.consumer).parse(consumers.body).data)
  expect(consumer).toMatchObject({ consumer_id: joined.memberId, instance_id: 'static' })
  const one = await rest('GET', `/consumer-groups/billing/consumers/${joined.memberId}`)
  expect(one.body).toEqual(consumer)
  const lags = listOf('KafkaConsumerLagList', shapes.lag).parse(
    (await rest('GET', '/consumer-groups/billing/lags')).body,
  )
  expect(lags.data).toMatchObject([
    { partition_id: 0, current_offset: 1, log_end_offset: 3, lag: 2, consumer_id: joined.memberId },
    { partition_id: 1, current_offset: 0, log_end_offset: 0, lag: 0 },
  ])
  const lag = await rest('GET', '/consumer-groups/billing/lags/orders/partitions/0')
  expect(shapes.lag.parse(lag.body)).toEqual(lags.data[0])
  const summary = shapes.summary.parse((await rest('GET', '/consumer-groups/billing/lag-summary')).body)
  expect(summary).toMatchObject({ cluster_id: clusterId, max_lag: 2, total_lag: 2, max_lag_partition_id: 0 })
  for (const path of ['', '/consumers', '/lags', '/lag-summary', '/lags/orders/partitions/0']) {
    const absent = await rest('GET', `/consumer-groups/absent${path}`)
    expect([path, absent.status, shapes.error.parse(absent.body).error_code]).toEqual([path, 404, 404])
  }
})

test('a record is appended with its key, headers and time, and is read as it was sent', async () => {
  const { rest, ask, withTopic } = await restWorld()
  await withTopic('orders', 1)
  const record = {
    partition_id: 0,
    headers: [{ name: 'source', value: base64('web') }],
    key: { type: 'BINARY', data: base64('c9') },
    value: { type: 'JSON', data: { id: 1, big: [true, null] } },
    timestamp: '2026-09-01T00:00:00Z',
  }
  const answer = await rest('POST', '/topics/orders/records', { body: record })
  expect(answer.status).toBe(200)
  expect(produced.parse(answer.body)).toMatchObject({
    offset: 0,
    timestamp: '2026-09-01T00:00:00.000Z',
    key: { type: 'BINARY', size: 2 },
    value: { type: 'JSON', size: 26 },
  })
  await rest('POST', '/topics/orders/records', { body: { value: { type: 'STRING', data: 'plain' } } })
  await rest('POST', '/topics/orders/records', { body: { key: { type: 'STRING', data: 'c9' }, value: null } })
  const read = (await ask('GET', '/v1/topics/orders/records?from=earliest')).body.records
  expect(read).toMatchObject([
    { key: 'c9', value: { id: 1, big: [true, null] }, headers: { source: 'web' }, timestamp: 1_788_220_800_000 },
    { key: null, value: 'plain' },
    { key: 'c9', value: null },
  ])
})

test('of several records in one body each is answered in its place, and only what is wrong is refused', async () => {
  const { rest, withTopic } = await restWorld()
  await withTopic('orders', 2)
  const good = (data: unknown) => ({ partition_id: 1, value: { type: 'JSON', data } })
  const bad = [
    { value: { type: 'AVRO', data: {} } },
    { value: { type: 'BINARY', data: 'no base64!' } },
    { partition_id: 7, value: { type: 'JSON', data: 1 } },
    { value: { type: 'STRING', data: 1 } },
  ]
  const body = [good(1), ...bad, good(2)].map((one) => JSON.stringify(one)).join('\n')
  const answer = await rest('POST', '/topics/orders/records', { body })
  const [first, avro, binary, absent, text, last] = json(answer.text)
  expect([produced.parse(first).offset, produced.parse(last).offset]).toEqual([0, 1])
  for (const one of [avro, binary, text]) expect(shapes.error.parse(one).error_code).toBe(400)
  expect(shapes.error.parse(absent).error_code).toBe(40403)
  expect(shapes.error.parse(avro).message).toContain('schema registry')
  const alone = await rest('POST', '/topics/orders/records', { body: bad[1] })
  expect([alone.status, shapes.error.parse(alone.body).error_code]).toEqual([400, 400])
})

test('a batch tells by id what was appended and what was not', async () => {
  const { rest, withTopic } = await restWorld()
  await withTopic('orders', 1)
  const entry = (id: string, type: string) => ({ id, value: { type, data: 'x' } })
  const batch = (...entries: readonly object[]) => rest('POST', '/topics/orders/records:batch', { body: { entries } })
  const answer = await batch(entry('a', 'STRING'), entry('b', 'PROTOBUF'), entry('c', 'JSON'))
  expect(answer.status).toBe(207)
  const { successes, failures } = batched.parse(answer.body)
  expect(successes.map(({ id, offset }) => [id, offset])).toEqual([
    ['a', 0],
    ['c', 1],
  ])
  expect(failures.map(({ id, error_code }) => [id, error_code])).toEqual([['b', 400]])
  for (const refused of [await batch(entry('a', 'JSON'), entry('a', 'JSON')), await batch(), await batch({})]) {
    expect([refused.status, shapes.error.parse(refused.body).error_code]).toEqual([400, 400])
  }
})

test('a repeat with the same Idempotency-Key appends nothing again', async () => {
  const { rest, withTopic } = await restWorld()
  await withTopic('orders', 40)
  const sending = { headers: { 'idempotency-key': 'import-7' }, body: { value: { type: 'JSON', data: 1 } } }
  const [first, again] = [
    await rest('POST', '/topics/orders/records', sending),
    await rest('POST', '/topics/orders/records', sending),
  ]
  expect(again.body).toEqual(first.body)
})

test.each([
  ['/topics/orders/records', { value: { type: 'JSON', data: 1 } }],
  ['/topics/orders/records:batch', { entries: [{ id: 'a', value: { type: 'JSON', data: 1 } }] }],
])('at %s a condition is refused, with where it is kept', async (path, body) => {
  const { rest, withTopic, ask } = await restWorld()
  await withTopic('orders', 1)
  const refused = await rest('POST', path, { headers: { 'if-match': '"0:7"' }, body })
  expect([refused.status, shapes.error.parse(refused.body).error_code]).toEqual([400, 400])
  expect(refused.body.message).toContain('Send it to /v1/topics/orders/records.')
  expect((await ask('GET', '/v1/topics/orders')).body.records).toBe(0)
})

test('configs of brokers are told and not changed, and there are no access lists', async () => {
  const { rest } = await restWorld()
  const configs = await rest('GET', '/brokers/1/configs')
  expect(listOf('KafkaBrokerConfigList', shapes.brokerConfig).parse(configs.body).data.length).toBeGreaterThan(5)
  const one = await rest('GET', '/brokers/1/configs/num.partitions')
  expect(shapes.brokerConfig.parse(one.body)).toMatchObject({ value: '1', is_read_only: true })
  expect((await rest('GET', '/broker-configs')).body).toMatchObject({ kind: 'KafkaClusterConfigList', data: [] })
  const data = [{ name: 'num.partitions', value: '3' }]
  const refused = await rest('POST', '/broker-configs:alter', { body: { data } })
  expect([refused.status, shapes.error.parse(refused.body).error_code]).toEqual([400, 40002])
  for (const [method, path] of [
    ['GET', '/acls?resource_type=TOPIC'],
    ['POST', '/acls'],
    ['DELETE', '/acls'],
    ['POST', '/acls:batch'],
  ] as const) {
    const answer = await rest(method, path)
    expect([answer.status, shapes.error.parse(answer.body).message]).toEqual([
      400,
      expect.stringContaining('No authorizer'),
    ])
  }
})

test.for([
  { what: 'another cluster', method: 'GET', path: '/v3/clusters/other/topics', status: 404, code: 404 },
  { what: 'an unknown path', method: 'GET', path: '/v3/nowhere', status: 404, code: 404 },
  { what: 'a method that is not known', method: 'PUT', path: '/kafka/v3/clusters', status: 405, code: 405 },
  { what: 'an absent topic', method: 'GET', path: '/v3/clusters/ID/topics/absent', status: 404, code: 40403 },
  { what: 'an absent config', method: 'GET', path: '/v3/clusters/ID/topics/there/configs/no', status: 404, code: 404 },
  { what: 'a body that is none', method: 'POST', path: '/v3/clusters/ID/topics', status: 400, code: 400 },
  {
    what: 'a topic twice',
    method: 'POST',
    path: '/v3/clusters/ID/topics',
    body: { topic_name: 'there' },
    status: 400,
    code: 40002,
  },
  {
    what: 'fewer partitions',
    method: 'PATCH',
    path: '/v3/clusters/ID/topics/there',
    body: { partitions_count: 0 },
    status: 400,
    code: 40002,
  },
])('$what is an error in the form of this API', async ({ method, path, body, status, code }) => {
  const { ask, withTopic, clusterId } = await restWorld()
  await withTopic('there', 1)
  const answer = await ask(method, path.replace('ID', clusterId), { body })
  expect([answer.status, shapes.error.parse(answer.body).error_code]).toEqual([status, code])
})

test('who is not let in is told so in the form of this API', async () => {
  const { app, context } = httpWorld()
  const door = serverApp({
    broker: makeBroker(context),
    access: { open: false, iam: false, keys: [] },
    api: app,
    log: () => {},
  })
  const refused = await door.request('/kafka/v3/clusters')
  expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('realm')])
  expect(shapes.error.parse(await refused.json()).error_code).toBe(40101)
})
