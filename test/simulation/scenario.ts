import { defaultRules, type Rules } from '../../lib/journal/journal.ts'
import type { Shard } from '../../lib/store/keys.ts'
import type { Random } from './random.ts'
import { type Climate, drawClimate } from './weather.ts'

/** What one history is about. Limits are small on purpose: what is rare in production happens here every second. */
export type Scenario = {
  readonly climate: Climate
  readonly rules: Rules
  /** Clocks of machines are wrong by at most this. */
  readonly largestSkewMs: number
  readonly machines: number
  readonly shards: readonly Shard[]
  readonly partitionsPerShard: number
  readonly inlineBytes: number
  readonly lingerMs: number
  /** Rows and keys in a page: stores may give fewer than they are asked for. */
  readonly pageSize: number
  /** A writer that meets a tail of this many rows flushes it itself. */
  readonly urgentRows: number
  readonly producers: number
  readonly batchesPerProducer: number
  readonly consumers: number
  /** Mean time between two maintenance jobs. */
  readonly maintenanceMs: number
  readonly activeMs: number
  /** Times in which the network is congested. */
  readonly spells: number
  /** Upkeep does little else but to truncate. */
  readonly isTruncating: boolean
}

/** Clocks count: a view is fresh for a while, and rows are kept for longer than that and all skew together. */
const withClocks: Rules = { freshMs: 8000, truncateAfterMs: 23_000 }
/** No view is ever fresh: then rows may go at once, whatever clocks say. */
const neverFresh: Rules = { freshMs: -1, truncateAfterMs: Number.NEGATIVE_INFINITY }

/** Late rows make truncation dangerous, so there are many, and they come while there is still something to hit. */
const lateRows: Partial<Climate> = {
  faults: 0.02,
  rowFaults: 0.5,
  late: 0.7,
  longestLateMs: 20_000,
  slow: 0.5,
  crashes: 0,
  freezes: 0.005,
  longestFreezeMs: 20_000,
}

export const drawScenario = (random: Random): Scenario => {
  const isTruncating = random.chance(0.2)
  const usesClocks = !isTruncating && random.chance(0.6)
  const rules = usesClocks ? random.pick([withClocks, withClocks, withClocks, defaultRules]) : neverFresh
  const climate = drawClimate(random)
  const shards = isTruncating ? 1 : random.pick([1, 1, 1, 2])
  return {
    climate: isTruncating ? { ...climate, ...lateRows } : climate,
    rules,
    largestSkewMs: usesClocks ? 7000 : 600_000,
    machines: isTruncating ? random.pick([2, 3]) : random.pick([1, 2, 3, 4]),
    shards: Array.from({ length: shards }, (_, i) => ({ topicId: `topic${'AB'.charAt(i)}AAAAAAAAAAAAAAAA`, index: 0 })),
    partitionsPerShard: random.pick([1, 2, 3]),
    inlineBytes: random.pick([0, 300, 300, 4096]),
    lingerMs: random.pick([0, 0, 5]),
    pageSize: random.pick([1, 3, 1000, 1000]),
    urgentRows: random.pick([6, 12, 1000]),
    producers: isTruncating ? 4 : random.pick([2, 3]),
    batchesPerProducer: random.pick([8, 12, 20]),
    consumers: random.pick([1, 2, 3]),
    maintenanceMs: isTruncating ? 700 : random.pick([1000, 2000, 4000]),
    activeMs: isTruncating ? 30_000 : random.pick([40_000, 100_000]),
    spells: random.pick([0, 1, 3]),
    isTruncating,
  }
}
