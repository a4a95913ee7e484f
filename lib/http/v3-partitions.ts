import type { Context } from 'hono'
import * as z from 'zod/mini'
import type { Topic } from '../log/topic.ts'
import type { HttpApi } from './api.ts'
import { findTopic, requirePartition } from './find-topic.ts'
import { HttpProblem } from './http-problem.ts'
import { described, noQuery } from './parameters.ts'
import { type Route, route } from './route.ts'
import { measurePartitions } from './topic-answers.ts'
import {
  answering,
  clusterParams,
  inCluster,
  linksOf,
  listSchema,
  relatedSchema,
  requireCluster,
  resourceSchema,
  restParams,
  topicParams,
} from './v3-resource.ts'

/** Partitions, where they begin and end, and who has them: the one broker, which never hands any over. */
export const partitionRoutes = (api: HttpApi): readonly Route[] => [
  ...reassignmentRoutes(api),
  listPartitions(api),
  getPartition(api),
  getOffsets(api),
  ...replicaRoutes(api),
]

const params = z.strictObject({ ...topicParams.def.shape, partition: restParams.partition })

type Asked = z.infer<typeof params>

const partitionSchema = resourceSchema('KafkaPartition', {
  topic_name: z.string(),
  partition_id: z.int(),
  leader: relatedSchema,
  replicas: relatedSchema,
  reassignment: relatedSchema,
})

const partitionOf = (c: Context, clusterId: string, { name }: Topic, index: number, brokerId: number) => {
  const { metadata, related } = linksOf(c, clusterId)
  const steps = ['topics', name, 'partitions', index]
  return {
    kind: 'KafkaPartition',
    metadata: metadata(steps, { topic: name, partition: index }),
    cluster_id: clusterId,
    topic_name: name,
    partition_id: index,
    leader: related(...steps, 'replicas', brokerId),
    replicas: related(...steps, 'replicas'),
    reassignment: related(...steps, 'reassignment'),
  }
}

const listPartitions = ({ call }: HttpApi): Route =>
  route({
    ...inCluster('/topics/{topic}/partitions'),
    method: 'get',
    operationId: 'listPartitionsV3',
    summary: 'Lists the partitions of a topic.',
    params: topicParams,
    query: noQuery,
    answers: { 200: answering('The list.', listSchema('KafkaPartitionList', partitionSchema)) },
    examples: [{ path: '/v3/clusters/{cluster}/topics/payments/partitions', status: 200 }],
    handle: async ({ c, params: asked }) => {
      const id = await requireCluster(call, asked.cluster)
      const topic = await findTopic(call, asked.topic)
      const data = Array.from({ length: topic.partitions }, (_, i) => partitionOf(c, id, topic, i, call.nodeId))
      return c.json(linksOf(c, id).list('KafkaPartitionList', ['topics', topic.name, 'partitions'], data))
    },
  })

const find = async ({ call }: HttpApi, { cluster, topic: name, partition }: Asked) => {
  const clusterId = await requireCluster(call, cluster)
  const topic = await findTopic(call, name)
  requirePartition(topic, partition)
  return { clusterId, topic }
}

const getPartition = (api: HttpApi): Route =>
  route({
    ...inCluster('/topics/{topic}/partitions/{partition}'),
    method: 'get',
    operationId: 'getPartitionV3',
    summary: 'Tells of a partition.',
    params,
    query: noQuery,
    answers: { 200: answering('The partition.', partitionSchema), 404: { description: 'There is none.' } },
    examples: [
      { path: '/v3/clusters/{cluster}/topics/payments/partitions/0', status: 200 },
      { path: '/v3/clusters/{cluster}/topics/payments/partitions/1000', status: 404 },
    ],
    handle: async ({ c, params: asked }) => {
      const { clusterId, topic } = await find(api, asked)
      return c.json(partitionOf(c, clusterId, topic, asked.partition, api.call.nodeId))
    },
  })

const bothEnds = 'earliest_and_latest'

const offsetsSchema = resourceSchema('KafkaPartition', {
  topic_name: z.string(),
  partition_id: z.int(),
  earliest_offset: z.int(),
  latest_offset: z.int(),
})

const getOffsets = (api: HttpApi): Route =>
  route({
    ...inCluster('/topics/{topic}/partitions/{partition}/offset'),
    method: 'get',
    operationId: 'getPartitionOffsetsV3',
    summary: 'Tells where a partition begins and ends.',
    params,
    query: z.strictObject({
      offset_type: described(z.optional(z.literal(bothEnds)), 'Which offsets: there is one choice.', bothEnds),
    }),
    answers: { 200: answering('The offsets.', offsetsSchema) },
    examples: [
      { path: `/v3/clusters/{cluster}/topics/payments/partitions/0/offset?offset_type=${bothEnds}`, status: 200 },
      { path: '/v3/clusters/{cluster}/topics/payments/partitions/0/offset?offset_type=other', status: 400 },
    ],
    handle: async ({ c, params: asked }) => {
      const { clusterId, topic } = await find(api, asked)
      const { earliest = 0, latest = 0 } = (await measurePartitions(api.call, topic))[asked.partition] ?? {}
      const steps = ['topics', topic.name, 'partitions', asked.partition, 'offset']
      const names = { topic: topic.name, partition: asked.partition, offset: bothEnds }
      return c.json({
        kind: 'KafkaPartition',
        metadata: linksOf(c, clusterId).metadata(steps, names),
        cluster_id: clusterId,
        topic_name: topic.name,
        partition_id: asked.partition,
        earliest_offset: earliest,
        latest_offset: latest,
      })
    },
  })

