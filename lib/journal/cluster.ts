import { stepDocument } from '../store/documents.ts'
import type { Items } from '../store/items.ts'
import { clusterKey } from '../store/keys.ts'
import type { Clock } from './clock.ts'

type ClusterDocument = { readonly id: string }

/** A write that has no answer is given up after this. */
const writeTimeoutMs = 15_000

/** The id of everything in these stores, drawn by whoever asks first. Throws `OutcomeUnknown`, `StoreUnavailable`. */
export const clusterIdOf = (items: Items, clock: Clock): Promise<string> => {
  // 22 characters, as Kafka's own ids have.
  const drawn = `${clock.randomId()}${clock.randomId().slice(0, 6)}`.replace(/^-/, 'a')
  const step = (current: ClusterDocument | undefined) => ({
    next: current ? undefined : { id: drawn },
    answer: current?.id ?? drawn,
  })
  return stepDocument<ClusterDocument, string>(items, clock, clusterKey, step, clock.now() + writeTimeoutMs)
}
