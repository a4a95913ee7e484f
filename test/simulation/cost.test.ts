import { expect, test } from 'vitest'
import { LogBytes } from '../../lib/journal/bytes.ts'
import type { Clock } from '../../lib/journal/clock.ts'
import { defaultRules } from '../../lib/journal/journal.ts'
import { Logs } from '../../lib/journal/logs.ts'
import { isOutage } from '../../lib/journal/outage.ts'
import { fetchRecords } from '../../lib/journal/read.ts'
import { shardOfPartition, Topics } from '../../lib/journal/topics.ts'
import { batchFrom } from '../../lib/log/append.ts'
import type { Topic } from '../../lib/log/topic.ts'
import { readHints } from '../../lib/maintenance/hints.ts'
import { Maintenance } from '../../lib/maintenance/maintain.ts'
import { scheduledPass } from '../../lib/maintenance/scheduled-pass.ts'
import { type FaultSource, faultyItems, faultyObjects } from '../../lib/store/faults.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { newMeter } from '../../lib/store/meter.ts'
import { storeBill, totalOf } from '../../lib/store/price.ts'
import { batch } from '../support/batches.ts'
import { chargedItems, chargedObjects, newCharged, usdOf } from './bill.ts'
import { Process } from './process.ts'
import { Random } from './random.ts'
import { Schedule } from './schedule.ts'
import { type Climate, calm, faultOf, latencyOf } from './weather.ts'
import { type WireOptions, wiredItems, wiredObjects } from './wire.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const batchBytes = [10, 300, 3000, 9000, 60_000] as const

/** Writers, a reader and two schedules, each a process of its own, over stores that are far away and lose answers. */
const newCluster = (seed: number, climate: Climate) => {
  const random = new Random(seed)
  const schedule = new Schedule(Date.UTC(2026, 0, 1))
  const charged = newCharged()
  const meter = newMeter()
  const stored = { items: memoryItems(), objects: memoryObjects(() => schedule.nowMs) }
  const weather = { now: calm }
  const source: FaultSource = {
    decide: (call) => faultOf(call, weather.now, random, () => {}),
    sleep: (ms) => schedule.sleep(ms),
  }
  const far = {
    items: faultyItems(chargedItems(stored.items, charged), source),
    objects: faultyObjects(chargedObjects(stored.objects, charged), source),
  }
  const newMachine = (name: string) => {
    const process = new Process(schedule)
    const clock: Clock = {
      now: () => Math.floor(schedule.nowMs),
      sleep: (ms) => process.sleep(ms),
      random: () => random.next(),
      randomId: () => random.id(),
    }
    const wire: WireOptions = {
      process,
      stumble: () => {},
      after: (ms, run) => schedule.after(ms, run),
      latencyMs: (call) => latencyOf(call, random) / 2,
      patienceMs: () => random.spread(20, 3000),
      pageSize: 1000,
      onSent: () => {},
      onAnswered: () => {},
    }
    const items = meter.items(wiredItems(far.items, wire))
    const objects = meter.objects(wiredObjects(far.objects, wire))
    const topics = new Topics(items, clock)
    const bytes = new LogBytes(objects)
    const relieve: Maintenance['relieve'] = (lane, state) => maintenance.relieve(lane, state)
    const logs: Logs = new Logs({ items, objects, clock, instance: name, rules: defaultRules, relieve })
    const onError = (): void => {}
    const upkeep = { topics, logs, bytes, items, objects, clock, leavesHints: true, onError }
    const maintenance: Maintenance = new Maintenance(upkeep)
    const pass = () =>
      scheduledPass({ ...upkeep, maintenance, beforeFullPass: async () => {} }, { remainingMs: 4 * minuteMs })
    return { name, process, clock, topics, logs, bytes, pass }
  }
  type Machine = ReturnType<typeof newMachine>
  let isOver = false
  const repeat = (everyMs: number, work: () => Promise<unknown>): void => {
    const again = (): void => {
      if (isOver) return
      const next = (): void => schedule.after(random.between(0.5, 1.5) * everyMs, again)
      work().then(next, (error) => {
        if (!isOutage(error)) throw error
        next()
      })
    }
    schedule.after(random.between(0, everyMs), again)
  }
  const append = ({ logs, clock }: Machine, topic: Topic) => {
    const bytes = batch({ records: 1 + random.int(5), value: 'x'.repeat(random.pick(batchBytes)) })
    const request = { batches: [batchFrom(0, bytes)], leaderEpoch: undefined }
    return logs.lane(shardOfPartition(topic, 0)).append(request, clock.now() + 30_000)
  }
  const read = async ({ logs, bytes }: Machine, topic: Topic) => {
    const lane = logs.lane(shardOfPartition(topic, 0))
    const end = (await lane.state('known')).partitions.get(0)?.endOffset ?? 0n
    const range = { offset: end > 20n ? end - 20n : 0n, maxBytes: 200_000, atLeastOne: true }
    await fetchRecords(lane, bytes, 0, range)
  }
  /** Time goes on until it is done. */
  const settled = async <Value>(work: Promise<Value>): Promise<Value> => {
    let isDone = false
    const finish = work.finally(() => {
      isDone = true
    })
    while (!isDone) await schedule.run(schedule.nowMs + 1000)
    return finish
  }
  const run = async (lastsMs: number): Promise<readonly Topic[]> => {
    const admin = newMachine('admin')
    const topics: Topic[] = []
    for (let i = 0; i < 4; i++) {
      const creation = admin.topics.create({ name: `topic-${i}`, partitions: 1, shards: 1, configs: {} })
      topics.push((await settled(creation)).topic)
    }
    weather.now = climate
    const writers = [newMachine('w1'), newMachine('w2')]
    const reader = newMachine('r')
    for (const [i, topic] of topics.entries()) {
      for (const writer of writers) repeat(1000 * 10 ** (i / 2), () => append(writer, topic))
      repeat(3000, () => read(reader, topic))
    }
    for (const name of ['s1', 's2']) {
      const scheduled = newMachine(name)
      repeat(minuteMs, () => scheduled.pass())
    }
    await schedule.run(schedule.nowMs + lastsMs)
    isOver = true
    weather.now = calm
    await schedule.run(schedule.nowMs + 10 * minuteMs)
    return topics
  }
  return { run, settled, newMachine, schedule, meter, charged, stored }
}

