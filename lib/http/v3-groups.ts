import type { Context } from 'hono'
import * as z from 'zod/mini'
import type { HttpApi, Part } from './api.ts'
import { HttpProblem } from './http-problem.ts'
import { noQuery } from './parameters.ts'
import { type Route, route } from './route.ts'
import { type GroupDescription, type Lag, lagsOf, type Member, requireGroup } from './v3-group-lag.ts'
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
  upperSnake,
} from './v3-resource.ts'

/** Confluent's REST API v3 for groups: what they are and how far they are behind. It changes none. */
export const restGroupRoutes: Part = (api) => [
  listGroups(api),
  getGroup(api),
  ...consumerRoutes(api),
  listLags(api),
  getLag(api),
  getLagSummary(api),
]

const groupSchema = resourceSchema('KafkaConsumerGroup', {
  consumer_group_id: z.string(),
  is_simple: z.boolean(),
  partition_assignor: z.string(),
  state: z.string(),
  type: z.string(),
  is_mixed_consumer_group: z.boolean(),
  coordinator: relatedSchema,
  consumers: relatedSchema,
  lag_summary: relatedSchema,
})

const groupOf = (c: Context, clusterId: string, groupId: string, group: GroupDescription, brokerId: number) => {
  const { metadata, related } = linksOf(c, clusterId)
  const steps = ['consumer-groups', groupId]
  return {
    kind: 'KafkaConsumerGroup',
    metadata: metadata(steps, { 'consumer-group': groupId }),
    cluster_id: clusterId,
    consumer_group_id: groupId,
    // Nobody has ever joined it: somebody commits by himself.
    is_simple: group.type === 'classic' && group.protocolType === '',
    partition_assignor: group.type === 'classic' ? group.protocol : group.assignor,
    state: upperSnake(group.state),
    type: upperSnake(group.type),
    is_mixed_consumer_group: false,
    coordinator: related('brokers', brokerId),
    consumers: related(...steps, 'consumers'),
    lag_summary: related(...steps, 'lag-summary'),
  }
}

const listGroups = ({ call }: HttpApi): Route =>
  route({
    ...inCluster('/consumer-groups'),
    method: 'get',
    operationId: 'listGroupsV3',
    summary: 'Lists all groups.',
    params: clusterParams,
    query: noQuery,
    answers: { 200: answering('The list.', listSchema('KafkaConsumerGroupList', groupSchema)) },
    examples: [{ path: '/v3/clusters/{cluster}/consumer-groups', status: 200 }],
    handle: async ({ c, params }) => {
      const id = await requireCluster(call, params.cluster)
      const groups = await Promise.all(
        (await call.groups.list()).map(async ({ groupId }) => {
          const group = await call.groups.describe(groupId)
          return group ? [groupOf(c, id, groupId, group, call.nodeId)] : []
        }),
      )
      return c.json(linksOf(c, id).list('KafkaConsumerGroupList', ['consumer-groups'], groups.flat()))
    },
  })

const groupParams = z.strictObject({ cluster: restParams.cluster, group: restParams.group })
const absent = { description: 'There is no such group.' }

const getGroup = ({ call }: HttpApi): Route =>
  route({
    ...inCluster('/consumer-groups/{group}'),
    method: 'get',
    operationId: 'getGroupV3',
    summary: 'Tells of a group.',
    params: groupParams,
    query: noQuery,
    answers: { 200: answering('The group.', groupSchema), 404: absent },
    examples: [{ path: '/v3/clusters/{cluster}/consumer-groups/absent', status: 404 }],
    handle: async ({ c, params }) => {
      const id = await requireCluster(call, params.cluster)
      return c.json(groupOf(c, id, params.group, await requireGroup(call, params.group), call.nodeId))
    },
  })

const consumerSchema = resourceSchema('KafkaConsumer', {
  consumer_group_id: z.string(),
  consumer_id: z.string(),
  instance_id: z.nullable(z.string()),
  client_id: z.string(),
  assignments: relatedSchema,
})

