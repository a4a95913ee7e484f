import { type CallCounts, newCallMeter } from './call-meter.ts'
import type { StoreCounts } from './meter.ts'

/**
 * What AWS asks in us-east-1, in USD, without free tiers; list prices of 2025–26. Those marked A are assumed: look them
 * up before a decision hangs on one of them.
 */
const price = {
  /** One call, and one GB of memory for one second, on arm64; calls are timed per started ms. */
  lambdaRequest: 0.2e-6,
  lambdaGbSecond: 0.0000133334,
  /** A GB that is streamed beyond the first 6 MB of an answer. A. */
  lambdaStreamedGb: 0.008,
  /** A call per started 512 KB of request and answer. */
  httpApiRequest: 1e-6,
  restApiRequest: 3.5e-6,
  functionUrlRequest: 0,
  /** A put or a list. Deletes cost nothing. */
  s3Put: 5e-6,
  s3Get: 0.4e-6,
  s3Delete: 0,
  s3GbMonth: 0.023,
  /** A write per started KB, on demand. */
  dynamoWriteUnit: 0.625e-6,
  /** A consistent read per started 4 KB; half of it where a read may be stale. */
  dynamoReadUnit: 0.125e-6,
  dynamoGbMonth: 0.25,
  /** Point-in-time recovery of the table. A. */
  dynamoBackupGbMonth: 0.2,
  /** A rule of EventBridge that calls on a schedule. */
  ruleCall: 0,
  /** A GB written to CloudWatch Logs. A. */
  logGb: 0.5,
  /** Of CloudWatch, beyond the ten alarms and three dashboards of an account that are free. */
  alarmMonth: 0.1,
  dashboardMonth: 3,
} as const

/** Where the prices are from, for whoever prints them. */
export const pricesFrom =
  'List prices of us-east-1, 2025–26; the million calls and 400,000 GB-seconds a month that are free are not taken off'

/** What is kept costs by the GB and month, in USD; a table that is kept has point-in-time recovery. */
export const storageGbMonth = {
  objects: price.s3GbMonth,
  items: price.dynamoGbMonth,
  itemBackup: price.dynamoBackupGbMonth,
} as const

/** What watches a stack that is deployed with monitoring, whatever flows. */
const watching = { alarms: 7, dashboards: 1 } as const

/** What that costs in a month, in USD. */
export const monitoringMonth = {
  ...watching,
  usd: watching.alarms * price.alarmMonth + watching.dashboards * price.dashboardMonth,
} as const

/** AWS charges for 730 hours a month. */
export const monthMs = 730 * 3_600_000

const bytesPerGb = 1e9

/** USD by what is paid for. */
export type Bill = Readonly<
  Record<'writeUnits' | 'readUnits' | 'objectPuts' | 'objectReads' | 'functions' | 'api' | 'logs', number>
>

const nothing: Bill = { writeUnits: 0, readUnits: 0, objectPuts: 0, objectReads: 0, functions: 0, api: 0, logs: 0 }

/** What calls of the stores cost, of those that are counted. Storage is not in it. */
export const storeBill = ({
  writeUnits = 0,
  readUnits = 0,
  objectPuts = 0,
  objectLists = 0,
  objectReads = 0,
}: Partial<StoreCounts>): Bill => ({
  ...nothing,
  writeUnits: writeUnits * price.dynamoWriteUnit,
  readUnits: readUnits * price.dynamoReadUnit,
  objectPuts: (objectPuts + objectLists) * price.s3Put,
  objectReads: objectReads * price.s3Get,
})

/** What calls of functions and of the API before them cost. */
export const callBill = (counts: CallCounts): Bill => ({
  ...nothing,
  functions:
    counts.functionCalls * price.lambdaRequest +
    counts.functionGbSeconds * price.lambdaGbSecond +
    (counts.streamedBytes / bytesPerGb) * price.lambdaStreamedGb,
  api: counts.httpApiUnits * price.httpApiRequest + counts.restApiUnits * price.restApiRequest,
  logs: (counts.logBytes / bytesPerGb) * price.logGb,
})

export const addBills = (a: Bill, b: Bill): Bill => ({
  writeUnits: a.writeUnits + b.writeUnits,
  readUnits: a.readUnits + b.readUnits,
  objectPuts: a.objectPuts + b.objectPuts,
  objectReads: a.objectReads + b.objectReads,
  functions: a.functions + b.functions,
  api: a.api + b.api,
  logs: a.logs + b.logs,
})

/** A bill of so many times as much. */
export const scaleBill = (bill: Bill, times: number): Bill => ({
  writeUnits: bill.writeUnits * times,
  readUnits: bill.readUnits * times,
  objectPuts: bill.objectPuts * times,
  objectReads: bill.objectReads * times,
  functions: bill.functions * times,
  api: bill.api * times,
  logs: bill.logs * times,
})

export const totalOf = (bill: Bill): number => Object.values(bill).reduce((sum, usd) => sum + usd, 0)

/** What one call of a function costs, in USD, with its store calls and without the API before it. */
export const requestUsd = (
  stores: Partial<StoreCounts>,
  { ms, memoryMb }: { readonly ms: number; readonly memoryMb: number },
): number => {
  const call = newCallMeter()
  call.called({ ms, memoryMb, door: 'none' })
  return totalOf(addBills(storeBill(stores), callBill(call.counts())))
}
