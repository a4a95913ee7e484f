import type { RequestOf, ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { OffsetCommit } from '../../protocol/messages/offset-commit.ts'
import type { Call, Handler } from '../context.ts'
import { attempt, type ErrorName } from '../failures.ts'
import { type FoundTopic, findTopic, hasPartition } from '../lookup.ts'

type Asked = RequestOf<typeof OffsetCommit>['topics'][number]
type Answer = ResponseInput<typeof OffsetCommit>['topics'][number]

const firstVersionWithIds = 10
const firstVersionWithMemberEpochs = 9

/** Offsets of topics and partitions that exist are committed together; the others are refused one by one. */
export const offsetCommit: Handler<typeof OffsetCommit> = async (request, call) => {
  const found = await Promise.all(
    request.topics.map(({ name, topicId }) =>
      findTopic(call, call.version >= firstVersionWithIds ? { topicId } : { name }),
    ),
  )
  const committed = await commit(request, found, call)
  return { topics: request.topics.map((asked, i) => answerTo(asked, found[i], committed)) }
}

type Committed = ReadonlyMap<string, ReadonlyMap<number, ErrorName>> | ErrorName

const commit = (
  request: RequestOf<typeof OffsetCommit>,
  found: readonly FoundTopic[],
  call: Call,
): Promise<Committed> =>
  attempt<Committed>(
    call,
    async () => {
      const { memberId, groupInstanceId, generationIdOrMemberEpoch } = request
      const committer = { memberId, instanceId: groupInstanceId, generationOrEpoch: generationIdOrMemberEpoch }
      const answers = await call.groups.commit(request.groupId, committer, commitsOf(request, found))
      return call.version >= firstVersionWithMemberEpochs ? answers : inOldWords(answers)
    },
    (error) => error,
  )

/** A topic or a partition that is there twice counts as it is there last. */
const commitsOf = ({ topics }: RequestOf<typeof OffsetCommit>, found: readonly FoundTopic[]) => {
  const byTopic = new Map<string, Map<number, CommitOf>>()
  topics.forEach(({ partitions }, i) => {
    const one = found[i]
    if (one === undefined || 'error' in one) return
    const commits = byTopic.get(one.topic.id) ?? new Map<number, CommitOf>()
    byTopic.set(one.topic.id, commits)
    for (const { partitionIndex: index, committedOffset, committedLeaderEpoch, committedMetadata } of partitions) {
      if (!hasPartition(one.topic, index)) continue
      const metadata = committedMetadata ?? ''
      commits.set(index, { index, offset: committedOffset, leaderEpoch: committedLeaderEpoch, metadata })
    }
  })
  return [...byTopic].map(([topicId, commits]) => ({ topicId, commits: [...commits.values()] }))
}

type CommitOf = {
  readonly index: number
  readonly offset: bigint
  readonly leaderEpoch: number
  readonly metadata: string
}

/** Clients of older versions have never heard of member epochs, nor that a commit may find no group. */
const oldWords: Readonly<Partial<Record<ErrorName, ErrorName>>> = {
  STALE_MEMBER_EPOCH: 'UNSUPPORTED_VERSION',
  GROUP_ID_NOT_FOUND: 'ILLEGAL_GENERATION',
}

const inOldWords = (answers: ReadonlyMap<string, ReadonlyMap<number, ErrorName>>) =>
  new Map(
    [...answers].map(([topicId, partitions]) => [
      topicId,
      new Map([...partitions].map(([index, error]): readonly [number, ErrorName] => [index, oldWords[error] ?? error])),
    ]),
  )

const answerTo = (
  { name, topicId, partitions }: Asked,
  found: FoundTopic | undefined,
  committed: Committed,
): Answer => {
  const errorOf = (index: number): ErrorName => {
    if (found === undefined) return 'UNKNOWN_SERVER_ERROR'
    if ('error' in found) return found.error
    if (!hasPartition(found.topic, index)) return 'UNKNOWN_TOPIC_OR_PARTITION'
    return typeof committed === 'string'
      ? committed
      : (committed.get(found.topic.id)?.get(index) ?? 'UNKNOWN_SERVER_ERROR')
  }
  return {
    name,
    topicId,
    partitions: partitions.map(({ partitionIndex }) => ({
      partitionIndex,
      errorCode: errors[errorOf(partitionIndex)],
    })),
  }
}
