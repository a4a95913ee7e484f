import { maxValueCharacters } from '../../log/config.ts'
import { configKeys, listOf } from '../../log/config-keys.ts'
import type { RequestOf } from '../../protocol/declare.ts'
import type { IncrementalAlterConfigs } from '../../protocol/messages/incremental-alter-configs.ts'
import { alterAll, type Changed, type Configs } from '../alter-configs.ts'
import type { Handler } from '../context.ts'
import { shown } from '../shown.ts'

type Operation = RequestOf<typeof IncrementalAlterConfigs>['resources'][number]['configs'][number]

const operation = { set: 0, delete: 1, append: 2, subtract: 3 } as const

/** Changes single configs of a topic (KIP-339). */
export const incrementalAlterConfigs: Handler<typeof IncrementalAlterConfigs> = async (request, call) => {
  const alterations = request.resources.map(({ resourceType, resourceName, configs }) => ({
    resourceType,
    resourceName,
    change: (current: Configs) => changed(current, configs),
  }))
  return { responses: await alterAll(alterations, request.validateOnly, call) }
}

const changed = (current: Configs, operations: readonly Operation[]): Changed => {
  const configs: Record<string, string> = { ...current }
  const names = new Set<string>()
  for (const { name, configOperation, value } of operations) {
    const key = configKeys.get(name)
    if (key === undefined) return { problem: `Unknown topic config name: ${shown(name)}` }
    if (names.has(name)) return { problem: `There is more than one operation for ${shown(name)}` }
    names.add(name)
    if (configOperation === operation.delete) {
      delete configs[name]
      continue
    }
    if (value === null) return { problem: `Null value not supported for topic configs: ${shown(name)}` }
    if (value.length > maxValueCharacters) return { problem: `The value of ${shown(name)} is too long` }
    const present = listOf(configs[name] ?? key.defaultValue)
    const given = listOf(value)
    switch (configOperation) {
      case operation.set:
        configs[name] = value
        break
      case operation.append:
      case operation.subtract: {
        if (key.type !== 'LIST')
          return { problem: `${name} is no list, so nothing can be added to it or taken from it` }
        const isAppend = configOperation === operation.append
        const kept = isAppend ? [...present, ...given.filter((element) => !present.includes(element))] : []
        configs[name] = (isAppend ? kept : present.filter((element) => !given.includes(element))).join(',')
        break
      }
      default:
        return { problem: `Unknown operation ${configOperation} on ${shown(name)}` }
    }
  }
  return { configs }
}
