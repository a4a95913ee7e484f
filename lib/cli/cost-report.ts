import type { StoreCounts } from '../store/meter.ts'
import { type Bill, totalOf } from '../store/price.ts'
import type { Counts } from './cost-shapes.ts'

/** Operations and what they cost. */
type Priced<C = Counts> = { readonly counts: C; readonly bill: Bill; readonly usd: number }

export type CostReport = {
  readonly prices: string
  readonly memoryMb: number
  readonly shapes: readonly {
    readonly name: string
    readonly recordBytes: number
    readonly perMillionRecords: Priced
    readonly perGiB: Priced
  }[]
  readonly idleMonth: Priced & { readonly topics: number; readonly functionMs: number }
  /** Comes on top of an idle month, and of any other. */
  readonly monitoringMonth: { readonly alarms: number; readonly dashboards: number; readonly usd: number }
  /** USD for each GB that is kept for a month. */
  readonly storageGbMonth: { readonly objects: number; readonly items: number; readonly itemBackup: number }
}

export const priced = <C>(counts: C, bill: Bill): Priced<C> => ({ counts, bill, usd: totalOf(bill) })

/** A table for people. */
export const costTable = ({ prices, memoryMb, shapes, idleMonth, ...standing }: CostReport): string => {
  const per = (of: 'perMillionRecords' | 'perGiB', title: string): readonly (readonly string[])[] => [
    [title, 'USD', ...operations.map(([name]) => name)],
    ...shapes.map((shape) => [`  ${shape.name}`, ...cells(shape[of])]),
    [],
  ]
  const rows = [
    ...per('perMillionRecords', 'a million records, one consumer'),
    ...per('perGiB', 'a GiB of values, one consumer'),
    ['a month in which nothing happens', 'USD', ...operations.map(([name]) => name)],
    [`  ${idleMonth.topics} topics, a pass each minute`, ...cells(idleMonth)],
  ]
  const assumed = `${memoryMb} MB per function; an idle pass takes ${idleMonth.functionMs} ms. Times of functions are assumed, operations are counted.`
  return `${aligned(rows)}\n${prices}. ${assumed}\n${standingCosts(standing)}`
}

/** What is paid besides, whether or not anything flows. */
const standingCosts = ({
  monitoringMonth: { alarms, dashboards, usd },
  storageGbMonth: { objects, items, itemBackup },
}: Pick<CostReport, 'monitoringMonth' | 'storageGbMonth'>): string =>
  `Alarms and dashboards (${alarms} and ${dashboards}): ${money(usd)} USD a month more, beyond the account's ten free alarms and three free dashboards; -c monitoring=false leaves them out.
A GB kept for a month: ${money(objects)} USD in the bucket, ${money(items)} in the table and ${money(itemBackup)} more for its point-in-time recovery.
Data that leaves the region and the hours of a gateway come on top.
`

/** The same for what a server has counted since it started. */
export const usageTable = ({ counts, usd }: Priced<Partial<StoreCounts>>): string =>
  aligned([
    ['since the server started', 'USD', ...storeOperations.map(([name]) => name)],
    ['  its store calls', money(usd), ...storeOperations.map(([, of]) => number(of(counts)))],
  ])

type Operation<C> = readonly [name: string, of: (counts: C) => number]

const storeOperations: readonly Operation<Partial<StoreCounts>>[] = [
  ['write units', ({ writeUnits = 0 }) => writeUnits],
  ['read units', ({ readUnits = 0 }) => readUnits],
  ['S3 puts, lists', ({ objectPuts = 0, objectLists = 0 }) => objectPuts + objectLists],
  ['S3 gets', ({ objectReads = 0 }) => objectReads],
]

const operations: readonly Operation<Counts>[] = [
  ...storeOperations,
  ['function calls', ({ functionCalls }) => functionCalls],
  ['GB-seconds', ({ functionGbSeconds }) => functionGbSeconds],
  ['API calls', ({ httpApiUnits, restApiUnits }) => httpApiUnits + restApiUnits],
]

const cells = ({ counts, usd }: Priced): readonly string[] => [
  money(usd),
  ...operations.map(([, of]) => number(of(counts))),
]

const money = (usd: number): string => usd.toFixed(usd < 1 ? 4 : 2)
const number = (count: number): string => count.toLocaleString('en', { maximumFractionDigits: count < 10 ? 1 : 0 })

const aligned = (rows: readonly (readonly string[])[]): string => {
  const columns = Math.max(...rows.map(({ length }) => length))
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row.map((text, i) => (i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0))).join('  ')
  return `${rows.map((row) => line(row).trimEnd()).join('\n')}\n`
}