const someFaults: Climate = {
  ...calm,
  faults: 0.02,
  rowFaults: 0.02,
  late: 0.2,
  longestLateMs: 60_000,
  slow: 0.2,
  stale: 0.3,
}

test.each([1, 2])(
  'what is counted is within 5 % of what the services charge, also when answers are lost: seed %i',
  async (seed) => {
    const { run, meter, charged } = newCluster(seed, someFaults)
    await run(15 * minuteMs)
    const counts = meter.counts()
    expect(charged.writeUnits).toBeGreaterThan(2000)
    const pairs = [
      [counts.writeUnits, charged.writeUnits],
      [counts.readUnits, charged.readUnits],
      [counts.objectPuts + counts.objectLists, charged.puts],
      [counts.objectReads, charged.gets],
      [totalOf(storeBill(counts)), usdOf(charged)],
    ] as const
    for (const [counted, true_] of pairs) expect(Math.abs(counted / true_ - 1)).toBeLessThan(0.05)
  },
)

test('without faults it is exactly that', async () => {
  const { run, meter, charged } = newCluster(4, calm)
  await run(5 * minuteMs)
  expect(meter.counts()).toMatchObject({ readUnits: charged.readUnits, objectReads: charged.gets })
  expect(totalOf(storeBill(meter.counts()))).toBeCloseTo(usdOf(charged), 6)
})

test.each([11, 12])(
  'whatever became of hints, two hours later every tail is flushed and no hint is left: seed %i',
  async (seed) => {
    const { run, settled, newMachine, schedule, stored } = newCluster(seed, {
      ...someFaults,
      faults: 0.15,
      rowFaults: 0.15,
    })
    const topics = await run(10 * minuteMs)
    for (let i = 0; i < 3; i++) {
      await schedule.run(schedule.nowMs + hourMs)
      await settled(newMachine(`late ${i}`).pass())
    }
    const { logs } = newMachine('observer')
    for (const topic of topics) {
      expect((await settled(logs.lane(shardOfPartition(topic, 0)).state('confirmed'))).tailBytes).toBe(0)
    }
    expect((await readHints(stored.items)).shards).toEqual([])
  },
)
