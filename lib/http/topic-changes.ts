import * as z from 'zod/mini'
import { createPartitions } from '../broker/handlers/create-partitions.ts'
import { createTopics } from '../broker/handlers/create-topics.ts'
import { deleteTopics } from '../broker/handlers/delete-topics.ts'
import { incrementalAlterConfigs } from '../broker/handlers/incremental-alter-configs.ts'
import { resourceTypes } from '../broker/resources.ts'
import { nameProblem, type Topic } from '../log/topic.ts'
import { zeroUuid } from '../protocol/reader.ts'
import type { HttpApi } from './api.ts'
import { errorOfCode, requireDone } from './failure.ts'
import { findTopic } from './find-topic.ts'
import { HttpProblem } from './http-problem.ts'
import { dryRun, textUpTo, topicParams } from './parameters.ts'
import type { PlacedError } from './problem.ts'
import { type Route, route } from './route.ts'
import { describeTopic, measurePartitions, sumOf, topicSchema } from './topic-answers.ts'
import { configsOf, configValue, type WantedTopic, wantedTopic } from './topic-settings.ts'

/** What changes a topic as a whole: all of it is done by the broker's own handlers. */
export const changeRoutes = (api: HttpApi): readonly Route[] => [putTopic(api), patchTopic(api), deleteTopic(api)]

const changed = z.object({ ...topicSchema.shape, dryRun: z.optional(z.boolean()) })

const putTopic = ({ call }: HttpApi): Route =>
  route({
    method: 'put',
    path: '/v1/topics/{topic}',
    operationId: 'putTopic',
    summary: 'Creates a topic, or confirms that there is one like this.',
    description: 'Only what is given is compared with a topic that exists.',
    tag: 'topics',
    params: topicParams(),
    query: z.strictObject({ dryRun: dryRun() }),
    body: wantedTopic,
    bodyIsOptional: true,
    answers: {
      200: { description: 'There is such a topic already.', content: { 'application/json': changed } },
      201: { description: 'It was created.', content: { 'application/json': changed } },
      409: { description: 'TOPIC_DIFFERS: there is a topic of this name; `errors` tells what differs.' },
    },
    examples: [
      { path: '/v1/topics/orders', body: '{ "partitions": 3, "retentionMs": 604800000 }', status: 201 },
      { path: '/v1/topics/orders', body: '{ "partitions": 3 }', status: 200 },
      { path: '/v1/topics/orders', body: '{ "partitions": 6 }', status: 409 },
      { path: '/v1/topics/payments?dryRun=true', status: 201 },
    ],
    handle: async ({ c, params: { topic: name }, query, body }) => {
      const wrong = nameProblem(name)
      if (wrong !== undefined) throw new HttpProblem('INVALID_REQUEST', `${wrong.replace(/^a/, 'A')}.`)
      const isDryRun = query.dryRun === true
      const told = isDryRun ? { dryRun: true } : {}
      const existing = await call.topics.find(name)
      if (existing) return c.json({ ...describeTopic(confirmed(existing, body)), ...told })
      const given = Object.entries(configsOf(body)).flatMap(([config, value]) =>
        value === null ? [] : [{ name: config, value }],
      )
      const asked = {
        name,
        numPartitions: body.partitions ?? -1,
        replicationFactor: -1,
        assignments: [],
        configs: given,
      }
      const request = { topics: [asked], timeoutMs: call.limits.maxChangeMs, validateOnly: isDryRun }
      const [answer] = (await createTopics(request, call)).topics
      // Somebody else was first.
      const other = answer && errorOfCode(answer.errorCode) === 'TOPIC_ALREADY_EXISTS' && (await call.topics.find(name))
      if (other) return c.json(describeTopic(confirmed(other, body)))
      requireDone(answer)
      const configs = Object.fromEntries(given.map(({ name: config, value }) => [config, value]))
      const partitions = answer?.numPartitions ?? 1
      const planned = { name, id: answer?.topicId ?? zeroUuid, partitions, shards: shardsIn(answer?.configs), configs }
      const created = isDryRun ? planned : await findTopic(call, name)
      return c.json({ ...describeTopic(created), ...told }, 201, { location: `/v1/topics/${name}` })
    },
  })

const shardsIn = (configs: readonly { readonly name: string; readonly value: string | null }[] | null | undefined) =>
  Number(configs?.find(({ name }) => name === 'wadi.shards')?.value ?? 1)

