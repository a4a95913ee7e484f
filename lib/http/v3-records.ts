import type { Context } from 'hono'
import * as z from 'zod/mini'
import { configOf } from '../log/config.ts'
import { shardOf, type Topic } from '../log/topic.ts'
import type { HttpApi, Part } from './api.ts'
import { type Appended, appendRecords } from './append-records.ts'
import { choosePartitions } from './choose-partitions.ts'
import { problemOf } from './failure.ts'
import { findTopic, requirePartition } from './find-topic.ts'
import { HttpProblem } from './http-problem.ts'
import { type Identity, identityOf } from './identity.ts'
import { maxRecords, requireFormat } from './incoming.ts'
import { parseJson, parseJsonSequence } from './json.ts'
import { noQuery } from './parameters.ts'
import { readBody } from './request-body.ts'
import { type Route, route } from './route.ts'
import { restErrorOf } from './v3-error.ts'
import {
  batchSchema,
  entriesIn,
  producedRecord,
  type RestRecord,
  restRecordFrom,
  restRecordSchema,
} from './v3-record.ts'
import { inCluster, requireCluster, topicParams } from './v3-resource.ts'

/** Confluent's REST API v3 for producing. What is for one journal is appended together: all of it or nothing. */
export const restRecordRoutes: Part = (api) => [produce(api), produceBatch(api)]

const headers = {
  'Idempotency-Key': 'Any text of up to 255 characters: a repeat within 10 minutes appends nothing again.',
} as const

const part = z.nullable(z.object({ type: z.nullable(z.string()), size: z.int() }))

const produced = z.object({
  error_code: z.optional(z.literal(200)),
  cluster_id: z.string(),
  topic_name: z.string(),
  partition_id: z.int(),
  offset: z.int(),
  timestamp: z.nullable(z.string()),
  key: part,
  value: part,
})

const produce = (api: HttpApi): Route =>
  route({
    ...inCluster('/topics/{topic}/records'),
    method: 'post',
    operationId: 'produceV3',
    summary: 'Appends a record, or several that stand one after the other in the body; so do the answers.',
    description: 'Of several, each that failed is answered with an error in its place, under the status 200.',
    params: topicParams,
    query: noQuery,
    headers,
    content: { 'application/json': restRecordSchema },
    answers: {
      200: { description: 'Where it has come to stand.', content: { 'application/json': produced } },
      404: { description: 'There is no such topic.' },
    },
    examples: [
      {
        path: '/v3/clusters/{cluster}/topics/orders/records',
        body: '{ "partition_id": 0, "key": { "type": "STRING", "data": "c9" }, "value": { "type": "JSON", "data": { "id": 1 } } }',
        status: 200,
      },
      {
        path: '/v3/clusters/{cluster}/topics/orders/records',
        body: '{ "value": { "type": "AVRO", "data": {} } }',
        status: 400,
      },
    ],
    handle: async ({ c, params: asked }) => {
      const clusterId = await requireCluster(api.call, asked.cluster)
      const topic = await findTopic(api.call, asked.topic)
      const identity = unconditionalIdentity(c, topic)
      const given = parseJsonSequence(await readBody(c), maxRecords)
      if (given.length === 0) throw new HttpProblem('INVALID_REQUEST', 'There is no record in the body.')
      const outcomes = await appendAll(api, topic, given, identity)
      const [first] = outcomes
      if (outcomes.length === 1 && first && 'problem' in first) throw first.problem
      const lines = outcomes.map((outcome) =>
        JSON.stringify(
          'problem' in outcome
            ? restErrorOf(outcome.problem)
            : { error_code: 200, ...producedRecord(clusterId, outcome.record, outcome.appended) },
        ),
      )
      // One after the other, as they came.
      return jsonText(c, outcomes.length === 1 ? lines.join('') : `${lines.join('\r\n')}\r\n`)
    },
  })

const jsonText = (c: Context, text: string): Response => c.body(text, 200, { 'content-type': 'application/json' })

/** Who produces. A condition is refused rather than passed over: whoever sends one rests on it. */
const unconditionalIdentity = (c: Context, topic: Topic): Identity => {
  if (c.req.header('if-match') === undefined) return identityOf(c)
  const hint = `Send it to /v1/topics/${topic.name}/records.`
  throw new HttpProblem('INVALID_REQUEST', 'If-Match has no meaning in this API: nothing was appended.', { hint })
}

type Outcome = { readonly record: RestRecord; readonly appended: Appended } | { readonly problem: HttpProblem }

