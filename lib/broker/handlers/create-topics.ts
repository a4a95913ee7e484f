import type { Node } from '../../journal/nodes.ts'
import { configProblem } from '../../log/config.ts'
import { maxPartitions, nameProblem } from '../../log/topic.ts'
import type { RequestOf, ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { CreateTopics } from '../../protocol/messages/create-topics.ts'
import { zeroUuid } from '../../protocol/reader.ts'
import { assignmentProblem, nodesOf } from '../cluster.ts'
import type { Call, Handler } from '../context.ts'
import { type CreatedTopic, createTopic, planTopic, type WantedTopic } from '../create-topic.ts'
import { topicConfigs } from '../described-configs.ts'
import { attempt, type ErrorName } from '../failures.ts'
import { repeated } from '../repeated.ts'
import { shown } from '../shown.ts'

type Asked = RequestOf<typeof CreateTopics>['topics'][number]
type Answer = ResponseInput<typeof CreateTopics>['topics'][number]

type Refused = { readonly error: ErrorName; readonly message: string }

/** "Whatever the broker does by default" (KIP-464). */
const byDefault = -1
const firstVersionWithDefaults = 4

/** The stores keep this many copies in different zones, whatever the factor. */
const copies = 3
/** What clients see: one node that has every partition. */
const visibleReplicas = 1

export const createTopics: Handler<typeof CreateTopics> = async ({ topics, validateOnly }, call) => {
  const repeatedNames = repeated(topics.map(({ name }) => name))
  const answer = async (asked: Asked): Promise<Answer> =>
    repeatedNames.has(asked.name)
      ? failed(asked, { error: 'INVALID_REQUEST', message: `Topic '${shown(asked.name)}' is there more than once.` })
      : create(asked, validateOnly, call)
  return { topics: await Promise.all(topics.map(answer)) }
}

const failed = ({ name }: Asked, { error, message }: { error: ErrorName; message: string | null }): Answer => ({
  name,
  topicId: zeroUuid,
  errorCode: errors[error],
  errorMessage: message,
})

const create = async (asked: Asked, validateOnly: boolean, call: Call): Promise<Answer> => {
  const checked = await check(asked, call)
  if ('error' in checked) return failed(asked, checked)
  return attempt(
    call,
    async () => answerTo(asked, validateOnly ? await planTopic(call, checked) : await createTopic(call, checked)),
    (error) => failed(asked, { error, message: null }),
  )
}

const answerTo = (asked: Asked, created: CreatedTopic): Answer => {
  if (created.outcome === 'refused') return failed(asked, created)
  if (created.outcome === 'exists') {
    return failed(asked, { error: 'TOPIC_ALREADY_EXISTS', message: `Topic '${asked.name}' already exists.` })
  }
  const { topic } = created
  return {
    name: topic.name,
    topicId: topic.id,
    errorCode: errors.NONE,
    errorMessage: null,
    numPartitions: topic.partitions,
    replicationFactor: visibleReplicas,
    configs: topicConfigs(topic),
  }
}

const check = async (asked: Asked, call: Call): Promise<WantedTopic | Refused> => {
  const { name, assignments, replicationFactor } = asked
  const badName = nameProblem(name)
  if (badName) return { error: 'INVALID_TOPIC_EXCEPTION', message: `Topic name is invalid: ${badName}.` }
  if (assignments.length === 0) {
    const badFactor = factorProblem(replicationFactor)
    if (badFactor) return { error: 'INVALID_REPLICATION_FACTOR', message: badFactor }
  }
  const partitions = assignments.length > 0 ? assigned(asked, await nodesOf(call)) : counted(asked, call)
  if (typeof partitions !== 'number') return partitions
  if (partitions > maxPartitions) {
    return { error: 'INVALID_PARTITIONS', message: `A topic has at most ${maxPartitions} partitions.` }
  }
  const configs: Record<string, string> = {}
  for (const { name: config, value } of asked.configs) {
    if (value === null) {
      return { error: 'INVALID_CONFIG', message: `Null value not supported for topic configs: ${shown(config)}` }
    }
    configs[config] = value
  }
  const badConfig = configProblem(configs)
  return badConfig ? { error: 'INVALID_CONFIG', message: badConfig } : { name, partitions, configs }
}

const factorProblem = (factor: number): string | undefined => {
  if (factor === byDefault) return undefined
  if (factor < 1) return 'Replication factor must be larger than 0.'
  if (factor <= copies) return undefined
  return `Replication factor is at most ${copies}: the store keeps ${copies} copies of everything, whatever the factor.`
}

const counted = ({ numPartitions }: Asked, { version, defaults }: Call): number | Refused => {
  if (numPartitions === byDefault && version >= firstVersionWithDefaults) return defaults.numPartitions
  const message = 'Number of partitions must be larger than 0.'
  return numPartitions < 1 ? { error: 'INVALID_PARTITIONS', message } : numPartitions
}

/** The number of partitions that are assigned by hand; the nodes that are live may be assigned, and it means nothing. */
const assigned = (
  { assignments, numPartitions, replicationFactor }: Asked,
  nodes: readonly Node[],
): number | Refused => {
  if (numPartitions !== byDefault || replicationFactor !== byDefault) {
    const message = 'Either the partitions are assigned, or their number and replication factor are given.'
    return { error: 'INVALID_REQUEST', message }
  }
  const isDense = new Set(assignments.map(({ partitionIndex }) => partitionIndex)).size === assignments.length
  const isInRange = assignments.every(({ partitionIndex: i }) => i >= 0 && i < assignments.length)
  if (!isDense || !isInRange) {
    const message = 'Partitions must be numbered from 0 without gaps.'
    return { error: 'INVALID_REPLICA_ASSIGNMENT', message }
  }
  const problem = assignmentProblem(assignments, nodes)
  return problem === undefined ? assignments.length : { error: 'INVALID_REPLICA_ASSIGNMENT', message: problem }
}
