import type { Anomaly } from './checker.ts'
import type { Tally } from './paths.ts'

/** What one history comes to, whatever it is about. */
export type Outcome = {
  readonly seed: number
  readonly anomalies: readonly Anomaly[]
  /** Requests of clients. */
  readonly operations: number
  readonly faults: Tally
  readonly tally: Tally
  readonly virtualMs: number
  /** Events of the schedule. */
  readonly events: number
  /** How long everybody needed after the last fault; 0 where that is not measured. */
  readonly settledMs: number
  /** Line by line, where it was asked for. */
  readonly trace: readonly string[]
}
