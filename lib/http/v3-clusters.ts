import type { Context } from 'hono'
import * as z from 'zod/mini'
import { brokerConfigs } from '../broker/described-configs.ts'
import { incrementalAlterConfigs } from '../broker/handlers/incremental-alter-configs.ts'
import { resourceTypes } from '../broker/resources.ts'
import type { HttpApi } from './api.ts'
import { kafkaProblem, requireDone } from './failure.ts'
import { HttpProblem } from './http-problem.ts'
import { noQuery } from './parameters.ts'
import { type Method, type Route, route } from './route.ts'
import { configAlterations, configFields, configFieldsOf, configShape, findConfig } from './v3-config-shape.ts'
import {
  answering,
  clusterParams,
  inCluster,
  linksOf,
  listSchema,
  relatedSchema,
  requireCluster,
  resourceSchema,
  restAt,
  restParams,
} from './v3-resource.ts'

/** The cluster, its one broker, and what there is not: access lists. */
export const clusterRoutes = (api: HttpApi): readonly Route[] => [
  listClusters(api),
  getCluster(api),
  ...brokerRoutes(api),
  ...brokerConfigRoutes(api),
  ...aclRoutes(api),
]

const clusterSchema = resourceSchema('KafkaCluster', {
  controller: relatedSchema,
  acls: relatedSchema,
  brokers: relatedSchema,
  broker_configs: relatedSchema,
  consumer_groups: relatedSchema,
  topics: relatedSchema,
  partition_reassignments: relatedSchema,
})

const clusterOf = (c: Context, clusterId: string, brokerId: number) => {
  const { metadata, related } = linksOf(c, clusterId)
  return {
    kind: 'KafkaCluster',
    metadata: metadata([], {}),
    cluster_id: clusterId,
    controller: related('brokers', brokerId),
    acls: related('acls'),
    brokers: related('brokers'),
    broker_configs: related('broker-configs'),
    consumer_groups: related('consumer-groups'),
    topics: related('topics'),
    partition_reassignments: related('topics', '-', 'partitions', '-', 'reassignment'),
  }
}

const listClusters = ({ call }: HttpApi): Route =>
  route({
    ...restAt('/clusters'),
    method: 'get',
    operationId: 'listClustersV3',
    summary: 'Lists the cluster, which is one.',
    params: z.strictObject({}),
    query: noQuery,
    answers: { 200: answering('The list.', listSchema('KafkaClusterList', clusterSchema)) },
    examples: [{ path: '/v3/clusters', status: 200 }],
    handle: async ({ c }) => {
      const id = await call.clusterId()
      const metadata = { self: linksOf(c, id).root, next: null }
      return c.json({ kind: 'KafkaClusterList', metadata, data: [clusterOf(c, id, call.nodeId)] })
    },
  })

const getCluster = ({ call }: HttpApi): Route =>
  route({
    ...inCluster(''),
    method: 'get',
    operationId: 'getClusterV3',
    summary: 'Tells of the cluster.',
    params: clusterParams,
    query: noQuery,
    answers: { 200: answering('The cluster.', clusterSchema), 404: { description: 'Another cluster was asked for.' } },
    examples: [
      { path: '/v3/clusters/{cluster}', status: 200 },
      { path: '/v3/clusters/another', status: 404 },
    ],
    handle: async ({ c, params }) => c.json(clusterOf(c, await requireCluster(call, params.cluster), call.nodeId)),
  })

const brokerSchema = resourceSchema('KafkaBroker', {
  broker_id: z.int(),
  host: z.nullable(z.string()),
  port: z.nullable(z.int()),
  rack: z.nullable(z.string()),
  configs: relatedSchema,
  partition_replicas: relatedSchema,
})

/** Over HTTP nobody knows an address of Kafka's protocol: it has none to tell. */
const brokerOf = (c: Context, clusterId: string, { nodeId, rack }: HttpApi['call']) => {
  const { metadata, related } = linksOf(c, clusterId)
  return {
    kind: 'KafkaBroker',
    metadata: metadata(['brokers', nodeId], { broker: nodeId }),
    cluster_id: clusterId,
    broker_id: nodeId,
    host: null,
    port: null,
    rack,
    configs: related('brokers', nodeId, 'configs'),
    partition_replicas: related('brokers', nodeId, 'partition-replicas'),
  }
}

const requireBroker = ({ nodeId }: HttpApi['call'], asked: number): void => {
  if (asked !== nodeId) throw new HttpProblem('NOT_FOUND', `Broker ${asked} cannot be found.`)
}

const brokerConfigSchema = resourceSchema('KafkaBrokerConfig', { broker_id: z.int(), ...configShape })