const consumerOf = (c: Context, clusterId: string, groupId: string, member: Member) => {
  const { metadata, related } = linksOf(c, clusterId)
  const steps = ['consumer-groups', groupId, 'consumers', member.memberId]
  return {
    kind: 'KafkaConsumer',
    metadata: metadata(steps, { 'consumer-group': groupId, consumer: member.memberId }),
    cluster_id: clusterId,
    consumer_group_id: groupId,
    consumer_id: member.memberId,
    instance_id: member.instanceId,
    client_id: member.clientId,
    assignments: related(...steps, 'assignments'),
  }
}

const consumerRoutes = ({ call }: HttpApi): readonly Route[] => [
  route({
    ...inCluster('/consumer-groups/{group}/consumers'),
    method: 'get',
    operationId: 'listConsumersV3',
    summary: 'Lists the members of a group.',
    params: groupParams,
    query: noQuery,
    answers: { 200: answering('The list.', listSchema('KafkaConsumerList', consumerSchema)), 404: absent },
    examples: [{ path: '/v3/clusters/{cluster}/consumer-groups/absent/consumers', status: 404 }],
    handle: async ({ c, params: { cluster, group } }) => {
      const id = await requireCluster(call, cluster)
      const { members } = await requireGroup(call, group)
      const data = [...members].map((member) => consumerOf(c, id, group, member))
      return c.json(linksOf(c, id).list('KafkaConsumerList', ['consumer-groups', group, 'consumers'], data))
    },
  }),
  route({
    ...inCluster('/consumer-groups/{group}/consumers/{consumer}'),
    method: 'get',
    operationId: 'getConsumerV3',
    summary: 'Tells of a member.',
    params: z.strictObject({ ...groupParams.def.shape, consumer: restParams.consumer }),
    query: noQuery,
    answers: { 200: answering('The member.', consumerSchema), 404: absent },
    examples: [{ path: '/v3/clusters/{cluster}/consumer-groups/absent/consumers/one', status: 404 }],
    handle: async ({ c, params: { cluster, group, consumer } }) => {
      const id = await requireCluster(call, cluster)
      const { members } = await requireGroup(call, group)
      const member = [...members].find(({ memberId }) => memberId === consumer)
      if (member === undefined) throw new HttpProblem('NOT_FOUND', `Consumer ${consumer} cannot be found.`)
      return c.json(consumerOf(c, id, group, member))
    },
  }),
]

const lagSchema = resourceSchema('KafkaConsumerLag', {
  consumer_group_id: z.string(),
  topic_name: z.string(),
  partition_id: z.int(),
  current_offset: z.int(),
  log_end_offset: z.int(),
  lag: z.int(),
  consumer_id: z.string(),
  instance_id: z.nullable(z.string()),
  client_id: z.string(),
})

const lagOf = (lag: Lag): number => Number(lag.logEndOffset - lag.currentOffset)

const lagFields = (c: Context, clusterId: string, groupId: string, lag: Lag) => ({
  kind: 'KafkaConsumerLag',
  metadata: linksOf(c, clusterId).metadata(
    ['consumer-groups', groupId, 'lags', lag.topic, 'partitions', lag.partition],
    { 'consumer-group': groupId, lag: lag.topic, partition: lag.partition },
  ),
  cluster_id: clusterId,
  consumer_group_id: groupId,
  topic_name: lag.topic,
  partition_id: lag.partition,
  current_offset: Number(lag.currentOffset),
  log_end_offset: Number(lag.logEndOffset),
  lag: lagOf(lag),
  // Nobody consumes it now.
  consumer_id: lag.member?.memberId ?? '',
  instance_id: lag.member?.instanceId ?? null,
  client_id: lag.member?.clientId ?? '',
})

