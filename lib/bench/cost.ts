import { readFileSync } from 'node:fs'
import { storeBill, totalOf } from '../store/price.ts'

/** What a server has used since it started: CPU time, and by name every counter it keeps. */
export type Spent = { readonly cpuMs: number | undefined; readonly counters: ReadonlyMap<string, number> }

/** `httpPort` is of a server that counts its store calls; Apache Kafka has none. */
export const spentBy = async (pid: number, httpPort?: number): Promise<Spent> => ({
  cpuMs: cpuMsOf(pid),
  counters: httpPort === undefined ? new Map() : await countersAt(httpPort),
})

/** What was used from one moment to another. */
export const spentBetween = (before: Spent, after: Spent): Spent => ({
  cpuMs: before.cpuMs === undefined || after.cpuMs === undefined ? undefined : after.cpuMs - before.cpuMs,
  counters: new Map([...after.counters].map(([name, count]) => [name, count - (before.counters.get(name) ?? 0)])),
})

/** What so many store calls cost in AWS, in USD; undefined of a server that counts none. */
export const usdOf = (counters: Spent['counters']): number | undefined =>
  counters.size === 0 ? undefined : totalOf(storeBill(Object.fromEntries(counters)))

/** Linux counts in ticks of 10 ms (proc(5), `stat`, fields 14 and 15); undefined where there is no /proc. */
const cpuMsOf = (pid: number): number | undefined => {
  if (process.platform !== 'linux') return undefined
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is the command in parentheses and may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * msPerTick
}

const msPerTick = 10

const countersAt = async (httpPort: number): Promise<ReadonlyMap<string, number>> => {
  const answer = await fetch(`http://127.0.0.1:${httpPort}/v1/usage`)
  if (!answer.ok) throw new Error(`GET /v1/usage answered ${answer.status}`)
  return new Map(numbersIn(await answer.json(), ''))
}

/** The numbers of a JSON value by their path: `items.query`. */
const numbersIn = (value: unknown, path: string): readonly (readonly [string, number])[] => {
  if (typeof value === 'number') return [[path, value]]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => numbersIn(inner, path === '' ? name : `${path}.${name}`))
}
