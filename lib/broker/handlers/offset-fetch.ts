import type { FetchedOffsets } from '../../group/groups.ts'
import type { Committed } from '../../group/offsets.ts'
import type { RequestOf, ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { OffsetFetch } from '../../protocol/messages/offset-fetch.ts'
import type { Call, Handler } from '../context.ts'
import { attempt, type ErrorName } from '../failures.ts'
import { groupFailure } from '../group-answers.ts'
import { findTopic } from '../lookup.ts'

type AskedGroup = RequestOf<typeof OffsetFetch>['groups'][number]
type AskedTopic = NonNullable<AskedGroup['topics']>[number]
type GroupAnswer = NonNullable<ResponseInput<typeof OffsetFetch>['groups']>[number]
type TopicAnswer = GroupAnswer['topics'][number]

const firstVersionWithError = 2
const firstVersionWithGroups = 8
const firstVersionWithIds = 10

/** Transactions that are open would make offsets unstable; there are none yet, so all are stable. */
export const offsetFetch: Handler<typeof OffsetFetch> = async (request, call) => {
  if (call.version >= firstVersionWithGroups) {
    return { groups: await Promise.all(request.groups.map((asked) => answerGroup(asked, call))) }
  }
  const topics = request.topics?.map((topic) => ({ ...topic, topicId: '' })) ?? null
  const { groupId } = request
  const answer = await answerGroup({ groupId, memberId: null, memberEpoch: -1, topics }, call)
  const { errorCode = errors.NONE } = answer
  // The first version has no error for the whole: it stands with every partition.
  const failed = call.version < firstVersionWithError && errorCode !== errors.NONE
  const failures = (topics ?? []).map((topic) => failedTopic(topic, errorCode))
  return { errorCode, topics: failed ? failures : answer.topics.map(named) }
}

const named = ({ name = '', partitions }: TopicAnswer) => ({ name, partitions })

const failedTopic = ({ name, partitionIndexes }: AskedTopic, errorCode: number) => ({
  name,
  partitions: partitionIndexes.map((index) => answerPartition(index, undefined, errorCode)),
})

const answerGroup = (asked: AskedGroup, call: Call): Promise<GroupAnswer> =>
  attempt(
    call,
    async () => (asked.topics === null ? answerAll(asked, call) : answerTopics(asked, asked.topics, call)),
    (error) => failedGroup(asked, error),
  )

/** Java's client gives up after other errors. */
const failedGroup = ({ groupId }: AskedGroup, error: ErrorName): GroupAnswer => ({
  groupId,
  topics: [],
  errorCode: groupFailure(errors[error], 'COORDINATOR_LOAD_IN_PROGRESS'),
})

/** A topic that does not exist has no offsets; by its id it is an error. */
const answerTopics = async (asked: AskedGroup, topics: readonly AskedTopic[], call: Call): Promise<GroupAnswer> => {
  const byId = call.version >= firstVersionWithIds
  const found = await Promise.all(topics.map(({ name, topicId }) => findTopic(call, byId ? { topicId } : { name })))
  const failure = found.find((one) => 'error' in one && !isUnknown(one.error))
  if (failure !== undefined && 'error' in failure) return failedGroup(asked, failure.error)
  const ids = [...new Set(found.flatMap((one) => ('topic' in one ? [one.topic.id] : [])))]
  const fetched = await call.groups.fetchOffsets(asked.groupId, asked, ids)
  if (fetched.error !== 'NONE') return failedGroup(asked, fetched.error)
  return {
    groupId: asked.groupId,
    topics: topics.map(({ name, topicId, partitionIndexes }, i) => {
      const one = found[i]
      const offsets = one && 'topic' in one ? fetched.offsets.get(one.topic.id) : undefined
      const errorCode = byId && one && 'error' in one ? errors[one.error] : errors.NONE
      const partitions = partitionIndexes.map((index) => answerPartition(index, offsets?.[index], errorCode))
      return { name, topicId, partitions }
    }),
  }
}

const isUnknown = (error: ErrorName): boolean => error === 'UNKNOWN_TOPIC_OR_PARTITION' || error === 'UNKNOWN_TOPIC_ID'

/** Everything that is committed in topics that still exist. */
const answerAll = async (asked: AskedGroup, call: Call): Promise<GroupAnswer> => {
  const fetched = await call.groups.fetchOffsets(asked.groupId, asked, undefined)
  if (fetched.error !== 'NONE') return failedGroup(asked, fetched.error)
  const topics = await Promise.all([...fetched.offsets].map((one) => answerCommitted(one, call)))
  return { groupId: asked.groupId, topics: topics.filter(({ partitions }) => partitions.length > 0) }
}

const answerCommitted = async (
  [topicId, offsets]: readonly [string, NonNullable<ReturnType<FetchedOffsets['offsets']['get']>>],
  call: Call,
): Promise<TopicAnswer> => {
  const topic = await call.topics.findById(topicId)
  const committed = topic === undefined ? [] : Object.entries(offsets)
  return {
    name: topic?.name ?? '',
    topicId,
    partitions: committed.map(([index, one]) => answerPartition(Number(index), one, errors.NONE)),
  }
}

/** No offset is −1. */
const answerPartition = (partitionIndex: number, committed: Committed | undefined, errorCode: number) => ({
  partitionIndex,
  committedOffset: committed?.offset ?? -1n,
  committedLeaderEpoch: committed?.leaderEpoch ?? -1,
  metadata: committed?.metadata ?? '',
  errorCode,
})
