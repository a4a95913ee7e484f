import type { Context } from 'hono'
import * as z from 'zod/mini'
import type { HttpApi, Part } from './api.ts'
import { type Appended, appendRecords, type TopicRecords } from './append-records.ts'
import { batchType, structuredType } from './cloud-events.ts'
import { findTopic } from './find-topic.ts'
import { HttpProblem } from './http-problem.ts'
import { conditionsOf, identityOf, produceHeaders, wantsNothing } from './identity.ts'
import { type Incoming, recordSchema, topicIncomingFrom, topicRecordSchema } from './incoming.ts'
import { parseJson } from './json.ts'
import { integerIn, maxPartitionIndex, noQuery, textUpTo, topicParams } from './parameters.ts'
import { maxQueryKeyCharacters, recordList, recordsOf, webhookRecord } from './produce-bodies.ts'
import { producerRoute } from './producers.ts'
import { readBody } from './request-body.ts'
import { type Content, type Route, route } from './route.ts'

/** Producing: into one topic, into several, and from webhooks. */
export const produceRoutes: Part = (api) => [produce(api), produceToSeveral(api), takeIn(api), producerRoute(api)]

const place = { partition: z.int(), offset: z.int(), timestamp: z.nullable(z.int()) }

const answers = {
  200: {
    description: 'Where the record has come to stand, or each of them. They are durable.',
    content: {
      'application/json': z.union([z.object(place), z.object({ records: z.array(z.object(place)) })]),
    },
    headers: { ETag: '"<partition>:<offset>": where the partition ends then, for If-Match, if it is one partition.' },
  },
  204: { description: 'The same, with Prefer: return=minimal.' },
  404: { description: 'TOPIC_NOT_FOUND' },
  409: { description: 'FENCED, OUT_OF_ORDER: the producer is not the newest one, or a sequence is missing.' },
  412: { description: 'CONDITION_FAILED: the partition ends elsewhere; `endOffset` tells where.' },
  413: { description: 'TOO_LARGE: `limitBytes` and the hint tell how much to send at once.' },
  415: { description: 'UNSUPPORTED_MEDIA_TYPE' },
  422: { description: 'SCHEMA_INVALID, KEY_REUSED' },
  504: { description: 'TIMED_OUT: whether it was appended is not known. Repeat it with the same identity.' },
}

const produceQuery = () =>
  z.strictObject({
    key: textUpTo(maxQueryKeyCharacters, 'The key of records that have none.', 'c9'),
    partition: integerIn(0, maxPartitionIndex, 'The partition of records that name none.', 0),
  })

const several = z.strictObject({ records: z.array(recordSchema) })

const content: Content = {
  'application/json': z.union([recordSchema, several]),
  'application/x-ndjson': z.string(),
  'text/plain': z.string(),
  'application/octet-stream': z.string(),
  [structuredType]: z.record(z.string(), z.unknown()),
  [batchType]: z.array(z.record(z.string(), z.unknown())),
}

const produce = (api: HttpApi): Route =>
  route({
    method: 'post',
    path: '/v1/topics/{topic}/records',
    operationId: 'produce',
    summary: 'Appends records to a topic: all or nothing within a journal, which most topics have one of.',
    description:
      'One record, { "records": […] }, records one after the other (NDJSON or not), text or bytes as one value, ' +
      'CloudEvents in any of their forms.',
    tag: 'produce',
    params: topicParams(),
    query: produceQuery(),
    headers: produceHeaders,
    content,
    answers,
    examples: [
      { path: '/v1/topics/orders/records', body: '{ "key": "c9", "value": { "id": 1, "total": 12 } }', status: 200 },
      {
        path: '/v1/topics/orders/records',
        headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': 'import-7' },
        body: '{ "value": { "id": 2 } }\n{ "value": { "id": 3 }, "headers": { "source": "import" } }\n',
        status: 200,
      },
      { path: '/v1/topics/orders/records', body: '{ "id": 1 }', status: 400 },
    ],
    handle: async ({ c, params, query }) => {
      const topic = await findTopic(api.call, params.topic)
      const { records, isSingle } = await recordsOf(c, query, api.call.clock.now())
      const appended = await append(api, c, [{ topic, records: placed(records) }])
      return answer(c, appended, isSingle, withoutTopic)
    },
  })

