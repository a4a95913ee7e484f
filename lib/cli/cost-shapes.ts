import { fetchRecords } from '../journal/read.ts'
import { shardOfPartition } from '../journal/topics.ts'
import { batchFrom } from '../log/append.ts'
import type { Topic } from '../log/topic.ts'
import { buildBatch, type NewRecord } from '../protocol/build-batch.ts'
import { type CallCounts, type FunctionCall, newCallMeter } from '../store/call-meter.ts'
import { addBills, type Bill, callBill, monthMs, scaleBill, storeBill } from '../store/price.ts'
import { type CostWorld, type Machine, newCostWorld } from './cost-world.ts'

/** How one producer writes to a topic that one consumer reads at its end. */
export type Shape = {
  readonly name: string
  /** Functions behind a door, or a gateway that talks to the stores itself and is paid for by the hour, not here. */
  readonly through: 'url' | 'http' | 'gateway'
  readonly recordBytes: number
  readonly recordsPerBatch: number
  /** From one batch to the next: the producer's `linger.ms`, or the gateway's. */
  readonly everyMs: number
  /** How often the consumer asks. A gateway looks for it, functions are asked. */
  readonly pollEveryMs: number
  /** How long the functions run. Assumed: measure it. */
  readonly produceMs: number
  readonly fetchMs: number
}

export const shapes: readonly Shape[] = [
  {
    name: 'functions, one record per call',
    through: 'url',
    recordBytes: 200,
    recordsPerBatch: 1,
    everyMs: 1000,
    pollEveryMs: 1000,
    produceMs: 25,
    fetchMs: 15,
  },
  {
    name: 'functions, 250 ms of records per call',
    through: 'url',
    recordBytes: 1000,
    recordsPerBatch: 100,
    everyMs: 250,
    pollEveryMs: 1000,
    produceMs: 60,
    fetchMs: 40,
  },
  {
    name: 'functions, 1 s of records per call',
    through: 'url',
    recordBytes: 1000,
    recordsPerBatch: 400,
    everyMs: 1000,
    pollEveryMs: 1000,
    produceMs: 60,
    fetchMs: 40,
  },
  {
    name: 'gateway, 250 ms of records per row',
    through: 'gateway',
    recordBytes: 1000,
    recordsPerBatch: 100,
    everyMs: 250,
    pollEveryMs: 200,
    produceMs: 0,
    fetchMs: 0,
  },
]

/** What was counted, for so many records. */
export type Run = {
  readonly records: number
  readonly recordBytes: number
  readonly counts: Counts
  readonly bill: Bill
}

export type Counts = ReturnType<CostWorld['counts']> & CallCounts

/** Long enough for several flushes and a merge. */
const runMs = 20 * 60_000
/** In this time everything goes that the records leave to do: rows that become old, and objects that nothing names. */
const settleMs = 6 * 3_600_000
const hourMs = 3_600_000
const scheduleEveryMs = 60_000
/** The passes that nothing waits for. Assumed: measure it. */
const maintenanceMs = 30
/** What a function writes to the log for one request; the platform writes nothing, see `lib/infra/handlers.ts`. */
const lineBytes = 400
/** The same for a pass that found nothing to do. */
const idleLineBytes = 200
/** A request and an answer around the records. */
const frameBytes = 150
const fetchMaxBytes = 4_000_000

/** Runs Wadi's own code through twenty minutes of this, in no time. */
export const runShape = async (shape: Shape, memoryMb: number): Promise<Run> => {
  const world = newCostWorld()
  const calls = newCallMeter()
  const [producer, upkeep] = [world.newMachine(), world.newMachine()]
  const consumer = shape.through === 'gateway' ? producer : world.newMachine()
  const door = shape.through === 'gateway' ? undefined : shape.through
  const call = (of: Pick<FunctionCall, 'ms' | 'requestBytes' | 'replyBytes'>): void => {
    if (door !== undefined) calls.called({ ...of, memoryMb, door, logBytes: lineBytes })
  }
  const { topic } = await producer.topics.create({ name: 'cost', partitions: 1, shards: 1, configs: {} })
  const bytes = batchOf(shape)
  let records = 0
  let offset = 0n
  const produce = async (): Promise<void> => {
    await append(producer, topic, bytes, world.clock.now())
    call({ ms: shape.produceMs, requestBytes: bytes.length + frameBytes, replyBytes: frameBytes })
    records += shape.recordsPerBatch
  }
  const poll = async (): Promise<void> => {
    const read = await readFrom(consumer, offset)
    offset = read.next
    call({ ms: shape.fetchMs, requestBytes: frameBytes, replyBytes: read.sizeBytes + frameBytes })
  }
  const pass = async (): Promise<void> => {
    await upkeep.scheduledPass()
    calls.called({ ms: maintenanceMs, memoryMb, door: 'none', logBytes: lineBytes })
  }
  await inTurn(world, runMs, [
    { everyMs: shape.everyMs, run: produce },
    { everyMs: shape.pollEveryMs, run: poll },
    { everyMs: scheduleEveryMs, run: pass },
  ])
  await inTurn(world, settleMs, [{ everyMs: hourMs, run: pass }])
  const counts = { ...world.counts(), ...calls.counts() }
  return { records, recordBytes: shape.recordBytes, counts, bill: billOf(counts) }
}