const listLags = ({ call }: HttpApi): Route =>
  route({
    ...inCluster('/consumer-groups/{group}/lags'),
    method: 'get',
    operationId: 'listLagsV3',
    summary: 'Lists how far a group is behind, by partition, the farthest first.',
    params: groupParams,
    query: noQuery,
    answers: { 200: answering('The list.', listSchema('KafkaConsumerLagList', lagSchema)), 404: absent },
    examples: [{ path: '/v3/clusters/{cluster}/consumer-groups/absent/lags', status: 404 }],
    handle: async ({ c, params: { cluster, group } }) => {
      const id = await requireCluster(call, cluster)
      const lags = await lagsOf(call, group, await requireGroup(call, group))
      const data = lags.toSorted((a, b) => lagOf(b) - lagOf(a)).map((lag) => lagFields(c, id, group, lag))
      return c.json(linksOf(c, id).list('KafkaConsumerLagList', ['consumer-groups', group, 'lags'], data))
    },
  })

const getLag = ({ call }: HttpApi): Route =>
  route({
    ...inCluster('/consumer-groups/{group}/lags/{topic}/partitions/{partition}'),
    method: 'get',
    operationId: 'getLagV3',
    summary: 'Tells how far a group is behind in one partition.',
    params: z.strictObject({ ...groupParams.def.shape, topic: restParams.topic, partition: restParams.partition }),
    query: noQuery,
    answers: { 200: answering('The lag.', lagSchema), 404: absent },
    examples: [{ path: '/v3/clusters/{cluster}/consumer-groups/absent/lags/payments/partitions/0', status: 404 }],
    handle: async ({ c, params: { cluster, group, topic, partition } }) => {
      const id = await requireCluster(call, cluster)
      const lags = await lagsOf(call, group, await requireGroup(call, group))
      const lag = lags.find((one) => one.topic === topic && one.partition === partition)
      if (lag === undefined) {
        const detail = `Consumer group ${group} has committed no offset for partition ${partition} of ${topic}.`
        throw new HttpProblem('NOT_FOUND', detail)
      }
      return c.json(lagFields(c, id, group, lag))
    },
  })

const summarySchema = resourceSchema('KafkaConsumerGroupLagSummary', {
  consumer_group_id: z.string(),
  max_lag_consumer_id: z.string(),
  max_lag_instance_id: z.nullable(z.string()),
  max_lag_client_id: z.string(),
  max_lag_topic_name: z.string(),
  max_lag_partition_id: z.int(),
  max_lag: z.int(),
  total_lag: z.int(),
  max_lag_consumer: relatedSchema,
  max_lag_partition: relatedSchema,
})

const getLagSummary = ({ call }: HttpApi): Route =>
  route({
    ...inCluster('/consumer-groups/{group}/lag-summary'),
    method: 'get',
    operationId: 'getLagSummaryV3',
    summary: 'Tells how far a group is behind altogether, and where it is the farthest.',
    params: groupParams,
    query: noQuery,
    answers: { 200: answering('The sum.', summarySchema), 404: absent },
    examples: [{ path: '/v3/clusters/{cluster}/consumer-groups/absent/lag-summary', status: 404 }],
    handle: async ({ c, params: { cluster, group } }) => {
      const id = await requireCluster(call, cluster)
      const lags = await lagsOf(call, group, await requireGroup(call, group))
      const [first, ...others] = lags
      if (first === undefined) {
        throw new HttpProblem('NOT_FOUND', `Consumer group ${group} has committed no offsets, so it has no lag.`)
      }
      const max = others.reduce((worst, lag) => (lagOf(lag) > lagOf(worst) ? lag : worst), first)
      const { metadata, related } = linksOf(c, id)
      const steps = ['consumer-groups', group]
      const consumerId = max.member?.memberId ?? ''
      return c.json({
        kind: 'KafkaConsumerGroupLagSummary',
        metadata: metadata([...steps, 'lag-summary'], { 'consumer-group': group }),
        cluster_id: id,
        consumer_group_id: group,
        max_lag_consumer_id: consumerId,
        max_lag_instance_id: max.member?.instanceId ?? null,
        max_lag_client_id: max.member?.clientId ?? '',
        max_lag_topic_name: max.topic,
        max_lag_partition_id: max.partition,
        max_lag: lagOf(max),
        total_lag: lags.reduce((sum, lag) => sum + lagOf(lag), 0),
        max_lag_consumer: related(...steps, 'consumers', consumerId),
        max_lag_partition: related('topics', max.topic, 'partitions', max.partition),
      })
    },
  })
