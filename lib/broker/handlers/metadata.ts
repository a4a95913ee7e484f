import { shardOfPartition } from '../../journal/topics.ts'
import { leaderEpochOf } from '../../log/state.ts'
import { nameProblem, type Topic } from '../../log/topic.ts'
import type { RequestOf, ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { Metadata } from '../../protocol/messages/metadata.ts'
import { zeroUuid } from '../../protocol/reader.ts'
import type { Call, Handler } from '../context.ts'
import { createTopic } from '../create-topic.ts'
import { attempt, type ErrorName } from '../failures.ts'
import { findTopic } from '../lookup.ts'

type Asked = NonNullable<RequestOf<typeof Metadata>['topics']>[number]
type Described = ResponseInput<typeof Metadata>['topics'][number]

const firstVersionWithNull = 1
const firstVersionWithIds = 12

/** One node, which leads everything, under the address that the client used. */
export const metadata: Handler<typeof Metadata> = async (request, call) => {
  const { topics } = request
  const all = topics === null || (call.version < firstVersionWithNull && topics.length === 0)
  const described = all
    ? (await call.topics.all()).map((topic) => describe(topic, call))
    : await Promise.all(distinct(topics).map((asked) => describeAsked(asked, request, call)))
  return {
    brokers: [{ nodeId: call.nodeId, ...call.connection.advertised, rack: call.rack }],
    clusterId: await call.clusterId(),
    controllerId: call.nodeId,
    topics: described,
  }
}

const distinct = (topics: readonly Asked[]): readonly Asked[] => [
  ...new Map(topics.map((asked) => [asked.name ?? `id ${asked.topicId}`, asked])).values(),
]

const describe = (topic: Topic, call: Call): Described => ({
  errorCode: errors.NONE,
  name: topic.name,
  topicId: topic.id,
  partitions: Array.from({ length: topic.partitions }, (_, partitionIndex) => ({
    errorCode: errors.NONE,
    partitionIndex,
    leaderId: call.nodeId,
    leaderEpoch: knownLeaderEpoch(topic, partitionIndex, call),
    replicaNodes: [call.nodeId],
    isrNodes: [call.nodeId],
  })),
})

/** The epoch where it costs nothing to know it: no client needs the newest one, a request with an old one is told. */
export const knownLeaderEpoch = (topic: Topic, partitionIndex: number, { logs }: Call): number => {
  const state = logs.known(shardOfPartition(topic, partitionIndex))
  return state ? leaderEpochOf(state) : 0
}

const describeAsked = async (
  { name, topicId }: Asked,
  request: RequestOf<typeof Metadata>,
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
  if ('topic' in found) return describe(found.topic, call)
  const isMissing = found.error === 'UNKNOWN_TOPIC_OR_PARTITION'
  if (name === null || !isMissing || !call.defaults.autoCreateTopics || !request.allowAutoTopicCreation) {
    return refuse(found.error)
  }
  return attempt(
    call,
    async () => {
      const created = await createTopic(call, { name, partitions: call.defaults.numPartitions, configs: {} })
      return 'topic' in created ? describe(created.topic, call) : refuse(created.error)
    },
    refuse,
  )
}
