import type { Context } from 'hono'
import * as z from 'zod/mini'
import { type DescribedConfig, topicConfigs } from '../broker/described-configs.ts'
import { incrementalAlterConfigs } from '../broker/handlers/incremental-alter-configs.ts'
import { resourceTypes } from '../broker/resources.ts'
import type { HttpApi } from './api.ts'
import { requireDone } from './failure.ts'
import { findTopic } from './find-topic.ts'
import { noQuery } from './parameters.ts'
import { type Route, route } from './route.ts'
import { configAlterations, configFields, configFieldsOf, configShape, findConfig } from './v3-config-shape.ts'
import {
  answering,
  clusterParams,
  inCluster,
  linksOf,
  listSchema,
  requireCluster,
  resourceSchema,
  restParams,
  topicParams,
} from './v3-resource.ts'

/** Configs of topics. That of all topics comes first: in their place stands a dash. */
export const topicConfigRoutes = (api: HttpApi): readonly Route[] => [
  listAllConfigs(api),
  listConfigs(api),
  alterConfigs(api),
  getConfig(api),
  setConfig(api),
  resetConfig(api),
]

const configSchema = resourceSchema('KafkaTopicConfig', { topic_name: z.string(), ...configShape })
const listOfConfigs = { 200: answering('The list.', listSchema('KafkaTopicConfigList', configSchema)) }

const topicConfigOf = (c: Context, clusterId: string, topic: string, config: DescribedConfig) => ({
  kind: 'KafkaTopicConfig',
  metadata: linksOf(c, clusterId).metadata(['topics', topic, 'configs', config.name], { topic, config: config.name }),
  cluster_id: clusterId,
  topic_name: topic,
  ...configFieldsOf(config),
})

const configParams = z.strictObject({ ...topicParams.def.shape, config: restParams.config })

const listAllConfigs = ({ call }: HttpApi): Route =>
  route({
    ...inCluster('/topics/-/configs'),
    method: 'get',
    operationId: 'listAllTopicConfigsV3',
    summary: 'Lists the configs of all topics.',
    params: clusterParams,
    query: noQuery,
    answers: listOfConfigs,
    examples: [{ path: '/v3/clusters/{cluster}/topics/-/configs', status: 200 }],
    handle: async ({ c, params }) => {
      const id = await requireCluster(call, params.cluster)
      const data = (await call.topics.all()).flatMap((topic) =>
        topicConfigs(topic).map((config) => topicConfigOf(c, id, topic.name, config)),
      )
      return c.json(linksOf(c, id).list('KafkaTopicConfigList', ['topics', '-', 'configs'], data))
    },
  })

const listConfigs = ({ call }: HttpApi): Route =>
  route({
    ...inCluster('/topics/{topic}/configs'),
    method: 'get',
    operationId: 'listTopicConfigsV3',
    summary: 'Lists the configs of a topic, those that nobody has set with their defaults.',
    params: topicParams,
    query: noQuery,
    answers: listOfConfigs,
    examples: [{ path: '/v3/clusters/{cluster}/topics/payments/configs', status: 200 }],
    handle: async ({ c, params }) => {
      const id = await requireCluster(call, params.cluster)
      const topic = await findTopic(call, params.topic)
      const data = topicConfigs(topic).map((config) => topicConfigOf(c, id, topic.name, config))
      return c.json(linksOf(c, id).list('KafkaTopicConfigList', ['topics', topic.name, 'configs'], data))
    },
  })

type Alteration = z.infer<typeof configFields.alteration>

const alter = async ({ call }: HttpApi, topic: string, { data, validate_only }: Alteration): Promise<void> => {
  const { name } = await findTopic(call, topic)
  const resource = { resourceType: resourceTypes.topic, resourceName: name, configs: configAlterations(data) }
  const request = { resources: [resource], validateOnly: validate_only === true }
  requireDone((await incrementalAlterConfigs(request, call)).responses[0])
}

const alterConfigs = (api: HttpApi): Route =>
  route({
    ...inCluster('/topics/{topic}/configs:alter'),
    method: 'post',
    operationId: 'alterTopicConfigsV3',
    summary: 'Changes several configs: all or nothing.',
    params: topicParams,
    query: noQuery,
    body: configFields.alteration,
    answers: { 204: { description: 'They are changed, or could be.' }, 400: { description: 'Kafka’s reason.' } },
    examples: [
      {
        path: '/v3/clusters/{cluster}/topics/payments/configs:alter',
        body: '{ "data": [{ "name": "retention.ms", "operation": "DELETE" }, { "name": "max.message.bytes", "value": "2000" }] }',
        status: 204,
      },
      {
        path: '/v3/clusters/{cluster}/topics/payments/configs:alter',
        body: '{ "data": [{ "name": "no.such", "value": "1" }] }',
        status: 400,
      },
    ],
    handle: async ({ c, params, body }) => {
      await requireCluster(api.call, params.cluster)
      await alter(api, params.topic, body)
      return c.body(null, 204)
    },
  })

const getConfig = ({ call }: HttpApi): Route =>
  route({
    ...inCluster('/topics/{topic}/configs/{config}'),
    method: 'get',
    operationId: 'getTopicConfigV3',
    summary: 'Tells of one config of a topic.',
    params: configParams,
    query: noQuery,
    answers: { 200: answering('The config.', configSchema), 404: { description: 'There is none of this name.' } },
    examples: [{ path: '/v3/clusters/{cluster}/topics/payments/configs/retention.ms', status: 200 }],
    handle: async ({ c, params }) => {
      const id = await requireCluster(call, params.cluster)
      const topic = await findTopic(call, params.topic)
      return c.json(topicConfigOf(c, id, topic.name, findConfig(topicConfigs(topic), params.config)))
    },
  })

const setConfig = (api: HttpApi): Route =>
  route({
    ...inCluster('/topics/{topic}/configs/{config}'),
    method: 'put',
    operationId: 'setTopicConfigV3',
    summary: 'Sets one config of a topic.',
    params: configParams,
    query: noQuery,
    body: configFields.value,
    answers: { 204: { description: 'It is set.' } },
    examples: [
      {
        path: '/v3/clusters/{cluster}/topics/payments/configs/retention.ms',
        body: '{ "value": "90000" }',
        status: 204,
      },
    ],
    handle: async ({ c, params, body }) => {
      const { call } = api
      await requireCluster(call, params.cluster)
      findConfig(topicConfigs(await findTopic(call, params.topic)), params.config)
      await alter(api, params.topic, { data: [{ name: params.config, value: body.value }] })
      return c.body(null, 204)
    },
  })

const resetConfig = (api: HttpApi): Route =>
  route({
    ...inCluster('/topics/{topic}/configs/{config}'),
    method: 'delete',
    operationId: 'resetTopicConfigV3',
    summary: 'Returns one config of a topic to its default.',
    params: configParams,
    query: noQuery,
    answers: { 204: { description: 'It is.' } },
    examples: [{ path: '/v3/clusters/{cluster}/topics/payments/configs/retention.ms', status: 204 }],
    handle: async ({ c, params }) => {
      const { call } = api
      await requireCluster(call, params.cluster)
      findConfig(topicConfigs(await findTopic(call, params.topic)), params.config)
      await alter(api, params.topic, { data: [{ name: params.config, operation: 'DELETE' }] })
      return c.body(null, 204)
    },
  })
