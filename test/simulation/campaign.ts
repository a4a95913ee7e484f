import { Tally } from './paths.ts'
import { type Outcome, simulate } from './simulate.ts'
import type { Mutation } from './world.ts'

export type Campaign = {
  readonly failed: readonly Outcome[]
  readonly histories: number
  readonly operations: number
  readonly virtualHours: number
  readonly faults: Tally
  readonly tally: Tally
}

/** Histories of these seeds, one after the other. Ends early when several have failed. */
export const runCampaign = async (
  seeds: Iterable<number>,
  { maxFailed = 5, mutation }: { readonly maxFailed?: number; readonly mutation?: Mutation } = {},
): Promise<Campaign> => {
  const faults = new Tally()
  const tally = new Tally()
  const failed: Outcome[] = []
  let histories = 0
  let operations = 0
  let virtualMs = 0
  // Outages are the rule here: their stacks would take a tenth of the time.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  for (const seed of seeds) {
    const outcome = await simulate(seed, mutation && { mutation })
    histories += 1
    operations += outcome.operations
    virtualMs += outcome.virtualMs
    faults.add(outcome.faults)
    tally.add(outcome.tally)
    if (outcome.anomalies.length > 0) failed.push(outcome)
    if (failed.length >= maxFailed) break
  }
  Error.stackTraceLimit = stackTraceLimit
  return { failed, histories, operations, virtualHours: virtualMs / 3_600_000, faults, tally }
}

/** `1,234 histories, 5,678 operations, …` */
export const summaryOf = ({ histories, operations, virtualHours, faults }: Campaign): string => {
  const byClass = [...faults.counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, count]) => `${name} ${count}`)
  const sum = [...faults.counts.values()].reduce((total, count) => total + count, 0)
  const numbers = `${histories} histories, ${operations} operations, ${Math.round(virtualHours)} virtual hours`
  return `simulation: ${numbers}, ${sum} faults (${byClass.join(', ')})`
}

/** What went wrong and how to see it again. */
export const reportOf = (failed: readonly Outcome[]): string =>
  failed
    .map(({ seed, anomalies }) => {
      const lines = anomalies.slice(0, 5).map((anomaly) => `  ${anomaly.class}: ${anomaly.detail}`)
      return [`seed ${seed} (WADI_SIMULATION_SEED=${seed})`, ...lines].join('\n')
    })
    .join('\n')

export function* seedsFrom(first: number, count: number): Generator<number> {
  for (let i = 0; i < count; i++) yield (first + i) >>> 0
}
