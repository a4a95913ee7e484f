import type { Anomaly } from './checker.ts'
import { simulateGroup } from './groups-simulate.ts'
import type { GroupMutation } from './groups-world.ts'
import type { Outcome } from './outcome.ts'
import { Tally } from './paths.ts'
import { simulate } from './simulate.ts'
import type { Mutation } from './world.ts'

type SeededAnomaly = Anomaly & { readonly seed: number }

export type Campaign = {
  readonly histories: number
  /** Requests of clients. */
  readonly operations: number
  /** Events of the schedule. */
  readonly events: number
  /** By class; each changed something for somebody. */
  readonly faults: Readonly<Record<string, number>>
  readonly virtualHours: number
  /** How often the code came along places where a mistake would hide. */
  readonly rarePaths: Readonly<Record<string, number>>
  /** The longest that everybody needed after the last fault, in virtual ms. */
  readonly longestSettleMs: number
  readonly anomalies: readonly SeededAnomaly[]
}

export type CampaignOptions = {
  /** Histories have this seed and those that follow. */
  readonly firstSeed: number
  /** It ends after so many histories, or with the first that ends later than `untilMs` of the real clock. */
  readonly histories?: number
  readonly untilMs?: number
  /** It ends early when so many histories were wrong. */
  readonly maxFailed?: number
  /** Told after each history. */
  readonly onProgress?: (soFar: Campaign) => void
}

const enoughFailed = 5

/** Histories of the journal, the log and its upkeep, one after the other. */
export const runCampaign = (options: CampaignOptions & { readonly mutation?: Mutation }): Promise<Campaign> =>
  run((seed) => simulate(seed, options.mutation && { mutation: options.mutation }), options)

/** Histories of a consumer group. */
export const runGroupCampaign = (options: CampaignOptions & { readonly mutation?: GroupMutation }): Promise<Campaign> =>
  run((seed) => simulateGroup(seed, options.mutation && { mutation: options.mutation }), options)

const run = async (
  simulateOne: (seed: number) => Promise<Outcome>,
  {
    firstSeed,
    histories: maxHistories = Number.POSITIVE_INFINITY,
    untilMs = Number.POSITIVE_INFINITY,
    maxFailed = enoughFailed,
    onProgress,
  }: CampaignOptions,
): Promise<Campaign> => {
  const [faults, tally] = [new Tally(), new Tally()]
  const anomalies: SeededAnomaly[] = []
  const sums = { histories: 0, operations: 0, events: 0, virtualHours: 0, longestSettleMs: 0 }
  const soFar = (): Campaign => ({
    ...sums,
    faults: Object.fromEntries(faults.counts),
    rarePaths: Object.fromEntries(tally.counts),
    anomalies,
  })
  // Outages are the rule here: their stacks would take a tenth of the time.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    for (let failed = 0; sums.histories < maxHistories && failed < maxFailed && Date.now() <= untilMs; ) {
      const seed = (firstSeed + sums.histories) >>> 0
      const outcome = await simulateOne(seed)
      sums.histories += 1
      sums.operations += outcome.operations
      sums.events += outcome.events
      sums.virtualHours += outcome.virtualMs / 3_600_000
      sums.longestSettleMs = Math.max(sums.longestSettleMs, outcome.settledMs)
      faults.add(outcome.faults)
      tally.add(outcome.tally)
      if (outcome.anomalies.length > 0) failed += 1
      anomalies.push(...outcome.anomalies.map((anomaly) => ({ ...anomaly, seed })))
      onProgress?.(soFar())
    }
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
  return soFar()
}

export const faultsOf = ({ faults }: Campaign): number => Object.values(faults).reduce((sum, count) => sum + count, 0)

/** `1,234 histories, 5,678 operations, …` */
export const summaryOf = (campaign: Campaign): string => {
  const { histories, operations, virtualHours, longestSettleMs, faults } = campaign
  const byClass = Object.entries(faults)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${tell(count)}`)
  const settled = longestSettleMs > 0 ? `, settled in ${(longestSettleMs / 1000).toFixed(1)} s at most` : ''
  const numbers = `${tell(histories)} histories, ${tell(operations)} operations, ${tell(Math.round(virtualHours))} virtual hours`
  return `${numbers}${settled}, ${tell(faultsOf(campaign))} faults (${byClass.join(', ')})`
}

const tell = (count: number): string => count.toLocaleString('en')

/** Anomalies of one history that are told. */
const toldEach = 5

/** What went wrong and how to see it again: `variable` takes the seed. */
export const reportOf = ({ anomalies }: Campaign, variable: string): string =>
  [...new Set(anomalies.map(({ seed }) => seed))]
    .map((seed) => {
      const own = anomalies.filter((anomaly) => anomaly.seed === seed).slice(0, toldEach)
      return [`seed ${seed} (${variable}=${seed})`, ...own.map((one) => `  ${one.class}: ${one.detail}`)].join('\n')
    })
    .join('\n')
