import { shardsOf } from '../../journal/topics.ts'
import type { RequestOf, ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { DeleteTopics } from '../../protocol/messages/delete-topics.ts'
import { zeroUuid } from '../../protocol/reader.ts'
import type { Call, Handler } from '../context.ts'
import { attempt, type ErrorName } from '../failures.ts'
import { findTopic } from '../lookup.ts'

type Asked = RequestOf<typeof DeleteTopics>['topics'][number]
type Answer = ResponseInput<typeof DeleteTopics>['responses'][number]

const firstVersionWithIds = 6

/** Frees the names at once; rows and objects go later. */
export const deleteTopics: Handler<typeof DeleteTopics> = async (request, call) => {
  const asked =
    call.version >= firstVersionWithIds
      ? request.topics
      : request.topicNames.map((name) => ({ name, topicId: zeroUuid }))
  return { responses: await Promise.all(asked.map((one) => deleteTopic(one, call))) }
}

const deleteTopic = async ({ name, topicId }: Asked, call: Call): Promise<Answer> => {
  const failed = (error: ErrorName, errorMessage: string | null = null): Answer => ({
    name,
    topicId,
    errorCode: errors[error],
    errorMessage,
  })
  if ((name === null) === (topicId === zeroUuid)) return failed('INVALID_REQUEST', 'A topic is named or has an id.')
  const found = await findTopic(call, name === null ? { topicId } : { name })
  if ('error' in found) return failed(found.error)
  const { topic } = found
  return attempt(
    call,
    async () => {
      const isDeleted = await call.topics.delete(topic)
      if (!isDeleted) return failed(name === null ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION')
      for (const shard of shardsOf(topic)) call.logs.forget(shard)
      return { name: topic.name, topicId: topic.id, errorCode: errors.NONE }
    },
    failed,
  )
}
