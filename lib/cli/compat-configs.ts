import { type KafkaCluster, Refused, requireNone } from '../client/cluster.ts'
import type { ResponseOf } from '../protocol/declare.ts'
import { DescribeConfigs } from '../protocol/messages/describe-configs.ts'
import { IncrementalAlterConfigs } from '../protocol/messages/incremental-alter-configs.ts'
import type { Surroundings } from './command.ts'
import { exceptionFrom, exceptionOf, shownException } from './compat-errors.ts'
import { type GivenFlags, propertiesIn, ToolUsageError } from './compat-flags.ts'
import { connectionFlags, failed, oneAction, textOf, tool, withCluster } from './compat-tool.ts'

const flags = {
  ...connectionFlags,
  alter: 'nothing',
  describe: 'nothing',
  all: 'nothing',
  'entity-type': 'value',
  'entity-name': 'value',
  'entity-default': 'nothing',
  'add-config': 'value',
  'add-config-file': 'value',
  'delete-config': 'value',
  topic: 'value',
  broker: 'value',
  'broker-defaults': 'nothing',
} as const

type Given = GivenFlags<typeof flags>

/** What has configs: a topic or a broker, by its name; no name: the default of all of them. */
type Entity = { readonly type: 'topic' | 'broker'; readonly name: string | undefined; readonly isDefault: boolean }

const resourceTypes = { topic: 2, broker: 4 } as const
const operations = { set: 0, delete: 1 } as const

/** Kafka's names of where a value comes from (KIP-226). */
const sources = [
  'UNKNOWN',
  'DYNAMIC_TOPIC_CONFIG',
  'DYNAMIC_BROKER_CONFIG',
  'DYNAMIC_DEFAULT_BROKER_CONFIG',
  'STATIC_BROKER_CONFIG',
  'DEFAULT_CONFIG',
  'DYNAMIC_BROKER_LOGGER_CONFIG',
  'DYNAMIC_CLIENT_METRICS_CONFIG',
  'DYNAMIC_GROUP_CONFIG',
] as const

/** `kafka-configs` (Kafka source: `ConfigCommand`), for topics and brokers. */
export const kafkaConfigs = tool({
  name: 'kafka-configs',
  flags,
  run: async (given, around, args) => {
    const action = oneAction(
      given,
      ['alter', 'describe'],
      'Command must include exactly one action: --describe, --alter',
    )
    const entity = entityOf(given)
    if (action === 'alter') {
      if (entity.name === undefined && !entity.isDefault) {
        throw new ToolUsageError(`An entity name must be specified with --alter of ${entity.type}s`)
      }
      if (!given.has('add-config') && !given.has('add-config-file') && !given.has('delete-config')) {
        throw new ToolUsageError(
          'At least one of --add-config, --add-config-file, or --delete-config must be specified with --alter',
        )
      }
    }
    const at = { servers: given.text('bootstrap-server'), configFile: given.text('command-config') }
    return withCluster(at, new Map(), async (cluster) => {
      try {
        if (action === 'alter') return await alter(cluster, given, entity, around)
        await describe(cluster, given, entity, around)
        return 0
      } catch (error) {
        const exception = exceptionFrom(error)
        if (exception === undefined) throw error
        around.err.write(`Error while executing config command with args '${args.join(' ')}'\n`)
        around.err.write(`java.util.concurrent.ExecutionException: ${shownException(exception)}\n`)
        return failed
      }
    })
  },
})

const entityOf = (given: Given): Entity => {
  const topic = given.text('topic')
  const broker = given.text('broker')
  if (topic !== undefined) return { type: 'topic', name: topic, isDefault: false }
  if (broker !== undefined) return { type: 'broker', name: broker, isDefault: false }
  if (given.has('broker-defaults')) return { type: 'broker', name: undefined, isDefault: true }
  const type = given.text('entity-type')
  const name = given.text('entity-name') || undefined
  const isDefault = given.has('entity-default') || given.text('entity-name') === ''
  if (type === 'topics') return { type: 'topic', name, isDefault: false }
  if (type === 'brokers') return { type: 'broker', name, isDefault }
  throw new ToolUsageError(
    type === undefined
      ? 'At least one entity type must be specified'
      : `Entities of type ${type} are not known here: topics and brokers are`,
  )
}

type Config = ResponseOf<typeof DescribeConfigs>['results'][number]['configs'][number]

