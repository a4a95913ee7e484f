import type { Node } from '../../journal/nodes.ts'
import { nameProblem, type Topic } from '../../log/topic.ts'
import type { RequestOf, ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { DescribeTopicPartitions } from '../../protocol/messages/describe-topic-partitions.ts'
import { zeroUuid } from '../../protocol/reader.ts'
import { leadersOf, nodesOf } from '../cluster.ts'
import type { Call, Handler } from '../context.ts'
import type { ErrorName } from '../failures.ts'
import { findTopic } from '../lookup.ts'

type Described = ResponseInput<typeof DescribeTopicPartitions>['topics'][number]
type Cursor = NonNullable<RequestOf<typeof DescribeTopicPartitions>['cursor']>

/** Partitions in one answer, as in Kafka (`max.request.partition.size.limit`). */
const maxPartitionsPerPage = 2000

/** Topics in the order of their names, page by page: a cursor names the partition that the next page begins with. */
export const describeTopicPartitions: Handler<typeof DescribeTopicPartitions> = async (request, call) => {
  const { topics, cursor, responsePartitionLimit } = request
  const page: Described[] = []
  const nodes = await nodesOf(call)
  const look = { looks: topics.length > 0 }
  let left = Math.max(1, Math.min(responsePartitionLimit, maxPartitionsPerPage))
  const all = topics.length === 0 ? await allTopics(call) : await askedTopics(topics, call)
  for (const { name, found } of all) {
    if (cursor !== null && name < cursor.topicName) continue
    if ('error' in found) {
      page.push(unknown(name, found.error))
      continue
    }
    const { topic } = found
    const first = cursor?.topicName === name ? Math.max(0, cursor.partitionIndex) : 0
    if (left === 0) return { topics: page, nextCursor: cursorAt(name, 0) }
    const end = Math.min(topic.partitions, first + left)
    page.push(await describe(topic, { first, end }, nodes, call, look))
    left -= Math.max(0, end - first)
    if (end < topic.partitions) return { topics: page, nextCursor: cursorAt(name, end) }
  }
  return { topics: page, nextCursor: null }
}

const cursorAt = (topicName: string, partitionIndex: number): Cursor => ({ topicName, partitionIndex })

type Named = { readonly name: string; readonly found: { readonly topic: Topic } | { readonly error: ErrorName } }

const allTopics = async (call: Call): Promise<readonly Named[]> =>
  (await call.topics.all()).map((topic) => ({ name: topic.name, found: { topic } }))

const askedTopics = (topics: readonly { readonly name: string }[], call: Call): Promise<readonly Named[]> => {
  const names = [...new Set(topics.map(({ name }) => name))].sort()
  const find = async (name: string): Promise<Named> => {
    const isName = nameProblem(name) === undefined
    return { name, found: isName ? await findTopic(call, { name }) : { error: 'INVALID_TOPIC_EXCEPTION' } }
  }
  return Promise.all(names.map(find))
}

const unknown = (name: string, error: ErrorName): Described => ({
  errorCode: errors[error],
  name,
  topicId: zeroUuid,
  partitions: [],
})

const describe = async (
  topic: Topic,
  { first, end }: { readonly first: number; readonly end: number },
  nodes: readonly Node[],
  call: Call,
  look: { readonly looks: boolean },
): Promise<Described> => {
  const leaderOf = await leadersOf(topic, nodes, call, look)
  return {
    errorCode: errors.NONE,
    name: topic.name,
    topicId: topic.id,
    partitions: Array.from({ length: Math.max(0, end - first) }, (_, i) => ({
      errorCode: errors.NONE,
      partitionIndex: first + i,
      ...leaderOf(first + i),
      // Java's admin client throws where these are null.
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: [],
    })),
  }
}
