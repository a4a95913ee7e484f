import { logFold } from '../log/fold.ts'
import type { State } from '../log/state.ts'
import type { Items } from '../store/items.ts'
import { journalPartition, type Shard } from '../store/keys.ts'
import type { Objects } from '../store/objects.ts'
import type { Clock } from './clock.ts'
import { defaultRules, type Rules } from './journal.ts'
import { defaultInlineBytes, Lane, type LaneOptions } from './lane.ts'

export type LogsOptions = {
  readonly items: Items
  readonly objects: Objects
  readonly clock: Clock
  readonly instance: string
  readonly rules?: Rules
  readonly lingerMs?: number
  readonly inlineBytes?: number
  readonly relieve?: LaneOptions['relieve']
}

/** Journals whose views are kept in memory; the one that was not used for the longest time goes first. */
const maxLanes = 1000

/** The logs of all topics as one instance sees them: a lane for each journal that it has looked at. */
export class Logs {
  readonly #options: LogsOptions
  readonly #lanes = new Map<string, Lane>()
  readonly #watchers = new Set<(topicId: string, state: State) => void>()

  constructor(options: LogsOptions) {
    this.#options = options
  }

  lane(shard: Shard): Lane {
    const key = journalPartition(shard)
    const lane = this.#lanes.get(key) ?? this.#newLane(shard)
    this.#lanes.delete(key)
    this.#lanes.set(key, lane)
    if (this.#lanes.size > maxLanes) this.#evict()
    return lane
  }

  /** What is known of a journal without asking anybody, and without a lane where there is none. */
  known(shard: Shard): State | undefined {
    return this.#lanes.get(journalPartition(shard))?.known
  }

  /** Lanes that this instance has looked at. */
  lanes(): readonly Lane[] {
    return [...this.#lanes.values()]
  }

  /** Forgets a deleted topic. */
  forget(shard: Shard): void {
    this.#lanes.delete(journalPartition(shard))
  }

  /** Calls back whenever a journal is seen to have grown. Returns how to stop it. */
  watch(watcher: (topicId: string, state: State) => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  #newLane(shard: Shard): Lane {
    const { items, objects, clock, instance, rules = defaultRules } = this.#options
    return new Lane(
      { items, objects, clock, instance, rules, shard, fold: logFold },
      {
        lingerMs: this.#options.lingerMs ?? 0,
        inlineBytes: this.#options.inlineBytes ?? defaultInlineBytes,
        relieve: this.#options.relieve ?? (() => Promise.resolve()),
        onView: (lane) => {
          const { known } = lane
          if (known) for (const watcher of this.#watchers) watcher(shard.topicId, known)
        },
      },
    )
  }

  #evict(): void {
    for (const [key, lane] of this.#lanes) {
      if (!lane.isIdle) continue
      this.#lanes.delete(key)
      return
    }
  }
}
