import { realClock } from '../../lib/clock.ts'
import type { FunctionName } from '../../lib/infra/bundle.ts'
import { type Instance, makeInstance } from '../../lib/instance.ts'
import { defaultRules } from '../../lib/journal/journal.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { guardedItems, guardedObjects } from './guarded.ts'
import { bucketId, functionNames, rolesOf, tableId } from './role-statements.ts'
import { synthesized } from './synthesized.ts'

export type GuardedInstances = {
  readonly instanceOf: (name: FunctionName) => Instance
  /** What was asked of the stores and is not allowed. */
  readonly denied: string[]
  readonly logged: string[]
}

/** Each function as a process of its own over the same stores in memory, with nothing but what its role allows. */
export const guardedInstances = (): GuardedInstances => {
  const denied: string[] = []
  const logged: string[] = []
  const items = memoryItems()
  const objects = memoryObjects(realClock.now)
  const roles = rolesOf(synthesized())
  const newInstance = (name: FunctionName): Instance => {
    const guard = { statements: roles[name], table: tableId, bucket: bucketId, denied }
    const stores = { items: guardedItems(items, guard), objects: guardedObjects(objects, guard) }
    const log = (line: string): void => void logged.push(`${name}: ${line}`)
    return makeInstance(
      { ...stores, rules: defaultRules, keepsReads: false, leavesHints: true, close: () => {} },
      { lingerMs: 0, autoCreateTopics: true, numPartitions: 1, log },
    )
  }
  const instances = new Map(functionNames.map((name) => [name, newInstance(name)]))
  return { denied, logged, instanceOf: (name) => instances.get(name) ?? newInstance(name) }
}
