import { type KafkaCluster, requireNone, type TopicMetadata } from '../client/cluster.ts'
import { errors } from '../protocol/errors.ts'
import { CreatePartitions } from '../protocol/messages/create-partitions.ts'
import { CreateTopics } from '../protocol/messages/create-topics.ts'
import { DeleteTopics } from '../protocol/messages/delete-topics.ts'
import { DescribeConfigs } from '../protocol/messages/describe-configs.ts'
import { DescribeTopicPartitions } from '../protocol/messages/describe-topic-partitions.ts'
import { zeroUuid } from '../protocol/reader.ts'
import type { Surroundings } from './command.ts'
import { exceptionFrom, shownException, ToolFailure } from './compat-errors.ts'
import { type GivenFlags, ToolUsageError } from './compat-flags.ts'
import { connectionFlags, failed, oneAction, tool, withCluster } from './compat-tool.ts'

const flags = {
  ...connectionFlags,
  list: 'nothing',
  create: 'nothing',
  describe: 'nothing',
  alter: 'nothing',
  delete: 'nothing',
  topic: 'value',
  'topic-id': 'value',
  partitions: 'value',
  'replication-factor': 'value',
  'replica-assignment': 'value',
  config: 'value',
  'delete-config': 'value',
  'if-exists': 'nothing',
  'if-not-exists': 'nothing',
  'exclude-internal': 'nothing',
  'topics-with-overrides': 'nothing',
  'under-replicated-partitions': 'nothing',
  'unavailable-partitions': 'nothing',
  'under-min-isr-partitions': 'nothing',
  'at-min-isr-partitions': 'nothing',
} as const

type Given = GivenFlags<typeof flags>

const timeoutMs = 30_000

/** `kafka-topics` (Kafka source: `TopicCommand`). */
export const kafkaTopics = tool({
  name: 'kafka-topics',
  flags,
  run: async (given, around) => {
    const action = oneAction(
      given,
      ['list', 'describe', 'create', 'alter', 'delete'],
      'Command must include exactly one action: --list, --describe, --create, --alter or --delete',
    )
    if (action === 'create' || action === 'delete' || action === 'alter') given.required('topic')
    if (action !== 'create' && given.has('config')) {
      const advice = 'To alter topic configurations, the kafka-configs tool can be used.'
      throw new ToolUsageError(`Option "[config]" can't be used with option "[${action}]" (${advice})`)
    }
    const at = { servers: given.text('bootstrap-server'), configFile: given.text('command-config') }
    return withCluster(at, new Map(), async (cluster) => {
      try {
        await does[action](cluster, given, around)
        return 0
      } catch (error) {
        const exception = exceptionFrom(error)
        if (exception === undefined) throw error
        around.out.write(`Error while executing topic command : ${exception.message}\n`)
        around.err.write(`${shownException(exception)}\n`)
        return failed
      }
    })
  },
})

type Act = (cluster: KafkaCluster, given: Given, around: Surroundings) => Promise<void>

const topicsOf = async (cluster: KafkaCluster, given: Given): Promise<readonly TopicMetadata[]> => {
  const { topics } = await cluster.metadata(null)
  const wanted = given.text('topic')
  const id = given.text('topic-id')
  const pattern = wanted === undefined ? undefined : topicFilter(wanted)
  const found = topics
    .filter(({ name, topicId, isInternal }) => {
      if (id !== undefined) return topicId === id
      return (pattern?.test(name ?? '') ?? true) && !(isInternal && given.has('exclude-internal'))
    })
    .toSorted((a, b) => ((a.name ?? '') < (b.name ?? '') ? -1 : 1))
  const what = id === undefined ? (wanted === undefined ? undefined : `Topic '${wanted}'`) : `TopicId '${id}'`
  if (found.length === 0 && what !== undefined && !given.has('if-exists')) {
    throw new ToolFailure(`${what} does not exist as expected`)
  }
  return found
}

