import type { ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { OffsetDelete } from '../../protocol/messages/offset-delete.ts'
import type { Handler } from '../context.ts'
import type { ErrorName } from '../failures.ts'
import { groupFailure } from '../group-answers.ts'
import { findTopic, hasPartition } from '../lookup.ts'

export const offsetDelete: Handler<typeof OffsetDelete> = async ({ groupId, topics }, call) => {
  const found = await Promise.all(topics.map(({ name }) => findTopic(call, { name })))
  const wanted = topics.flatMap(({ name, partitions }, i) => {
    const one = found[i]
    const indexes = partitions.map(({ partitionIndex }) => partitionIndex)
    return one && 'topic' in one ? [{ topicId: one.topic.id, name, indexes }] : []
  })
  const answer = await call.groups.deleteOffsets(groupId, wanted)
  if (answer.error !== 'NONE') return offsetDeleteFailed(errors[answer.error])
  return {
    errorCode: errors.NONE,
    topics: topics.map(({ name, partitions }, i) => {
      const errorOf = (index: number): ErrorName => {
        const one = found[i]
        if (one === undefined || 'error' in one) return one?.error ?? 'UNKNOWN_SERVER_ERROR'
        if (!hasPartition(one.topic, index)) return 'UNKNOWN_TOPIC_OR_PARTITION'
        return answer.topics.get(one.topic.id) ?? 'UNKNOWN_SERVER_ERROR'
      }
      return {
        name,
        partitions: partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          errorCode: errors[errorOf(partitionIndex)],
        })),
      }
    }),
  }
}

export const offsetDeleteFailed = (errorCode: number): ResponseInput<typeof OffsetDelete> => ({
  errorCode: groupFailure(errorCode),
  topics: [],
})
