import { nameProblem } from '../../log/topic.ts'
import type { RequestOf, ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { DescribeConfigs } from '../../protocol/messages/describe-configs.ts'
import type { Call, Handler } from '../context.ts'
import { brokerConfigs, type DescribedConfig, topicConfigs } from '../described-configs.ts'
import type { ErrorName } from '../failures.ts'
import { findTopic } from '../lookup.ts'
import { resourceTypes } from '../resources.ts'
import { shown } from '../shown.ts'

type Request = RequestOf<typeof DescribeConfigs>
type Asked = Request['resources'][number]
type Answer = ResponseInput<typeof DescribeConfigs>['results'][number]

export const describeConfigs: Handler<typeof DescribeConfigs> = async (request, call) => ({
  results: await Promise.all(request.resources.map((asked) => describe(asked, request, call))),
})

const describe = async (asked: Asked, request: Request, call: Call): Promise<Answer> => {
  const { resourceType, resourceName, configurationKeys: keys } = asked
  const resource = { resourceType, resourceName }
  const found = await configsOf(asked, call)
  if ('error' in found) {
    return { ...resource, errorCode: errors[found.error], errorMessage: found.message, configs: [] }
  }
  const isAsked = ({ name }: DescribedConfig) => keys === null || keys.length === 0 || keys.includes(name)
  const configs = found.configs.filter(isAsked).map((config) => ({
    ...config,
    synonyms: request.includeSynonyms ? config.synonyms : [],
    documentation: request.includeDocumentation ? config.documentation : null,
  }))
  return { ...resource, errorCode: errors.NONE, errorMessage: null, configs }
}

type Found =
  | { readonly configs: readonly DescribedConfig[] }
  | { readonly error: ErrorName; readonly message: string | null }

const configsOf = async ({ resourceType, resourceName: name }: Asked, call: Call): Promise<Found> => {
  switch (resourceType) {
    case resourceTypes.topic: {
      const problem = nameProblem(name)
      if (problem) return { error: 'INVALID_TOPIC_EXCEPTION', message: problem }
      const found = await findTopic(call, { name })
      return 'error' in found ? { error: found.error, message: null } : { configs: topicConfigs(found.topic) }
    }
    case resourceTypes.broker:
      if (name === String(call.nodeId)) return { configs: brokerConfigs(call) }
      // The cluster-wide defaults that were changed at run time: none ever is.
      if (name === '') return { configs: [] }
      return { error: 'INVALID_REQUEST', message: `This broker is ${call.nodeId}, not ${shown(name)}.` }
    default:
      return { error: 'INVALID_REQUEST', message: `Resources of type ${resourceType} have no configs here.` }
  }
}
