import type { LogEvent, LoggedRecord } from './history.ts'

export type TruePartition = {
  /** By offset; what was trimmed stays here. */
  readonly records: LoggedRecord[]
  /** Offset and place in the order of everything, for each append and trim. */
  readonly ends: { readonly order: number; readonly at: number }[]
  readonly starts: { readonly order: number; readonly at: number }[]
}

/** The log as its rows say it is, at every moment: what everybody's answers are compared with. */
export class TrueLog {
  readonly partitions = new Map<string, TruePartition>()

  constructor(events: readonly LogEvent[] = []) {
    for (const event of events) this.add(event)
  }

  add(event: LogEvent): void {
    const partition = this.partition(event.partition)
    if (event.event === 'trimmed') {
      partition.starts.push({ order: event.order, at: event.logStart })
      return
    }
    for (const [i, record] of event.records.entries()) partition.records[event.baseOffset + i] ??= record
    partition.ends.push({ order: event.order, at: event.baseOffset + event.records.length })
  }

  partition(name: string): TruePartition {
    const known = this.partitions.get(name)
    if (known) return known
    const empty: TruePartition = { records: [], ends: [], starts: [] }
    this.partitions.set(name, empty)
    return empty
  }

  endAt(name: string, order: number): number {
    return lastBefore(this.partition(name).ends, order)
  }

  startAt(name: string, order: number): number {
    return lastBefore(this.partition(name).starts, order)
  }
}

const lastBefore = (steps: readonly { readonly order: number; readonly at: number }[], order: number): number => {
  let low = 0
  let high = steps.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((steps[middle]?.order ?? 0) <= order) low = middle + 1
    else high = middle
  }
  return steps[low - 1]?.at ?? 0
}