/** The topic, when it is as it is wanted. */
const confirmed = (topic: Topic, wanted: WantedTopic): Topic => {
  const differs = (path: string, is: string, asked: string): readonly PlacedError[] =>
    is === asked ? [] : [{ path, message: `it is ${is}, not ${asked}` }]
  const errors = [
    ...(wanted.partitions === undefined
      ? []
      : differs('/partitions', String(topic.partitions), String(wanted.partitions))),
    ...Object.entries(configsOf(wanted)).flatMap(([name, value]) => {
      const byDefault = configValue({ configs: {} }, name)
      return differs(`/configs/${name}`, configValue(topic, name), value === null ? byDefault : value.trim())
    }),
  ]
  if (errors.length === 0) return topic
  const hint = `Change it with PATCH /v1/topics/${topic.name}.`
  throw new HttpProblem('TOPIC_DIFFERS', `There is a topic "${topic.name}" that is not like this.`, { errors, hint })
}

const patchTopic = ({ call }: HttpApi): Route =>
  route({
    method: 'patch',
    path: '/v1/topics/{topic}',
    operationId: 'patchTopic',
    summary: 'Changes what is given: partitions only become more, null returns a config to its default.',
    tag: 'topics',
    params: topicParams(),
    query: z.strictObject({ dryRun: dryRun() }),
    body: wantedTopic,
    answers: {
      200: { description: 'The topic as it is now, or would be.', content: { 'application/json': changed } },
      404: { description: 'TOPIC_NOT_FOUND' },
    },
    examples: [
      { path: '/v1/topics/orders?dryRun=true', body: '{ "partitions": 6 }', status: 200 },
      { path: '/v1/topics/orders', body: '{ "valueFormat": "json" }', status: 200 },
    ],
    handle: async ({ c, params, query, body }) => {
      const topic = await findTopic(call, params.topic)
      const { name } = topic
      const isDryRun = query.dryRun === true
      const change = async (validateOnly: boolean): Promise<void> => {
        const timeoutMs = call.limits.maxChangeMs
        const given = Object.entries(configsOf(body))
        if (given.length > 0) {
          const operations = given.map(([config, value]) => ({
            name: config,
            value,
            configOperation: value === null ? 1 : 0,
          }))
          const resource = { resourceType: resourceTypes.topic, resourceName: name, configs: operations }
          requireDone((await incrementalAlterConfigs({ resources: [resource], validateOnly }, call)).responses[0])
        }
        if (body.partitions !== undefined && body.partitions !== topic.partitions) {
          const grown = { name, count: body.partitions, assignments: null }
          requireDone((await createPartitions({ topics: [grown], timeoutMs, validateOnly }, call)).results[0])
        }
      }
      // Everything is looked at before anything is changed.
      await change(true)
      if (!isDryRun) {
        await change(false)
        return c.json(describeTopic(await findTopic(call, name)))
      }
      const configs: Record<string, string> = { ...topic.configs }
      for (const [config, value] of Object.entries(configsOf(body))) {
        if (value === null) delete configs[config]
        else configs[config] = value
      }
      const planned = { ...topic, configs, partitions: body.partitions ?? topic.partitions }
      return c.json({ ...describeTopic(planned), dryRun: true })
    },
  })

const deleteTopic = ({ call }: HttpApi): Route =>
  route({
    method: 'delete',
    path: '/v1/topics/{topic}',
    operationId: 'deleteTopic',
    summary: 'Deletes a topic with all its records.',
    tag: 'topics',
    params: topicParams(),
    query: z.strictObject({
      confirm: textUpTo(249, 'The name of the topic once more: without it nothing is deleted.', 'orders'),
      dryRun: dryRun(),
    }),
    answers: {
      200: {
        description: 'What would be deleted.',
        content: {
          'application/json': z.object({
            name: z.string(),
            id: z.string(),
            records: z.int(),
            bytes: z.int(),
            dryRun: z.literal(true),
          }),
        },
      },
      204: { description: 'It is deleted.' },
      404: { description: 'TOPIC_NOT_FOUND' },
    },
    examples: [
      { path: '/v1/topics/orders?dryRun=true', status: 200 },
      { path: '/v1/topics/orders', status: 400 },
      { path: '/v1/topics/orders?confirm=orders', status: 204 },
    ],
    handle: async ({ c, params, query }) => {
      const topic = await findTopic(call, params.topic)
      const { name, id } = topic
      if (query.dryRun) return c.json({ name, id, ...sumOf(await measurePartitions(call, topic)), dryRun: true })
      if (query.confirm !== name) {
        const detail = `Deleting "${name}" takes all its records with it and has to be confirmed.`
        throw new HttpProblem('INVALID_REQUEST', detail, { hint: `Add ?confirm=${name}, or look with ?dryRun=true.` })
      }
      const asked = { name: null, topicId: id }
      const request = { topics: [asked], topicNames: [], timeoutMs: call.limits.maxChangeMs }
      requireDone((await deleteTopics(request, call)).responses[0])
      return c.body(null, 204)
    },
  })
