import type { StoreCounts } from '../store/meter.ts'
import { monitoringMonth, pricesFrom, storageGbMonth, storeBill } from '../store/price.ts'
import { command } from './command.ts'
import { type CostReport, costTable, priced, usageTable } from './cost-report.ts'
import { CommandError, exits, UsageError } from './failures.ts'
import { envelope, formatFrom } from './output.ts'

/** `wadi cost`: what is counted, times what AWS asks for it. */
export const cost = command({
  name: 'cost',
  summary: 'What records cost in AWS, and what it costs when there are none',
  about: `Runs Wadi's own code over stores in memory that count what they are asked, and multiplies by list prices: for a
million records, for a GiB and for a month in which nothing happens. Nothing is sent to AWS.`,
  arguments: [],
  flags: {
    usage: {
      kind: 'text',
      value: 'url',
      says: 'price what a running server has counted: http://127.0.0.1:8080/v1/usage',
    },
    'memory-mb': { kind: 'text', value: 'MB', otherwise: '512', says: 'of each function' },
    'idle-ms': {
      kind: 'text',
      value: 'ms',
      otherwise: '30',
      says: 'what a pass of maintenance with nothing to do takes',
    },
    topics: { kind: 'text', value: 'number', otherwise: '10', says: 'in the month in which nothing happens' },
    output: { kind: 'text', short: 'o', value: 'table|json', says: 'a terminal gets a table, a pipe JSON' },
  },
  examples: [
    { line: 'wadi cost --topics 100', says: 'a hundred topics in which nothing happens' },
    { line: 'wadi cost --usage http://127.0.0.1:8080/v1/usage', says: 'what a running server has used' },
  ],
  run: async ({ flags }, { out }) => {
    const output = formatFrom(flags.output, out, ['table', 'json'])
    const print = <Data>(data: Data, table: (data: Data) => string): number => {
      out.write(output === 'json' ? envelope('cost', data) : table(data))
      return exits.ok
    }
    if (flags.usage !== undefined) {
      const counts = await usageAt(flags.usage)
      return print(priced(counts, storeBill(counts)), usageTable)
    }
    const whole = (name: 'memory-mb' | 'idle-ms' | 'topics', otherwise: number): number => {
      const given = flags[name] ?? String(otherwise)
      if (/^[1-9]\d{0,5}$/.test(given)) return Number(given)
      throw new UsageError(`--${name} is "${given}": it must be a whole number from 1 to 999999`)
    }
    const options = { memoryMb: whole('memory-mb', 512), topics: whole('topics', 10), functionMs: whole('idle-ms', 30) }
    return print(await costReport(options), costTable)
  },
})

type CostOptions = { readonly memoryMb: number; readonly topics: number; readonly functionMs: number }

const costReport = async (options: CostOptions): Promise<CostReport> => {
  const { runIdle, runShape, scaledRun, shapes } = await import('./cost-shapes.ts')
  const { memoryMb, topics, functionMs } = options
  const ran = []
  for (const shape of shapes) {
    const run = await runShape(shape, memoryMb)
    const per = (times: number) => {
      const { counts, bill } = scaledRun(run, times)
      return priced(counts, bill)
    }
    const perMillionRecords = per(1e6 / run.records)
    const perGiB = per(2 ** 30 / (run.records * shape.recordBytes))
    ran.push({ name: shape.name, recordBytes: shape.recordBytes, perMillionRecords, perGiB })
  }
  const { counts, bill } = await runIdle(options)
  const idleMonth = { ...priced(counts, bill), topics, functionMs }
  return { prices: pricesFrom, memoryMb, shapes: ran, idleMonth, monitoringMonth, storageGbMonth }
}

/** The counters of a server, by the names of `StoreCounts`. Throws `CommandError`. */
const usageAt = async (url: string): Promise<Partial<StoreCounts>> => {
  if (!URL.canParse(url))
    throw new UsageError(`--usage is "${url}": it must be a URL, as http://127.0.0.1:8080/v1/usage`)
  try {
    const answer = await fetch(url)
    if (!answer.ok) throw new Error(`it answered ${answer.status}`)
    const counts: unknown = await answer.json()
    if (typeof counts !== 'object' || counts === null) throw new Error('it answered no counts')
    return Object.fromEntries(Object.entries(counts).filter(([, count]) => typeof count === 'number'))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new CommandError(`there is no usage at ${url}: ${why}`, exits.error)
  }
}