/** Throws `Refused`. */
const configsOf = async (cluster: KafkaCluster, { type, name = '' }: Entity): Promise<readonly Config[]> => {
  const isOneBroker = type === 'broker' && name !== ''
  if (isOneBroker) await cluster.metadata([])
  const answer = await cluster.patiently(async () => {
    // Only a broker itself knows what it was started with.
    const connection = isOneBroker ? await cluster.node(Number(name)) : await cluster.any()
    const resource = { resourceType: resourceTypes[type], resourceName: name, configurationKeys: null }
    const request = { resources: [resource], includeSynonyms: true }
    const [result] = (await connection.ask(DescribeConfigs, request)).results
    if (result !== undefined) requireNone(result)
    return result?.configs ?? []
  })
  return answer.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

const isDynamic = ({ type, isDefault }: Entity, { configSource }: Config): boolean => {
  const source = sources[configSource]
  if (type === 'topic') return source === 'DYNAMIC_TOPIC_CONFIG'
  return source === (isDefault ? 'DYNAMIC_DEFAULT_BROKER_CONFIG' : 'DYNAMIC_BROKER_CONFIG')
}

const describe = async (cluster: KafkaCluster, given: Given, entity: Entity, { out }: Surroundings): Promise<void> => {
  for (const one of await namedEntities(cluster, entity)) {
    const kind = one.isDefault ? 'Default' : given.has('all') ? 'All' : 'Dynamic'
    let configs: readonly Config[]
    try {
      configs = await configsOf(cluster, one)
    } catch (error) {
      if (!(error instanceof Refused) || one.type === 'broker') throw error
      out.write(`The ${one.type} '${one.name}' doesn't exist and doesn't have dynamic config.\n`)
      continue
    }
    const shown = configs.filter((config) => (given.has('all') && !one.isDefault) || isDynamic(one, config))
    out.write(`${kind} configs for ${shownEntity(one)} are:\n`)
    out.write(shown.map(lineOf).join(''))
  }
}

const shownEntity = ({ type, name, isDefault }: Entity): string =>
  isDefault ? `${type}s in the cluster` : `${type} ${name}`

const namedEntities = async (cluster: KafkaCluster, entity: Entity): Promise<readonly Entity[]> => {
  if (entity.name !== undefined || entity.isDefault) return [entity]
  if (entity.type === 'topic') {
    const names = (await cluster.metadata(null)).topics.map(({ name }) => name ?? '').toSorted()
    return names.map((name) => ({ ...entity, name }))
  }
  const { brokers } = await cluster.metadata([])
  return [...brokers.map(({ nodeId }) => ({ ...entity, name: String(nodeId) })), { ...entity, isDefault: true }]
}

const lineOf = ({ name, value, isSensitive, synonyms }: Config): string => {
  const from = synonyms.map((one) => `${sources[one.source] ?? sources[0]}:${one.name}=${one.value}`).join(', ')
  return `  ${name}=${value} sensitive=${isSensitive} synonyms={${from}}\n`
}

/** `a=b,c=[d,e]`: commas within brackets are part of a value, the brackets are not. */
const additionsIn = (text: string): ReadonlyMap<string, string> => {
  const parts = text.match(/(?:\[[^\]]*\]|[^,[])+/g) ?? []
  return new Map(
    parts.map((part): readonly [string, string] => {
      const equals = part.indexOf('=')
      if (equals < 0)
        throw new ToolUsageError('Invalid entity config: all configs to be added must be in the format "key=val".')
      return [
        part.slice(0, equals).trim(),
        part
          .slice(equals + 1)
          .trim()
          .replace(/^\[(.*)\]$/s, '$1'),
      ]
    }),
  )
}

const alter = async (
  cluster: KafkaCluster,
  given: Given,
  entity: Entity,
  { out, err }: Surroundings,
): Promise<number> => {
  const file = given.text('add-config-file')
  const added = new Map([
    ...(file === undefined ? [] : propertiesIn(textOf(file))),
    ...additionsIn(given.texts('add-config').join(',')),
  ])
  const deleted = given.texts('delete-config').flatMap((text) => text.split(',').map((name) => name.trim()))
  const present = (await configsOf(cluster, entity)).filter((config) => isDynamic(entity, config))
  const absent = deleted.filter((name) => !present.some((config) => config.name === name))
  if (absent.length > 0) {
    err.write(`Invalid config(s): ${absent.join(',')}\n`)
    return failed
  }
  const configs = [
    ...[...added].map(([name, value]) => ({ name, value, configOperation: operations.set })),
    ...deleted.map((name) => ({ name, value: null, configOperation: operations.delete })),
  ]
  const resource = { resourceType: resourceTypes[entity.type], resourceName: entity.name ?? '', configs }
  const request = { resources: [resource], validateOnly: false }
  await cluster.patiently(async () => {
    const connection = entity.name === undefined ? await cluster.any() : await cluster.node(Number(entity.name))
    for (const answer of (await connection.ask(IncrementalAlterConfigs, request)).responses) {
      requireNone({ ...answer, errorMessage: exceptionOf(answer.errorCode, answer.errorMessage).message })
    }
  })
  out.write(`Completed updating ${entity.isDefault ? 'default ' : ''}config for ${shownEntity(entity)}.\n`)
  return 0
}
