import type { AlterConfigs } from '../../protocol/messages/alter-configs.ts'
import { alterAll, type Changed } from '../alter-configs.ts'
import type { Handler } from '../context.ts'
import { shown } from '../shown.ts'

/** Replaces all configs of a topic: what is not given returns to its default. */
export const alterConfigs: Handler<typeof AlterConfigs> = async ({ resources, validateOnly }, call) => {
  const alterations = resources.map(({ resourceType, resourceName, configs }) => ({
    resourceType,
    resourceName,
    change: () => replaced(configs),
  }))
  return { responses: await alterAll(alterations, validateOnly, call) }
}

const replaced = (given: readonly { readonly name: string; readonly value: string | null }[]): Changed => {
  const configs: Record<string, string> = {}
  for (const { name, value } of given) {
    if (value === null) return { problem: `Null value not supported for topic configs: ${shown(name)}` }
    configs[name] = value
  }
  return { configs }
}