const replicaSchema = resourceSchema('KafkaReplica', {
  topic_name: z.string(),
  partition_id: z.int(),
  broker_id: z.int(),
  is_leader: z.boolean(),
  is_in_sync: z.boolean(),
  broker: relatedSchema,
})

const replicaRoutes = (api: HttpApi): readonly Route[] => {
  const { nodeId } = api.call
  const replicaOf = (c: Context, clusterId: string, { name }: Topic, index: number) => {
    const { metadata, related } = linksOf(c, clusterId)
    return {
      kind: 'KafkaReplica',
      metadata: metadata(['topics', name, 'partitions', index, 'replicas', nodeId], {
        topic: name,
        partition: index,
        replica: nodeId,
      }),
      cluster_id: clusterId,
      topic_name: name,
      partition_id: index,
      broker_id: nodeId,
      is_leader: true,
      is_in_sync: true,
      broker: related('brokers', nodeId),
    }
  }
  return [
    route({
      ...inCluster('/topics/{topic}/partitions/{partition}/replicas'),
      method: 'get',
      operationId: 'listReplicasV3',
      summary: 'Lists the one replica that clients see.',
      params,
      query: noQuery,
      answers: { 200: answering('The list.', listSchema('KafkaReplicaList', replicaSchema)) },
      examples: [{ path: '/v3/clusters/{cluster}/topics/payments/partitions/0/replicas', status: 200 }],
      handle: async ({ c, params: asked }) => {
        const { clusterId, topic } = await find(api, asked)
        const steps = ['topics', topic.name, 'partitions', asked.partition, 'replicas']
        const data = [replicaOf(c, clusterId, topic, asked.partition)]
        return c.json(linksOf(c, clusterId).list('KafkaReplicaList', steps, data))
      },
    }),
    route({
      ...inCluster('/topics/{topic}/partitions/{partition}/replicas/{broker}'),
      method: 'get',
      operationId: 'getReplicaV3',
      summary: 'Tells of it.',
      params: z.strictObject({ ...params.def.shape, broker: restParams.broker }),
      query: noQuery,
      answers: { 200: answering('The replica.', replicaSchema) },
      examples: [{ path: '/v3/clusters/{cluster}/topics/payments/partitions/0/replicas/1', status: 200 }],
      handle: async ({ c, params: asked }) => {
        const { clusterId, topic } = await find(api, asked)
        if (asked.broker !== nodeId) throw new HttpProblem('NOT_FOUND', `Replica ${asked.broker} cannot be found.`)
        return c.json(replicaOf(c, clusterId, topic, asked.partition))
      },
    }),
  ]
}

const reassignmentSchema = resourceSchema('KafkaReassignment', {
  topic_name: z.string(),
  partition_id: z.int(),
  adding_replicas: z.array(z.int()),
  removing_replicas: z.array(z.int()),
})

const reassignmentRoutes = ({ call }: HttpApi): readonly Route[] => {
  const listed = { 200: answering('No one.', listSchema('KafkaReassignmentList', reassignmentSchema)) }
  const none = (c: Context, clusterId: string, topic: string): Response => {
    const steps = ['topics', topic, 'partitions', '-', 'reassignment']
    return c.json(linksOf(c, clusterId).list('KafkaReassignmentList', steps, []))
  }
  return [
    route({
      ...inCluster('/topics/-/partitions/-/reassignment'),
      method: 'get',
      operationId: 'listAllReassignmentsV3',
      summary: 'Lists partitions that are on their way to another broker: none ever is.',
      params: clusterParams,
      query: noQuery,
      answers: listed,
      examples: [{ path: '/v3/clusters/{cluster}/topics/-/partitions/-/reassignment', status: 200 }],
      handle: async ({ c, params: asked }) => none(c, await requireCluster(call, asked.cluster), '-'),
    }),
    route({
      ...inCluster('/topics/{topic}/partitions/-/reassignment'),
      method: 'get',
      operationId: 'listReassignmentsV3',
      summary: 'The same for one topic.',
      params: topicParams,
      query: noQuery,
      answers: listed,
      examples: [{ path: '/v3/clusters/{cluster}/topics/payments/partitions/-/reassignment', status: 200 }],
      handle: async ({ c, params: asked }) => {
        const id = await requireCluster(call, asked.cluster)
        return none(c, id, (await findTopic(call, asked.topic)).name)
      },
    }),
  ]
}