/** A list of regular expressions with commas between; whole names match. */
export const topicFilter = (text: string): RegExp => {
  const pattern = text
    .trim()
    .replace(/^["']+|["']+$/g, '')
    .replaceAll(',', '|')
    .replaceAll(' ', '')
  try {
    return new RegExp(`^(?:${pattern})$`)
  } catch (error) {
    throw new ToolFailure(`${text} is an invalid regex.`, { cause: error })
  }
}

const list: Act = async (cluster, given, { out }) => {
  const topics = await topicsOf(cluster, given)
  out.write(topics.map(({ name }) => `${name}\n`).join(''))
}

const create: Act = async (cluster, given, { out }) => {
  const name = given.required('topic')
  if (/[._]/.test(name)) {
    out.write(
      "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. " +
        'To avoid issues it is best to use either, but not both.\n',
    )
  }
  const assignments = given
    .text('replica-assignment')
    ?.split(',')
    .map((brokers, partitionIndex) => ({
      partitionIndex,
      brokerIds: brokers.split(':').map(Number),
    }))
  const topic = {
    name,
    numPartitions: given.integer('partitions') ?? -1,
    replicationFactor: given.integer('replication-factor') ?? -1,
    assignments: assignments ?? [],
    configs: [...given.properties('config')].map(([config, value]) => ({ name: config.trim(), value: value.trim() })),
  }
  const [answer] = (await cluster.ask(CreateTopics, { topics: [topic], timeoutMs })).topics
  if (answer?.errorCode === errors.TOPIC_ALREADY_EXISTS && given.has('if-not-exists')) return
  if (answer !== undefined) requireNone(answer)
  out.write(`Created topic ${name}.\n`)
}

const alter: Act = async (cluster, given) => {
  const count = Number(given.required('partitions'))
  const topics = (await topicsOf(cluster, given)).map(({ name }) => ({ name: name ?? '', count, assignments: null }))
  const { results } = await cluster.ask(CreatePartitions, { topics, timeoutMs, validateOnly: false })
  for (const answer of results) requireNone(answer)
}

const remove: Act = async (cluster, given) => {
  const names = (await topicsOf(cluster, given)).map(({ name }) => name ?? '')
  const topics = names.map((name) => ({ name, topicId: zeroUuid }))
  for (const answer of (await cluster.ask(DeleteTopics, { topics, topicNames: names, timeoutMs })).responses) {
    requireNone(answer)
  }
}

const topicResource = 2
const setOnTopic = 1

const describe: Act = async (cluster, given, { out }) => {
  const topics = await topicsOf(cluster, given)
  if (topics.length === 0) return
  const resources = topics.map(({ name }) => ({
    resourceType: topicResource,
    resourceName: name ?? '',
    configurationKeys: null,
  }))
  const { results } = await cluster.ask(DescribeConfigs, { resources })
  const configs = new Map(results.map((one) => [one.resourceName, one.configs]))
  const eligible = await eligibleLeadersOf(cluster, topics)
  const only = isShown(given)
  for (const topic of topics) {
    const own = (configs.get(topic.name ?? '') ?? []).filter(({ configSource }) => configSource === setOnTopic)
    const partitions = topic.partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex)
    if (given.has('topics-with-overrides') && own.length === 0) continue
    if (only === undefined) {
      const told = own.map(({ name, value }) => `${name}=${value}`).join(',')
      out.write(
        `Topic: ${topic.name}\tTopicId: ${topic.topicId}\tPartitionCount: ${partitions.length}\t` +
          `ReplicationFactor: ${partitions[0]?.replicaNodes.length ?? 0}\tConfigs: ${told}\n`,
      )
    }
    if (given.has('topics-with-overrides')) continue
    for (const one of partitions.filter((partition) => only?.(partition) ?? true)) {
      const { elr, lastKnown } = eligible?.get(`${topic.name} ${one.partitionIndex}`) ?? {
        elr: 'N/A',
        lastKnown: 'N/A',
      }
      out.write(
        `\tTopic: ${topic.name}\tPartition: ${one.partitionIndex}\tLeader: ${one.leaderId < 0 ? 'none' : one.leaderId}\t` +
          `Replicas: ${one.replicaNodes.join(',')}\tIsr: ${one.isrNodes.join(',')}\tElr: ${elr}\tLastKnownElr: ${lastKnown}\n`,
      )
    }
  }
}

type PartitionMetadata = TopicMetadata['partitions'][number]

/** What is shown where not everything is. */
const isShown = (given: Given): ((partition: PartitionMetadata) => boolean) | undefined => {
  const lacks = ({ isrNodes, replicaNodes }: PartitionMetadata): boolean => isrNodes.length < replicaNodes.length
  if (given.has('under-replicated-partitions')) return lacks
  if (given.has('unavailable-partitions')) return ({ leaderId }) => leaderId < 0
  if (given.has('under-min-isr-partitions')) return ({ isrNodes }) => isrNodes.length < 1
  if (given.has('at-min-isr-partitions'))
    return ({ isrNodes, replicaNodes }) => isrNodes.length === 1 && replicaNodes.length > 1
  return undefined
}

/** Replicas that may lead although they are not in sync (KIP-966), by topic and partition; undefined of older brokers. */
const eligibleLeadersOf = async (cluster: KafkaCluster, topics: readonly TopicMetadata[]) => {
  if ((await cluster.any()).versionOf(DescribeTopicPartitions) === undefined) return undefined
  const found = new Map<string, { readonly elr: string; readonly lastKnown: string }>()
  const names = topics.map(({ name }) => ({ name: name ?? '' }))
  type Cursor = { readonly topicName: string; readonly partitionIndex: number } | null
  let cursor: Cursor = null
  do {
    const page: Awaited<ReturnType<typeof ask>> = await ask(cluster, names, cursor)
    for (const { name, partitions } of page.topics) {
      for (const one of partitions) {
        const elr = (one.eligibleLeaderReplicas ?? []).join(',')
        found.set(`${name} ${one.partitionIndex}`, { elr, lastKnown: (one.lastKnownElr ?? []).join(',') })
      }
    }
    cursor = page.nextCursor
  } while (cursor !== null)
  return found
}

const ask = (
  cluster: KafkaCluster,
  topics: readonly { readonly name: string }[],
  cursor: { readonly topicName: string; readonly partitionIndex: number } | null,
) => cluster.ask(DescribeTopicPartitions, { topics, cursor })

const does = { list, create, alter, describe, delete: remove } as const