/** What became of each. Those that are no records are refused one by one; the others are appended by journal. */
const appendAll = async (
  api: HttpApi,
  topic: Topic,
  given: readonly unknown[],
  identity: Identity,
): Promise<readonly Outcome[]> => {
  const { valueFormat } = configOf(topic)
  const outcomes = new Map<number, Outcome>()
  const records = given.flatMap((one, place): readonly Omit<Placed, 'partition'>[] => {
    try {
      const record = restRecordFrom(one, given.length === 1 ? '' : `/${place}`, api.call.clock.now())
      requireFormat(record.incoming, valueFormat)
      if (record.incoming.partition !== undefined) requirePartition(topic, record.incoming.partition)
      return [{ record, place }]
    } catch (error) {
      if (!(error instanceof HttpProblem)) throw error
      outcomes.set(place, { problem: error })
      return []
    }
  })
  const incoming = records.map(({ record }) => record.incoming)
  const partitions = await choosePartitions(api.call, topic, incoming, { identity, conditions: new Map() })
  const shards = Map.groupBy(
    records.map((one, i) => ({ ...one, partition: partitions[i] ?? 0 })),
    ({ partition }) => shardOf(topic, partition),
  )
  const sent = [...shards.values()].map(async (together) => {
    for (const [place, outcome] of await appendTogether(api, topic, together, identity)) outcomes.set(place, outcome)
  })
  await Promise.all(sent)
  return [...outcomes].toSorted(([a], [b]) => a - b).map(([, outcome]) => outcome)
}

type Placed = { readonly record: RestRecord; readonly place: number; readonly partition: number }

const appendTogether = async (
  api: HttpApi,
  topic: Topic,
  together: readonly Placed[],
  identity: Identity,
): Promise<readonly (readonly [number, Outcome])[]> => {
  const records = together.map(({ record, place, partition }) => ({ record: { ...record.incoming, partition }, place }))
  try {
    const appended = await appendRecords(api, [{ topic, records }], identity, new Map())
    return together.map(({ record, place }, i) => {
      const one = appended[i]
      if (one === undefined) throw new Error('every record that was appended is somewhere')
      return [place, { record, appended: one }]
    })
  } catch (error) {
    const problem = error instanceof HttpProblem ? error : problemOf(error, 'POST')
    if (problem.code === 'INTERNAL') throw error
    return together.map(({ place }) => [place, { problem }])
  }
}

const multiStatus = 207

const produceBatch = (api: HttpApi): Route =>
  route({
    ...inCluster('/topics/{topic}/records:batch'),
    method: 'post',
    operationId: 'produceBatchV3',
    summary: 'Appends records that have ids, and tells of each what became of it.',
    params: topicParams,
    query: noQuery,
    headers,
    content: { 'application/json': batchSchema },
    answers: {
      207: {
        description: 'What was appended, and what was not.',
        content: {
          'application/json': z.object({
            successes: z.array(z.object({ ...produced.def.shape, id: z.string() })),
            failures: z.array(z.object({ id: z.string(), error_code: z.int(), message: z.string() })),
          }),
        },
      },
    },
    examples: [
      {
        path: '/v3/clusters/{cluster}/topics/orders/records:batch',
        body: '{ "entries": [{ "id": "1", "value": { "type": "JSON", "data": 1 } }, { "id": "2", "value": { "type": "AVRO", "data": 1 } }] }',
        status: 207,
      },
      { path: '/v3/clusters/{cluster}/topics/orders/records:batch', body: '{ "entries": [] }', status: 400 },
    ],
    handle: async ({ c, params: asked }) => {
      const clusterId = await requireCluster(api.call, asked.cluster)
      const topic = await findTopic(api.call, asked.topic)
      const identity = unconditionalIdentity(c, topic)
      const entries = entriesIn(parseJson(await readBody(c)))
      const outcomes = await appendAll(
        api,
        topic,
        entries.map(({ record }) => record),
        identity,
      )
      const named = outcomes.map((outcome, i) => ({ id: entries[i]?.id ?? '', outcome }))
      return c.json(
        {
          successes: named.flatMap(({ id, outcome }) =>
            'problem' in outcome ? [] : [{ id, ...producedRecord(clusterId, outcome.record, outcome.appended) }],
          ),
          failures: named.flatMap(({ id, outcome }) =>
            'problem' in outcome ? [{ id, ...restErrorOf(outcome.problem) }] : [],
          ),
        },
        multiStatus,
      )
    },
  })
