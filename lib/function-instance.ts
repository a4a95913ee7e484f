import { awsInstance } from './aws.ts'
import { type Settings, SettingsError } from './environment.ts'
import type { Instance } from './instance.ts'

/** What a function works with, for as long as it is warm. Asks nobody: the first request is in a hurry. */
export const openFunction = async (settings: Settings, log: (line: string) => void): Promise<Instance> => {
  if (settings.store !== 'aws') throw new SettingsError('WADI_STORE must be aws in a function: it has no disk')
  return awsInstance({ ...settings, log, ...functionLimits })
}

/** A function has little memory, and its doors wait half a minute. */
export const functionLimits = {
  // One request is at work at a time: nobody is there to share a row with.
  lingerMs: 0,
  cacheBytes: 32 * 1024 * 1024,
  limits: { maxFetchBytes: 4_000_000, maxProduceMs: 15_000, maxChangeMs: 15_000 },
  groupLimits: { joinHoldMs: 15_000 },
} as const