const placed = (records: readonly Incoming[]): TopicRecords['records'] =>
  records.map((record, place) => ({ record, place }))

const append = (api: HttpApi, c: Context, topics: readonly TopicRecords[]): Promise<readonly Appended[]> =>
  appendRecords(api, topics, identityOf(c), conditionsOf(c))

const withoutTopic = ({ partition, offset, timestamp }: Appended) => ({ partition, offset, timestamp })

const answer = (
  c: Context,
  appended: readonly Appended[],
  isSingle: boolean,
  tell: (one: Appended) => Readonly<Record<string, unknown>>,
): Response => {
  const [first] = appended
  const last = appended.at(-1)
  const isOne = appended.every(({ topic, partition }) => topic === first?.topic && partition === first.partition)
  if (isOne && last) c.header('etag', `"${last.partition}:${last.offset + 1}"`)
  if (wantsNothing(c)) {
    c.header('preference-applied', 'return=minimal')
    return c.body(null, 204)
  }
  return c.json(isSingle && first ? tell(first) : { records: appended.map(tell) })
}

const produceToSeveral = (api: HttpApi): Route =>
  route({
    method: 'post',
    path: '/v1/records',
    operationId: 'produceToSeveral',
    summary: 'Appends records to several topics: all or nothing within each journal.',
    tag: 'produce',
    params: z.strictObject({}),
    query: noQuery,
    headers: produceHeaders,
    content: { 'application/json': z.strictObject({ records: z.array(topicRecordSchema) }) },
    answers: {
      ...answers,
      200: {
        description: 'Where each record has come to stand.',
        content: {
          'application/json': z.object({ records: z.array(z.object({ topic: z.string(), ...place })) }),
        },
      },
    },
    examples: [
      { path: '/v1/records', body: '{ "records": [{ "topic": "orders", "value": { "id": 4 } }] }', status: 200 },
    ],
    handle: async ({ c }) => {
      if (conditionsOf(c).size > 0) {
        throw new HttpProblem(
          'INVALID_REQUEST',
          'If-Match names partitions of one topic: send it to /v1/topics/{topic}/records.',
        )
      }
      const list = recordList(parseJson(await readBody(c)))
      if (list === undefined || list.length === 0) {
        const hint = 'Send { "records": [{ "topic": "orders", "value": … }] }.'
        throw new HttpProblem('INVALID_REQUEST', 'There are no records in the body.', { hint })
      }
      const byTopic = new Map<string, { readonly record: Incoming; readonly place: number }[]>()
      for (const [place, given] of list.entries()) {
        const { topic, record } = topicIncomingFrom(given, `/records/${place}`, api.call.clock.now())
        const others = byTopic.get(topic)
        if (others) others.push({ record, place })
        else byTopic.set(topic, [{ record, place }])
      }
      const topics: TopicRecords[] = []
      for (const [name, records] of byTopic) topics.push({ topic: await findTopic(api.call, name), records })
      return answer(c, await append(api, c, topics), false, (one) => ({ ...one }))
    },
  })

const takeIn = (api: HttpApi): Route =>
  route({
    method: 'post',
    path: '/v1/in/{topic}',
    operationId: 'takeIn',
    summary: 'Takes any webhook: its body is the value, its headers are the record’s.',
    description: 'Headers that belong to the way here, and those that carry secrets, are left out.',
    tag: 'produce',
    params: topicParams(),
    query: produceQuery(),
    headers: produceHeaders,
    content: { '*/*': z.string() },
    answers,
    examples: [
      {
        path: '/v1/in/orders',
        headers: { 'content-type': 'application/json', 'x-github-event': 'push' },
        body: '{ "ref": "refs/heads/main" }',
        status: 200,
      },
    ],
    handle: async ({ c, params, query }) => {
      const topic = await findTopic(api.call, params.topic)
      const record = await webhookRecord(c, query)
      const appended = await append(api, c, [{ topic, records: placed([record]) }])
      return answer(c, appended, true, withoutTopic)
    },
  })
