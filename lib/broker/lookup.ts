import { nameProblem, type Topic } from '../log/topic.ts'
import type { Call } from './context.ts'
import { attempt, type ErrorName } from './failures.ts'

/** A topic as a request names it: by name, or by id where its version has ids. */
export type TopicReference = { readonly name: string } | { readonly topicId: string }

export type FoundTopic = { readonly topic: Topic } | { readonly error: ErrorName }

export const findTopic = (call: Call, reference: TopicReference): Promise<FoundTopic> =>
  attempt(
    call,
    async (): Promise<FoundTopic> => {
      if ('topicId' in reference) {
        const topic = await call.topics.findById(reference.topicId)
        return topic ? { topic } : { error: 'UNKNOWN_TOPIC_ID' }
      }
      const topic = nameProblem(reference.name) === undefined ? await call.topics.find(reference.name) : undefined
      return topic ? { topic } : { error: 'UNKNOWN_TOPIC_OR_PARTITION' }
    },
    (error) => ({ error }),
  )

/** A topic that vanished while it was used is unknown in the way it was asked for. */
export const asAsked = (error: ErrorName, reference: TopicReference): ErrorName =>
  error === 'UNKNOWN_TOPIC_OR_PARTITION' && 'topicId' in reference ? 'UNKNOWN_TOPIC_ID' : error

export const hasPartition = (topic: Topic, index: number): boolean => index >= 0 && index < topic.partitions