/** A month of a cluster that nobody talks to, from a day of its schedule. */
export type Idle = { readonly counts: Counts; readonly bill: Bill }

/** `functionMs`: how long an idle pass takes; it waits for one query. */
export const runIdle = async (options: {
  readonly topics: number
  readonly memoryMb: number
  readonly functionMs: number
}): Promise<Idle> => {
  const { topics, memoryMb, functionMs } = options
  const world = newCostWorld()
  const [producer, upkeep] = [world.newMachine(), world.newMachine()]
  const bytes = batchOf({ recordBytes: 1000, recordsPerBatch: 100 })
  for (let i = 0; i < topics; i++) {
    const { topic } = await producer.topics.create({ name: `topic-${i}`, partitions: 1, shards: 1, configs: {} })
    for (let batches = 0; batches < batchesBeforeIdle; batches++) {
      await append(producer, topic, bytes, world.clock.now())
    }
  }
  const pass = async (): Promise<void> => {
    await upkeep.scheduledPass()
  }
  // What the records leave to do is not part of being idle.
  await inTurn(world, settleMs, [{ everyMs: scheduleEveryMs, run: pass }])
  const before = world.counts()
  const calls = newCallMeter()
  await inTurn(world, dayMs, [
    {
      everyMs: scheduleEveryMs,
      run: async () => {
        await pass()
        calls.called({ ms: functionMs, memoryMb, door: 'none', logBytes: idleLineBytes })
      },
    },
  ])
  const perMonth = monthMs / dayMs
  const counts = scaled({ ...difference(world.counts(), before), ...calls.counts() }, perMonth)
  return { counts, bill: billOf(counts) }
}

const batchesBeforeIdle = 20
const dayMs = 24 * hourMs

const billOf = (counts: Counts): Bill => addBills(storeBill(counts), callBill(counts))

/** The same for another number of records, or bytes, or months. */
const scaled = (counts: Counts, times: number): Counts => mapped(counts, (count) => count * times)

export const scaledRun = ({ counts, bill }: Run, times: number) => ({
  counts: scaled(counts, times),
  bill: scaleBill(bill, times),
})

const difference = (after: StoreCountsOf, before: StoreCountsOf): StoreCountsOf =>
  mapped(after, (count, name) => count - before[name])

type StoreCountsOf = ReturnType<CostWorld['counts']>

/** Every count changed in the same way. Reason for `as`: the keys of an object are those of its type here. */
const mapped = <T extends Readonly<Record<string, number>>>(
  counts: T,
  change: (count: number, name: keyof T) => number,
) => Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, change(count, name)])) as T

const append = async (machine: Machine, topic: Topic, bytes: Buffer, nowMs: number): Promise<void> => {
  const found = (await machine.topics.find(topic.name)) ?? topic
  const request = { batches: [batchFrom(0, bytes)], leaderEpoch: undefined }
  const answer = await machine.logs.lane(shardOfPartition(found, 0)).append(request, nowMs + appendMs)
  if (answer.outcome === 'unknown') throw new Error('the store in memory did not answer')
}

const appendMs = 30_000

const readFrom = async ({ topics, logs, bytes }: Machine, offset: bigint) => {
  const topic = await topics.find('cost')
  if (topic === undefined) throw new Error('the topic is gone')
  const lane = logs.lane(shardOfPartition(topic, 0))
  const range = { offset, maxBytes: fetchMaxBytes, atLeastOne: true }
  const fetched = await fetchRecords(lane, bytes, 0, range)
  if (fetched.outcome !== 'fetched') throw new Error('what was written is out of range')
  const sizeBytes = fetched.records.reduce((sum, { length }) => sum + length, 0)
  return { sizeBytes, next: sizeBytes === 0 ? offset : fetched.highWatermark }
}

const batchOf = ({ recordBytes, recordsPerBatch }: Pick<Shape, 'recordBytes' | 'recordsPerBatch'>): Buffer => {
  const record: NewRecord = { key: null, value: Buffer.alloc(recordBytes, 'x'), timestamp: -1n }
  return buildBatch({ records: [record, ...Array.from({ length: recordsPerBatch - 1 }, () => record)] })
}

type Repeated = { readonly everyMs: number; readonly run: () => Promise<void> }

/** Does each of these as often as it says, one after the other, for so long. */
const inTurn = async ({ clock }: CostWorld, lastsMs: number, all: readonly Repeated[]): Promise<void> => {
  const startMs = clock.now()
  const dueMs = all.map(({ everyMs }) => startMs + everyMs)
  for (;;) {
    const nextMs = Math.min(...dueMs)
    if (nextMs > startMs + lastsMs) return
    clock.moveTo(nextMs)
    const i = dueMs.indexOf(nextMs)
    dueMs[i] = nextMs + (all[i]?.everyMs ?? 1)
    await all[i]?.run()
  }
}
