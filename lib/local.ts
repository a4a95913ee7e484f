import { realClock } from './clock.ts'
import type { Settings } from './environment.ts'
import { type Instance, type InstanceOptions, makeInstance } from './instance.ts'
import { soleWriterRules } from './journal/journal.ts'
import { openFolder } from './store/folder.ts'
import { memoryItems, memoryObjects } from './store/memory.ts'

/** The system keeps what was read from files in memory, as far as there is any. */
const sole = { rules: soleWriterRules, keepsReads: false, leavesHints: false }

/** Wadi on SQLite and files in the folder `data`. Throws `StoreSetupError` when that cannot be used, saying what to do. */
export const openLocal = (settings: Pick<Settings, 'data' | 'fsync'> & InstanceOptions): Instance => {
  const folder = openFolder(settings.data, settings)
  return makeInstance({ ...folder, ...sole, close: () => folder[Symbol.dispose]() }, settings)
}

/** Wadi on nothing but memory: gone when the process ends. */
export const openMemory = (options: InstanceOptions): Instance =>
  makeInstance({ items: memoryItems(), objects: memoryObjects(realClock.now), ...sole, close: () => {} }, options)