const brokerRoutes = ({ call }: HttpApi): readonly Route[] => {
  const params = z.strictObject({ cluster: restParams.cluster, broker: restParams.broker })
  const brokerConfigOf = (c: Context, clusterId: string, config: ReturnType<typeof brokerConfigs>[number]) => {
    const steps = ['brokers', call.nodeId, 'configs', config.name]
    return {
      kind: 'KafkaBrokerConfig',
      metadata: linksOf(c, clusterId).metadata(steps, { broker: call.nodeId, config: config.name }),
      cluster_id: clusterId,
      broker_id: call.nodeId,
      ...configFieldsOf(config),
    }
  }
  return [
    route({
      ...inCluster('/brokers'),
      method: 'get',
      operationId: 'listBrokersV3',
      summary: 'Lists brokers: over HTTP there is one.',
      params: clusterParams,
      query: noQuery,
      answers: { 200: answering('The list.', listSchema('KafkaBrokerList', brokerSchema)) },
      examples: [{ path: '/v3/clusters/{cluster}/brokers', status: 200 }],
      handle: async ({ c, params: asked }) => {
        const id = await requireCluster(call, asked.cluster)
        return c.json(linksOf(c, id).list('KafkaBrokerList', ['brokers'], [brokerOf(c, id, call)]))
      },
    }),
    route({
      ...inCluster('/brokers/{broker}'),
      method: 'get',
      operationId: 'getBrokerV3',
      summary: 'Tells of a broker.',
      params,
      query: noQuery,
      answers: { 200: answering('The broker.', brokerSchema) },
      examples: [{ path: '/v3/clusters/{cluster}/brokers/1', status: 200 }],
      handle: async ({ c, params: asked }) => {
        const id = await requireCluster(call, asked.cluster)
        requireBroker(call, asked.broker)
        return c.json(brokerOf(c, id, call))
      },
    }),
    route({
      ...inCluster('/brokers/{broker}/configs'),
      method: 'get',
      operationId: 'listBrokerConfigsV3',
      summary: 'Lists what a broker was started with: nothing of it can be changed while it runs.',
      params,
      query: noQuery,
      answers: { 200: answering('The list.', listSchema('KafkaBrokerConfigList', brokerConfigSchema)) },
      examples: [{ path: '/v3/clusters/{cluster}/brokers/1/configs', status: 200 }],
      handle: async ({ c, params: asked }) => {
        const id = await requireCluster(call, asked.cluster)
        requireBroker(call, asked.broker)
        const data = brokerConfigs(call).map((config) => brokerConfigOf(c, id, config))
        return c.json(linksOf(c, id).list('KafkaBrokerConfigList', ['brokers', call.nodeId, 'configs'], data))
      },
    }),
    route({
      ...inCluster('/brokers/{broker}/configs/{config}'),
      method: 'get',
      operationId: 'getBrokerConfigV3',
      summary: 'Tells of one of them.',
      params: z.strictObject({ ...params.def.shape, config: restParams.config }),
      query: noQuery,
      answers: { 200: answering('The config.', brokerConfigSchema) },
      examples: [{ path: '/v3/clusters/{cluster}/brokers/1/configs/num.partitions', status: 200 }],
      handle: async ({ c, params: asked }) => {
        const id = await requireCluster(call, asked.cluster)
        requireBroker(call, asked.broker)
        return c.json(brokerConfigOf(c, id, findConfig(brokerConfigs(call), asked.config)))
      },
    }),
  ]
}

const clusterConfigSchema = resourceSchema('KafkaClusterConfig', { config_type: z.literal('BROKER'), ...configShape })

/** Configs of all brokers that were changed while they run: there are none, and none can be changed. */
const brokerConfigRoutes = ({ call }: HttpApi): readonly Route[] => [
  route({
    ...inCluster('/broker-configs'),
    method: 'get',
    operationId: 'listClusterConfigsV3',
    summary: 'Lists configs of all brokers that were changed while they run: none ever is.',
    params: clusterParams,
    query: noQuery,
    answers: { 200: answering('The list.', listSchema('KafkaClusterConfigList', clusterConfigSchema)) },
    examples: [{ path: '/v3/clusters/{cluster}/broker-configs', status: 200 }],
    handle: async ({ c, params }) => {
      const id = await requireCluster(call, params.cluster)
      return c.json(linksOf(c, id).list('KafkaClusterConfigList', ['broker-configs'], []))
    },
  }),
  route({
    ...inCluster('/broker-configs:alter'),
    method: 'post',
    operationId: 'alterClusterConfigsV3',
    summary: 'Is refused: configs of brokers follow from how they were started.',
    params: clusterParams,
    query: noQuery,
    body: configFields.alteration,
    answers: { 400: { description: 'It cannot be changed.' } },
    examples: [
      {
        path: '/v3/clusters/{cluster}/broker-configs:alter',
        body: '{ "data": [{ "name": "num.partitions", "value": "3" }] }',
        status: 400,
      },
    ],
    handle: async ({ c, params, body }) => {
      await requireCluster(call, params.cluster)
      const resource = { resourceType: resourceTypes.broker, resourceName: '', configs: configAlterations(body.data) }
      const request = { resources: [resource], validateOnly: body.validate_only === true }
      requireDone((await incrementalAlterConfigs(request, call)).responses[0])
      return c.body(null, 204)
    },
  }),
]

/** As Kafka answers where it has no authorizer. */
const aclRoutes = ({ call }: HttpApi): readonly Route[] => {
  const refused = (method: Method, path: string, operationId: string, summary: string): Route =>
    route({
      ...inCluster(path),
      method,
      operationId,
      summary: `${summary}: there are no access lists.`,
      params: clusterParams,
      query: z.object({}),
      answers: { 400: { description: 'SECURITY_DISABLED, as of Kafka without an authorizer.' } },
      examples: [{ path: `/v3/clusters/{cluster}${path}`, status: 400 }],
      handle: async ({ params }) => {
        await requireCluster(call, params.cluster)
        throw kafkaProblem('SECURITY_DISABLED', 'No authorizer is configured: there are no ACLs here.')
      },
    })
  return [
    refused('get', '/acls', 'listAclsV3', 'Would list access lists'),
    refused('post', '/acls', 'createAclV3', 'Would create one'),
    refused('delete', '/acls', 'deleteAclsV3', 'Would delete some'),
    refused('post', '/acls:batch', 'createAclsV3', 'Would create several'),
  ]
}
