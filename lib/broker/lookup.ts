import type { Lane } from '../journal/lane.ts'
import { shardOfPartition } from '../journal/topics.ts'
import type { State } from '../log/state.ts'
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

/** Does something for one partition of a topic that a request names; it fails alone. */
export const inPartition = <Result>(
  call: Call,
  found: FoundTopic,
  index: number,
  work: (lane: Lane, topic: Topic) => Promise<Result>,
  failed: (error: ErrorName) => Result,
): Promise<Result> =>
  attempt(
    call,
    async () => {
      if ('error' in found) return failed(found.error)
      const { topic } = found
      if (!hasPartition(topic, index)) return failed('UNKNOWN_TOPIC_OR_PARTITION')
      return work(call.logs.lane(shardOfPartition(topic, index)), topic)
    },
    failed,
  )

/** Asks each lane once at most: what was confirmed after a request had arrived holds for all of the request. */
export const confirmedStates = (): ((lane: Lane) => Promise<State>) => {
  const states = new Map<Lane, Promise<State>>()
  return (lane) => {
    const state = states.get(lane) ?? lane.state('confirmed')
    states.set(lane, state)
    return state
  }
}
