import { configProblem, shardsKey } from '../log/config.ts'
import type { Topic } from '../log/topic.ts'
import { errors } from '../protocol/errors.ts'
import type { Call } from './context.ts'
import { attempt, type ErrorName } from './failures.ts'
import { findTopic } from './lookup.ts'
import { repeated } from './repeated.ts'
import { resourceTypes } from './resources.ts'
import { shown } from './shown.ts'

export type Configs = Topic['configs']

export type Changed = { readonly configs: Configs } | { readonly problem: string }

export type Alteration = {
  readonly resourceType: number
  readonly resourceName: string
  /** The configs after the change, or why there is none; safe to be asked again with others. */
  readonly change: (configs: Configs) => Changed
}

type Altered = {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly resourceType: number
  readonly resourceName: string
}

/** Changes the configs of topics; one resource twice in a request is refused, because its outcome would depend on order. */
export const alterAll = (
  alterations: readonly Alteration[],
  validateOnly: boolean,
  call: Call,
): Promise<readonly Altered[]> => {
  const keyOf = ({ resourceType, resourceName }: Alteration) => `${resourceType} ${resourceName}`
  const repeatedKeys = repeated(alterations.map(keyOf))
  const one = async (alteration: Alteration): Promise<Altered> =>
    repeatedKeys.has(keyOf(alteration))
      ? answer(alteration, 'INVALID_REQUEST', `The resource ${shown(alteration.resourceName)} is there more than once.`)
      : alter(alteration, validateOnly, call)
  return Promise.all(alterations.map(one))
}

const answer = (
  { resourceType, resourceName }: Alteration,
  error: ErrorName,
  errorMessage: string | null = null,
): Altered => ({ errorCode: errors[error], errorMessage, resourceType, resourceName })

const alter = async (alteration: Alteration, validateOnly: boolean, call: Call): Promise<Altered> => {
  const { resourceType, resourceName: name, change } = alteration
  if (resourceType !== resourceTypes.topic) {
    const what = resourceType === resourceTypes.broker ? 'A broker’s configs follow from how it was started' : null
    return answer(alteration, 'INVALID_REQUEST', `${what ?? `Resources of type ${resourceType} have no configs here`}.`)
  }
  const found = await findTopic(call, { name })
  if ('error' in found) return answer(alteration, found.error)
  const { topic } = found
  const next = change(topic.configs)
  const problem = problemOf(next, topic)
  if (problem !== undefined) return answer(alteration, 'INVALID_CONFIG', problem)
  if (validateOnly) return answer(alteration, 'NONE')
  return attempt(
    call,
    async () => {
      const changed = await call.topics.change(topic, (current) => {
        const again = change(current.configs)
        // Somebody else's change came between: what does not fit it any more is left out, theirs stays.
        return 'problem' in again || problemOf(again, current) ? current : { ...current, configs: again.configs }
      })
      return answer(alteration, changed ? 'NONE' : 'UNKNOWN_TOPIC_OR_PARTITION')
    },
    (error) => answer(alteration, error),
  )
}

const problemOf = (changed: Changed, topic: Topic): string | undefined => {
  if ('problem' in changed) return changed.problem
  const { configs } = changed
  const shards = configs[shardsKey]
  if (shards !== undefined && shards.trim() !== String(topic.shards)) {
    return `${shardsKey} is fixed when a topic is created, here at ${topic.shards}`
  }
  return configProblem(configs)
}
