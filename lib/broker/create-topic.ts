import { shardsFor } from '../log/config.ts'
import type { Topic } from '../log/topic.ts'
import { zeroUuid } from '../protocol/reader.ts'
import type { Call } from './context.ts'
import type { ErrorName } from './failures.ts'

export type WantedTopic = Pick<Topic, 'name' | 'partitions' | 'configs'>

export type CreatedTopic =
  | { readonly outcome: 'created' | 'exists'; readonly topic: Topic }
  | { readonly outcome: 'refused'; readonly error: ErrorName; readonly message: string }

/** Creates a topic whose name, number of partitions and configs have been checked. Throws when the stores do not answer. */
export const createTopic = async (call: Call, wanted: WantedTopic): Promise<CreatedTopic> => {
  const planned = await planTopic(call, wanted)
  if (planned.outcome !== 'created') return planned
  const { id: _, ...topic } = planned.topic
  return call.topics.create(topic)
}

/** What creating it would lead to, without an id. */
export const planTopic = async ({ topics }: Call, wanted: WantedTopic): Promise<CreatedTopic> => {
  const existing = await topics.find(wanted.name)
  if (existing) return { outcome: 'exists', topic: existing }
  // No other name is alike where there is nothing to replace: all topics need not be read for each that is created.
  const others = /[._]/.test(wanted.name) ? await topics.all() : []
  const alike = others.find(({ name }) => monitored(name) === monitored(wanted.name))
  if (alike) {
    const message = `Topic '${wanted.name}' collides with existing topic: ${alike.name}`
    return { outcome: 'refused', error: 'INVALID_TOPIC_EXCEPTION', message }
  }
  const shards = shardsFor(wanted.configs, wanted.partitions)
  if ('problem' in shards) return { outcome: 'refused', error: 'INVALID_CONFIG', message: shards.problem }
  return { outcome: 'created', topic: { ...wanted, ...shards, id: zeroUuid } }
}

/** Monitoring systems see `a.b` and `a_b` as one, so Kafka allows only one of them. */
const monitored = (name: string): string => name.replaceAll('.', '_')
