import { shardsOf } from '../log/config.ts'
import type { Topic } from '../log/topic.ts'
import type { Call } from './context.ts'
import type { ErrorName } from './failures.ts'

type WantedTopic = Pick<Topic, 'name' | 'partitions' | 'configs'>

export type CreatedTopic =
  | { readonly outcome: 'created' | 'exists'; readonly topic: Topic }
  | { readonly outcome: 'refused'; readonly error: ErrorName; readonly message: string }

/** Creates a topic whose name, number of partitions and configs have been checked. Throws when the stores do not answer. */
export const createTopic = async ({ topics }: Call, wanted: WantedTopic): Promise<CreatedTopic> => {
  const existing = await topics.find(wanted.name)
  if (existing) return { outcome: 'exists', topic: existing }
  const refusal = await refusalOf(topics, wanted)
  if (refusal) return refusal
  const shards = shardsOf(wanted.configs, wanted.partitions)
  if ('problem' in shards) return { outcome: 'refused', error: 'INVALID_CONFIG', message: shards.problem }
  return topics.create({ ...wanted, ...shards })
}

/** Why a topic of this name cannot be: monitoring systems see `a.b` and `a_b` as one, so Kafka allows one of them. */
export const refusalOf = async (
  topics: Call['topics'],
  { name }: Pick<WantedTopic, 'name'>,
): Promise<Extract<CreatedTopic, { outcome: 'refused' }> | undefined> => {
  const alike = (await topics.all()).find((topic) => topic.name !== name && monitored(topic.name) === monitored(name))
  if (alike === undefined) return undefined
  const message = `Topic '${name}' collides with existing topic: ${alike.name}`
  return { outcome: 'refused', error: 'INVALID_TOPIC_EXCEPTION', message }
}

const monitored = (name: string): string => name.replaceAll('.', '_')
