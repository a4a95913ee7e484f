import type { Node } from '../../journal/nodes.ts'
import { nameProblem, type Topic } from '../../log/topic.ts'
import type { RequestOf, ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { Metadata } from '../../protocol/messages/metadata.ts'
import { zeroUuid } from '../../protocol/reader.ts'
import { addressOf, controllerOf, leadersOf, nodesOf } from '../cluster.ts'
import type { Call, Handler } from '../context.ts'
import { createTopic } from '../create-topic.ts'
import { attempt, type ErrorName } from '../failures.ts'
import { findTopic } from '../lookup.ts'

type Asked = NonNullable<RequestOf<typeof Metadata>['topics']>[number]
type Described = ResponseInput<typeof Metadata>['topics'][number]

const firstVersionWithNull = 1
const firstVersionWithIds = 12

export const metadata: Handler<typeof Metadata> = async (request, call) => {
  const { topics } = request
  const all = topics === null || (call.version < firstVersionWithNull && topics.length === 0)
  const nodes = await nodesOf(call)
  const described = all
    ? await Promise.all((await call.topics.all()).map((topic) => describe(topic, nodes, call, { looks: false })))
    : await Promise.all(distinct(topics).map((asked) => describeAsked(asked, request, nodes, call)))
  return {
    brokers: nodes.map((node) => ({ nodeId: node.id, ...addressOf(node) })),
    clusterId: await call.clusterId(),
    controllerId: controllerOf(nodes, call),
    topics: described,
  }
}

const distinct = (topics: readonly Asked[]): readonly Asked[] => [
  ...new Map(topics.map((asked) => [asked.name ?? `id ${asked.topicId}`, asked])).values(),
]

const describe = async (
  topic: Topic,
  nodes: readonly Node[],
  call: Call,
  look: { readonly looks: boolean },
): Promise<Described> => {
  const leaderOf = await leadersOf(topic, nodes, call, look)
  return {
    errorCode: errors.NONE,
    name: topic.name,
    topicId: topic.id,
    partitions: Array.from({ length: topic.partitions }, (_, partitionIndex) => ({
      errorCode: errors.NONE,
      partitionIndex,
      ...leaderOf(partitionIndex),
    })),
  }
}

const describeAsked = async (
  { name, topicId }: Asked,
  request: RequestOf<typeof Metadata>,
  nodes: readonly Node[],
  call: Call,
): Promise<Described> => {
  const refuse = (error: ErrorName): Described => {
    const hasNullName = name === null && call.version >= firstVersionWithIds
    const id = name === null ? topicId : zeroUuid
    // Of all errors this is the one that makes every client ask again soon.
    const told = error === 'REQUEST_TIMED_OUT' ? 'LEADER_NOT_AVAILABLE' : error
    return { errorCode: errors[told], name: hasNullName ? null : (name ?? ''), topicId: id, partitions: [] }
  }
  if (name === null && call.version < firstVersionWithIds) return refuse('INVALID_REQUEST')
  if (name !== null && nameProblem(name) !== undefined) return refuse('INVALID_TOPIC_EXCEPTION')
  const found = await findTopic(call, name === null ? { topicId } : { name })
  if ('topic' in found) return describe(found.topic, nodes, call, { looks: true })
  const isMissing = found.error === 'UNKNOWN_TOPIC_OR_PARTITION'
  if (name === null || !isMissing || !call.defaults.autoCreateTopics || !request.allowAutoTopicCreation) {
    return refuse(found.error)
  }
  return attempt(
    call,
    async () => {
      const created = await createTopic(call, { name, partitions: call.defaults.numPartitions, configs: {} })
      return 'topic' in created ? describe(created.topic, nodes, call, { looks: true }) : refuse(created.error)
    },
    refuse,
  )
}
