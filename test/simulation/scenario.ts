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
  readonly producers: number
  readonly batchesPerProducer: number
  readonly consumers: number
  /** Mean time between two maintenance jobs. */
  readonly maintenanceMs: number
  readonly activeMs: number
}

/** Clocks count: a view is fresh for a while, and rows are kept for longer than that and all skew together. */
const withClocks: Rules = { freshMs: 4000, truncateAfterMs: 20_000 }
/** No view is ever fresh: then rows may go at once, whatever clocks say (journal.md, section 5.4). */
const neverFresh: Rules = { freshMs: -1, truncateAfterMs: Number.NEGATIVE_INFINITY }

export const drawScenario = (random: Random): Scenario => {
  const usesClocks = random.chance(0.5)
  const rules = usesClocks ? random.pick([withClocks, withClocks, withClocks, defaultRules]) : neverFresh
  const shards = random.pick([1, 1, 1, 2])
  return {
    climate: drawClimate(random),
    rules,
    largestSkewMs: usesClocks ? 7000 : 600_000,
    machines: random.pick([1, 2, 3, 4]),
    shards: Array.from({ length: shards }, (_, i) => ({ topicId: `topic${'AB'.charAt(i)}AAAAAAAAAAAAAAAA`, index: 0 })),
    partitionsPerShard: random.pick([1, 2, 3]),
    inlineBytes: random.pick([0, 300, 300, 4096]),
    lingerMs: random.pick([0, 0, 5]),
    producers: random.pick([2, 3]),
    batchesPerProducer: random.pick([8, 15, 25]),
    consumers: random.pick([1, 2, 3]),
    maintenanceMs: random.pick([700, 1500, 3000]),
    activeMs: random.pick([40_000, 100_000]),
  }
}
