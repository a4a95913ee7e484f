import { shardsKey } from '../log/config.ts'
import { type ConfigKey, configKeys } from '../log/config-keys.ts'
import type { Topic } from '../log/topic.ts'
import type { Call } from './context.ts'

/** A config as DescribeConfigs and CreateTopics tell it. */
export type DescribedConfig = {
  readonly name: string
  readonly value: string
  readonly readOnly: boolean
  readonly configSource: number
  readonly isSensitive: boolean
  readonly synonyms: readonly { readonly name: string; readonly value: string; readonly source: number }[]
  readonly configType: number
  readonly documentation: string
}

/** Where a value comes from (KIP-226). */
const source = { topic: 1, broker: 4, byDefault: 5 } as const

/** KIP-226 and KIP-569. */
const configTypes = { BOOLEAN: 1, STRING: 2, INT: 3, LONG: 5, DOUBLE: 6, LIST: 7 } as const

/** All configs of a topic, those that nobody has set with their defaults. */
export const topicConfigs = (topic: Pick<Topic, 'configs' | 'shards'>): readonly DescribedConfig[] =>
  [...configKeys.values()].map((key) => {
    const given = topic.configs[key.name]
    const defaultValue = key.name === shardsKey ? String(topic.shards) : key.defaultValue
    const own = given === undefined ? [] : [{ name: key.name, value: given, source: source.topic }]
    const above =
      key.brokerName === undefined ? [] : [{ name: key.brokerName, value: key.defaultValue, source: source.byDefault }]
    return {
      name: key.name,
      value: given ?? defaultValue,
      readOnly: key.name === shardsKey,
      configSource: given === undefined ? source.byDefault : source.topic,
      isSensitive: false,
      synonyms: [...own, ...above],
      configType: configTypes[key.type],
      documentation: key.documentation,
    }
  })

type BrokerConfig = readonly [name: string, type: ConfigKey['type'], value: string, documentation: string]

/** What tools ask of a broker; all of it follows from how Wadi is built or was started. */
export const brokerConfigs = ({ nodeId, connection, defaults, limits, rack }: Call): readonly DescribedConfig[] => {
  const { host, port } = connection.advertised
  const id = String(nodeId)
  const address = `PLAINTEXT://${host}:${port}`
  const started: readonly BrokerConfig[] = [
    ['advertised.listeners', 'LIST', address, 'Where clients reach this node.'],
    ['auto.create.topics.enable', 'BOOLEAN', String(defaults.autoCreateTopics), 'Metadata creates missing topics.'],
    ['broker.id', 'INT', id, 'The id of this node.'],
    ['broker.rack', 'STRING', rack ?? '', 'The availability zone, where it is known.'],
    ['default.replication.factor', 'INT', '1', 'The stores replicate, brokers do not.'],
    ['delete.topic.enable', 'BOOLEAN', 'true', 'Topics can be deleted.'],
    ['fetch.max.bytes', 'INT', String(limits.maxFetchBytes), 'Record bytes in one answer to Fetch.'],
    ['inter.broker.protocol.version', 'STRING', '4.2-IV1', 'For tools that judge a cluster by it.'],
    ['listeners', 'LIST', address, 'Where clients reach this node.'],
    ['node.id', 'INT', id, 'The id of this node.'],
    [
      'num.partitions',
      'INT',
      String(defaults.numPartitions),
      'Partitions of a topic that is created without a number.',
    ],
  ]
  const topicDefaults = [...configKeys.values()].flatMap((key): readonly BrokerConfig[] =>
    key.brokerName === undefined ? [] : [[key.brokerName, key.type, key.defaultValue, key.documentation]],
  )
  const told =
    (configSource: number) =>
    ([name, type, value, documentation]: BrokerConfig) => ({
      name,
      value,
      readOnly: true,
      configSource,
      isSensitive: false,
      synonyms: [{ name, value, source: configSource }],
      configType: configTypes[type],
      documentation,
    })
  return [...started.map(told(source.broker)), ...topicDefaults.map(told(source.byDefault))].sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )
}
