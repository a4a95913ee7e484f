import { LogBytes } from '../../lib/journal/bytes.ts'
import { newCheckpointItem } from '../../lib/journal/checkpoint-item.ts'
import type { Clock } from '../../lib/journal/clock.ts'
import type { Lane } from '../../lib/journal/lane.ts'
import { Logs, type LogsOptions } from '../../lib/journal/logs.ts'
import { fetchRecords } from '../../lib/journal/read.ts'
import { batchFrom } from '../../lib/log/append.ts'
import type { Items } from '../../lib/store/items.ts'
import { checkpointKey, type Shard } from '../../lib/store/keys.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import type { Objects } from '../../lib/store/objects.ts'
import { recordsOf } from './batches.ts'

/** A clock that stands still until it is moved; sleeping moves it. */
export class FixedClock implements Clock {
  #nowMs = 1_700_000_000_000
  #ids = 0

  now(): number {
    return this.#nowMs
  }

  move(ms: number): void {
    this.#nowMs += Math.ceil(ms)
  }

  async sleep(ms: number): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.#nowMs += Math.ceil(ms)
  }

  random(): number {
    return 0.5
  }

  randomId(): string {
    this.#ids += 1
    return String(this.#ids).padStart(16, '0')
  }
}

export const testShard: Shard = { topicId: 'topicAAAAAAAAAAAAAAAAA', index: 0 }

export type TestLog = {
  readonly items: Items
  readonly objects: Objects
  readonly clock: FixedClock
  readonly logs: Logs
  readonly lane: Lane
  readonly bytes: LogBytes
}

/** An instance of Wadi over stores; several over the same stores are several instances. */
export const instance = (
  stores: { readonly items: Items; readonly objects: Objects; readonly clock: FixedClock },
  options: Partial<LogsOptions> = {},
): TestLog => {
  const logs = new Logs({ ...stores, instance: 'one', ...options })
  return { ...stores, logs, lane: logs.lane(testShard), bytes: new LogBytes(stores.objects) }
}

/** A log with nothing in it, over memory stores. */
export const emptyLog = async (options: Partial<LogsOptions> = {}): Promise<TestLog> => {
  const clock = new FixedClock()
  const stores = { items: memoryItems(), objects: memoryObjects(() => clock.now()), clock }
  await stores.items.putIfAbsent(checkpointKey(testShard), newCheckpointItem('created'))
  return instance(stores, options)
}

/** Appends batches to a partition and tells what became of each. */
export const appendBatches = async (log: TestLog, partition: number, ...batches: readonly Buffer[]) => {
  const request = { batches: batches.map((bytes) => batchFrom(partition, bytes)), leaderEpoch: undefined }
  const answer = await log.lane.append(request, log.clock.now() + 30_000)
  if (answer.outcome !== 'decided') throw new Error('the append timed out')
  return answer.verdicts
}

export type ReadRecord = { readonly offset: bigint; readonly timestamp: bigint; readonly value: string | undefined }

/** All records of a partition from an offset on, through as many fetches as it takes. */
export const readAll = async (
  log: TestLog,
  partition: number,
  from = 0n,
  maxBytes = 1000,
): Promise<readonly ReadRecord[]> => {
  const records: ReadRecord[] = []
  for (let offset = from; ; ) {
    const fetched = await fetchRecords(log.lane, log.bytes, partition, { offset, maxBytes, atLeastOne: true })
    if (fetched.outcome !== 'fetched') throw new Error(`${offset} is out of range`)
    const found = recordsOf(Buffer.concat(fetched.records))
      .filter((record) => record.offset >= offset)
      .map(({ offset, timestamp, value }) => ({ offset, timestamp, value: value?.toString() }))
    records.push(...found)
    const last = found.at(-1)
    if (last === undefined) return records
    offset = last.offset + 1n
  }
}
