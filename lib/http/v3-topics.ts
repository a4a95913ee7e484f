import type { Context } from 'hono'
import * as z from 'zod/mini'
import { createPartitions } from '../broker/handlers/create-partitions.ts'
import { createTopics } from '../broker/handlers/create-topics.ts'
import { deleteTopics } from '../broker/handlers/delete-topics.ts'
import type { HttpApi, Part } from './api.ts'
import { requireDone } from './failure.ts'
import { findTopic } from './find-topic.ts'
import { described, noQuery } from './parameters.ts'
import { type Route, route } from './route.ts'
import { clusterRoutes } from './v3-clusters.ts'
import { topicConfigRoutes } from './v3-configs.ts'
import { partitionRoutes } from './v3-partitions.ts'
import {
  answering,
  clusterParams,
  inCluster,
  linksOf,
  listSchema,
  relatedSchema,
  requireCluster,
  resourceSchema,
  topicParams,
} from './v3-resource.ts'

/** Confluent's REST API v3 but for records and groups: the cluster, topics, configs, partitions. */
export const restTopicRoutes: Part = (api) => [
  ...clusterRoutes(api),
  listTopics(api),
  createTopic(api),
  ...topicConfigRoutes(api),
  ...partitionRoutes(api),
  getTopic(api),
  updateTopic(api),
  deleteTopic(api),
]

const topicSchema = resourceSchema('KafkaTopic', {
  topic_name: z.string(),
  is_internal: z.boolean(),
  replication_factor: z.int(),
  partitions_count: z.int(),
  partitions: relatedSchema,
  configs: relatedSchema,
  partition_reassignments: relatedSchema,
  authorized_operations: z.array(z.string()),
})

/** What clients see, as over Kafka's protocol: the stores replicate. */
const visibleReplicas = 1

const topicOf = (c: Context, clusterId: string, topic: { readonly name: string; readonly partitions: number }) => {
  const { metadata, related } = linksOf(c, clusterId)
  const steps = ['topics', topic.name]
  return {
    kind: 'KafkaTopic',
    metadata: metadata(steps, { topic: topic.name }),
    cluster_id: clusterId,
    topic_name: topic.name,
    is_internal: false,
    replication_factor: visibleReplicas,
    partitions_count: topic.partitions,
    partitions: related(...steps, 'partitions'),
    configs: related(...steps, 'configs'),
    partition_reassignments: related(...steps, 'partitions', '-', 'reassignment'),
    authorized_operations: [],
  }
}

const listTopics = ({ call }: HttpApi): Route =>
  route({
    ...inCluster('/topics'),
    method: 'get',
    operationId: 'listTopicsV3',
    summary: 'Lists all topics.',
    params: clusterParams,
    query: noQuery,
    answers: { 200: answering('The list.', listSchema('KafkaTopicList', topicSchema)) },
    examples: [{ path: '/v3/clusters/{cluster}/topics', status: 200 }],
    handle: async ({ c, params }) => {
      const id = await requireCluster(call, params.cluster)
      const data = (await call.topics.all()).map((topic) => topicOf(c, id, topic))
      return c.json(linksOf(c, id).list('KafkaTopicList', ['topics'], data))
    },
  })

const int16 = () => z.int().check(z.minimum(-(2 ** 15)), z.maximum(2 ** 15 - 1))
const int32 = () => z.int().check(z.minimum(-(2 ** 31)), z.maximum(2 ** 31 - 1))

const wanted = z.object({
  topic_name: described(z.string(), 'The name of the topic.', 'payments'),
  partitions_count: described(z.optional(z.nullable(int32())), 'How many partitions.', 3),
  replication_factor: described(z.optional(z.nullable(int16())), 'Up to 3, which is what the stores have.', 3),
  replicas_assignments: z.optional(
    z.nullable(z.array(z.object({ partition_id: int32(), broker_ids: z.array(int32()) }))),
  ),
  configs: described(
    z.optional(z.nullable(z.array(z.object({ name: z.string(), value: z.optional(z.nullable(z.string())) })))),
    'Configs by their names.',
  ),
  validate_only: described(z.optional(z.nullable(z.boolean())), 'Only looks whether it would be allowed.'),
})

