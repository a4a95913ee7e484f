import { defaultRules, type Rules } from '../../lib/journal/journal.ts'
import type { Shard } from '../../lib/store/keys.ts'
import type { Build } from './builds.ts'
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
  /** Nobody does any upkeep but writers, for themselves, as long as there are faults. */
  readonly isUpkeepOff: boolean
  /** Machines become leaders, and depose each other. */
  readonly hasLeaders: boolean
  /** Machines are replaced by those of another version; without any all are of the one under test. */
  readonly deployments: readonly Deployment[]
}

type Deployment = { readonly atMs: number; readonly slot: number; readonly build: Build }

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
  const machines = isTruncating ? random.pick([2, 3]) : random.pick([1, 2, 3, 3, 4])
  const activeMs = isTruncating ? 60_000 : random.pick([60_000, 150_000])
  const isUpkeepOff = !isTruncating && random.chance(0.08)
  return {
    climate: isTruncating ? { ...climate, ...lateRows } : climate,
    rules,
    largestSkewMs: usesClocks ? 7000 : 600_000,
    machines,
    shards: Array.from({ length: shards }, (_, i) => ({ topicId: `topic${'AB'.charAt(i)}AAAAAAAAAAAAAAAA`, index: 0 })),
    partitionsPerShard: random.pick([1, 2, 3]),
    inlineBytes: random.pick([0, 300, 300, 4096]),
    lingerMs: random.pick([0, 0, 5]),
    pageSize: random.pick([1, 3, 1000, 1000]),
    urgentRows: isUpkeepOff ? 12 : random.pick([6, 12, 1000]),
    producers: isTruncating ? 4 : random.pick([2, 3]),
    batchesPerProducer: isTruncating ? random.pick([20, 40]) : random.pick([30, 60, 100]),
    consumers: random.pick([2, 3, 4]),
    maintenanceMs: isTruncating ? 700 : random.pick([1000, 2000, 4000]),
    activeMs,
    spells: random.pick([0, 2, 4]),
    isTruncating,
    isUpkeepOff,
    hasLeaders: random.chance(0.4),
    deployments: random.chance(0.25) ? drawDeployments(random, machines, activeMs) : [],
  }
}

const drawDeployments = (random: Random, machines: number, activeMs: number): readonly Deployment[] => {
  const roll = (build: Build, from: number, to: number): readonly Deployment[] =>
    Array.from({ length: machines }, (_, slot) => ({ atMs: activeMs * random.between(from, to), slot, build }))
  return random.pick([
    // As it should be: nobody writes what not everybody can read.
    () => [...roll('reading', 0.1, 0.4), ...roll('writing', 0.5, 0.9)],
    // Old and new write side by side.
    () => roll('writing', 0.2, 0.9),
    // The new version is withdrawn when it has written, and comes back.
    () => [...roll('writing', 0.2, 0.4), ...roll('older', 0.4, 0.6), ...roll('writing', 0.7, 0.95)],
  ])()
}
