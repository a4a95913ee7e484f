import type { Call } from '../broker/context.ts'
import { nameProblem, type Topic } from '../log/topic.ts'
import { HttpProblem } from './http-problem.ts'
import { didYouMean } from './suggestion.ts'

/** The topic of this name. Throws a problem that tells which name may be meant. */
export const findTopic = async ({ topics }: Call, name: string): Promise<Topic> => {
  const wrong = nameProblem(name)
  if (wrong !== undefined) throw new HttpProblem('INVALID_REQUEST', `${wrong.replace(/^a/, 'A')}.`)
  const topic = await topics.find(name)
  if (topic) return topic
  const names = (await topics.all()).map((one) => one.name)
  const hint = didYouMean(name, names) ?? `Create it with PUT /v1/topics/${name}.`
  throw new HttpProblem('TOPIC_NOT_FOUND', `There is no topic "${name}".`, {
    hint,
    kafka: 'UNKNOWN_TOPIC_OR_PARTITION',
  })
}

/** Throws a problem where the topic has no such partition. */
export const requirePartition = ({ name, partitions }: Topic, index: number): number => {
  if (index < partitions) return index
  const hint = partitions === 1 ? 'It has partition 0 only.' : `It has partitions 0 to ${partitions - 1}.`
  const detail = `The topic "${name}" has no partition ${index}.`
  throw new HttpProblem('TOPIC_NOT_FOUND', detail, { hint, kafka: 'UNKNOWN_TOPIC_OR_PARTITION' })
}
