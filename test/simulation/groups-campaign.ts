import { type GroupOutcome, simulateGroup } from './groups-simulate.ts'
import type { GroupMutation } from './groups-world.ts'
import { Tally } from './paths.ts'

export type GroupCampaign = {
  readonly failed: readonly GroupOutcome[]
  readonly histories: number
  readonly operations: number
  readonly events: number
  readonly virtualHours: number
  /** The longest that a group needed after the last fault. */
  readonly longestSettleMs: number
  readonly faults: Tally
  readonly tally: Tally
}

/** Histories of these seeds, one after the other. Ends early when several have failed. */
export const runGroupCampaign = async (
  seeds: Iterable<number>,
  { maxFailed = 5, mutation }: { readonly maxFailed?: number; readonly mutation?: GroupMutation } = {},
): Promise<GroupCampaign> => {
  const [faults, tally] = [new Tally(), new Tally()]
  const failed: GroupOutcome[] = []
  const sums = { histories: 0, operations: 0, events: 0, virtualHours: 0, longestSettleMs: 0 }
  // Outages are the rule here: their stacks would take a good part of the time.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  for (const seed of seeds) {
    const outcome = await simulateGroup(seed, mutation && { mutation })
    sums.histories += 1
    sums.operations += outcome.operations
    sums.events += outcome.events
    sums.virtualHours += outcome.virtualMs / 3_600_000
    sums.longestSettleMs = Math.max(sums.longestSettleMs, outcome.settledMs)
    faults.add(outcome.faults)
    tally.add(outcome.tally)
    if (outcome.anomalies.length > 0) failed.push(outcome)
    if (failed.length >= maxFailed) break
  }
  Error.stackTraceLimit = stackTraceLimit
  return { failed, ...sums, faults, tally }
}

/** `123 histories, 4,567 requests, …` */
export const groupSummaryOf = (campaign: GroupCampaign): string => {
  const { histories, operations, virtualHours, longestSettleMs, faults } = campaign
  const byClass = [...faults.counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, count]) => `${name} ${count}`)
  const sum = [...faults.counts.values()].reduce((total, count) => total + count, 0)
  const numbers = `${histories} histories, ${operations} requests, ${virtualHours.toFixed(1)} virtual hours`
  const settled = `settled in ${(longestSettleMs / 1000).toFixed(1)} s at most`
  return `simulation of groups: ${numbers}, ${settled}, ${sum} faults (${byClass.join(', ')})`
}

/** What went wrong and how to see it again. */
export const groupReportOf = (failed: readonly GroupOutcome[]): string =>
  failed
    .map(({ seed, anomalies }) => {
      const lines = anomalies.slice(0, 5).map((anomaly) => `  ${anomaly.class}: ${anomaly.detail}`)
      return [`seed ${seed} (WADI_GROUPS_SEED=${seed})`, ...lines].join('\n')
    })
    .join('\n')
