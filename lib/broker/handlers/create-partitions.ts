import type { Node } from '../../journal/nodes.ts'
import { partitionLimit, type Topic, withPartitions } from '../../log/topic.ts'
import type { RequestOf, ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { CreatePartitions } from '../../protocol/messages/create-partitions.ts'
import { assignmentProblem, nodesOf } from '../cluster.ts'
import type { Call, Handler } from '../context.ts'
import { attempt, type ErrorName } from '../failures.ts'
import { findTopic } from '../lookup.ts'
import { repeated } from '../repeated.ts'
import { shown } from '../shown.ts'

type Asked = RequestOf<typeof CreatePartitions>['topics'][number]
type Answer = ResponseInput<typeof CreatePartitions>['results'][number]

/** Partitions only become more. */
export const createPartitions: Handler<typeof CreatePartitions> = async ({ topics, validateOnly }, call) => {
  const repeatedNames = repeated(topics.map(({ name }) => name))
  const answer = async (asked: Asked): Promise<Answer> =>
    repeatedNames.has(asked.name)
      ? failed(asked, 'INVALID_REQUEST', `Topic '${shown(asked.name)}' is there more than once.`)
      : grow(asked, validateOnly, call)
  return { results: await Promise.all(topics.map(answer)) }
}

const failed = ({ name }: Asked, error: ErrorName, errorMessage: string | null = null): Answer => ({
  name,
  errorCode: errors[error],
  errorMessage,
})

const grow = async (asked: Asked, validateOnly: boolean, call: Call): Promise<Answer> => {
  const found = await findTopic(call, { name: asked.name })
  if ('error' in found) return failed(asked, found.error)
  const { topic } = found
  const problem = problemOf(asked, topic, await nodesOf(call))
  if (problem) return failed(asked, problem.error, problem.message)
  const done = { name: asked.name, errorCode: errors.NONE }
  if (validateOnly) return done
  return attempt(
    call,
    async () => {
      const grown = await call.topics.change(topic, (current) => withPartitions(current, asked.count, call.clock.now()))
      return grown ? done : failed(asked, 'UNKNOWN_TOPIC_OR_PARTITION')
    },
    (error) => failed(asked, error),
  )
}

type Problem = { readonly error: ErrorName; readonly message: string }

const problemOf = ({ count, assignments }: Asked, topic: Topic, nodes: readonly Node[]): Problem | undefined => {
  const { partitions, shards } = topic
  if (count === partitions) return { error: 'INVALID_PARTITIONS', message: `Topic already has ${count} partition(s).` }
  if (count < partitions) {
    const message = `The topic ${topic.name} currently has ${partitions} partition(s); ${count} would not be an increase.`
    return { error: 'INVALID_PARTITIONS', message }
  }
  const limit = partitionLimit(shards)
  if (count > limit) {
    const message = `The topic ${topic.name} has ${shards} shard(s), fixed at creation, and with them at most ${limit} partitions.`
    return { error: 'INVALID_PARTITIONS', message }
  }
  if (assignments === null) return undefined
  if (assignments.length !== count - partitions) {
    const message = `${count - partitions} new partition(s) and ${assignments.length} assignment(s).`
    return { error: 'INVALID_REPLICA_ASSIGNMENT', message }
  }
  const message = assignmentProblem(assignments, nodes)
  return message === undefined ? undefined : { error: 'INVALID_REPLICA_ASSIGNMENT', message }
}