const createTopic = ({ call }: HttpApi): Route =>
  route({
    ...inCluster('/topics'),
    method: 'post',
    operationId: 'createTopicV3',
    summary: 'Creates a topic.',
    params: clusterParams,
    query: noQuery,
    body: wanted,
    answers: {
      200: answering('It could be created.', topicSchema),
      201: answering('It was created.', topicSchema),
      400: { description: 'Kafka’s reason, with the code 40002.' },
    },
    examples: [
      {
        path: '/v3/clusters/{cluster}/topics',
        body: '{ "topic_name": "payments", "partitions_count": 3, "configs": [{ "name": "retention.ms", "value": "60000" }] }',
        status: 201,
      },
      { path: '/v3/clusters/{cluster}/topics', body: '{ "topic_name": "payments" }', status: 400 },
    ],
    handle: async ({ c, params, body }) => {
      const id = await requireCluster(call, params.cluster)
      const asked = {
        name: body.topic_name,
        numPartitions: body.partitions_count ?? -1,
        replicationFactor: body.replication_factor ?? -1,
        assignments: (body.replicas_assignments ?? []).map((one) => ({
          partitionIndex: one.partition_id,
          brokerIds: one.broker_ids,
        })),
        configs: (body.configs ?? []).map(({ name, value }) => ({ name, value: value ?? null })),
      }
      const validateOnly = body.validate_only === true
      const request = { topics: [asked], timeoutMs: call.limits.maxChangeMs, validateOnly }
      const [answer] = (await createTopics(request, call)).topics
      requireDone(answer)
      const topic = topicOf(c, id, { name: body.topic_name, partitions: answer?.numPartitions ?? 1 })
      return validateOnly ? c.json(topic) : c.json(topic, 201, { location: topic.metadata.self })
    },
  })

const getTopic = ({ call }: HttpApi): Route =>
  route({
    ...inCluster('/topics/{topic}'),
    method: 'get',
    operationId: 'getTopicV3',
    summary: 'Tells of a topic.',
    params: topicParams,
    query: z.object({}),
    answers: { 200: answering('The topic.', topicSchema), 404: { description: 'There is none of this name.' } },
    examples: [
      { path: '/v3/clusters/{cluster}/topics/payments', status: 200 },
      { path: '/v3/clusters/{cluster}/topics/absent', status: 404 },
    ],
    handle: async ({ c, params }) => {
      const id = await requireCluster(call, params.cluster)
      return c.json(topicOf(c, id, await findTopic(call, params.topic)))
    },
  })

const updateTopic = ({ call }: HttpApi): Route =>
  route({
    ...inCluster('/topics/{topic}'),
    method: 'patch',
    operationId: 'updateTopicV3',
    summary: 'Adds partitions.',
    params: topicParams,
    query: noQuery,
    body: z.object({ partitions_count: described(int32(), 'How many there shall be; they only become more.', 6) }),
    answers: { 200: answering('The topic as it is now.', topicSchema) },
    examples: [
      { path: '/v3/clusters/{cluster}/topics/payments', body: '{ "partitions_count": 6 }', status: 200 },
      { path: '/v3/clusters/{cluster}/topics/payments', body: '{ "partitions_count": 1 }', status: 400 },
    ],
    handle: async ({ c, params, body }) => {
      const id = await requireCluster(call, params.cluster)
      const { name } = await findTopic(call, params.topic)
      const grown = { name, count: body.partitions_count, assignments: null }
      const request = { topics: [grown], timeoutMs: call.limits.maxChangeMs, validateOnly: false }
      requireDone((await createPartitions(request, call)).results[0])
      return c.json(topicOf(c, id, await findTopic(call, name)))
    },
  })

const deleteTopic = ({ call }: HttpApi): Route =>
  route({
    ...inCluster('/topics/{topic}'),
    method: 'delete',
    operationId: 'deleteTopicV3',
    summary: 'Deletes a topic with all its records.',
    params: topicParams,
    query: noQuery,
    answers: { 204: { description: 'It is deleted.' }, 404: { description: 'There is none of this name.' } },
    examples: [{ path: '/v3/clusters/{cluster}/topics/payments', status: 204 }],
    handle: async ({ c, params }) => {
      await requireCluster(call, params.cluster)
      const { id } = await findTopic(call, params.topic)
      const asked = { name: null, topicId: id }
      const request = { topics: [asked], topicNames: [], timeoutMs: call.limits.maxChangeMs }
      requireDone((await deleteTopics(request, call)).responses[0])
      return c.body(null, 204)
    },
  })
