import { expect, test } from 'vitest'
import { LogBytes } from '../../lib/journal/bytes.ts'
import { Logs } from '../../lib/journal/logs.ts'
import { shardOfPartition, Topics } from '../../lib/journal/topics.ts'
import { batchFrom } from '../../lib/log/append.ts'
import type { Topic } from '../../lib/log/topic.ts'
import { readHints } from '../../lib/maintenance/hints.ts'
import { Maintenance } from '../../lib/maintenance/maintain.ts'
import { scheduledPass } from '../../lib/maintenance/scheduled-pass.ts'
import type { Items } from '../../lib/store/items.ts'
import { fullPassKey, hintKey } from '../../lib/store/keys.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { newMeter } from '../../lib/store/meter.ts'
import { batch } from '../support/batches.ts'
import { FixedClock } from '../support/log.ts'

const aMinuteMs = 60_000
const anHourMs = 60 * aMinuteMs

type Stores = { readonly clock: FixedClock; readonly items: Items; readonly objects: ReturnType<typeof memoryObjects> }

const newStores = (): Stores => {
  const clock = new FixedClock()
  return { clock, items: memoryItems(), objects: memoryObjects(() => clock.now()) }
}

/** An instance whose writers leave hints, and that is called by a schedule; `disturbed` are its items. */
const wadi = ({ clock, items: sound, objects }: Stores, disturbed: (items: Items) => Items = (items) => items) => {
  const meter = newMeter()
  const items = meter.items(disturbed(sound))
  const topics = new Topics(items, clock)
  const errors: unknown[] = []
  const logs: Logs = new Logs({
    items,
    objects: meter.objects(objects),
    clock,
    instance: 'one',
    relieve: (lane, state) => maintenance.relieve(lane, state),
  })
  const onError = (_: string, error: unknown) => errors.push(error)
  const bytes = new LogBytes(meter.objects(objects))
  const context = { topics, logs, bytes, items, objects: meter.objects(objects), clock, onError, leavesHints: true }
  const maintenance: Maintenance = new Maintenance(context)
  let fullPasses = 0
  const before: string[] = []
  let stop: string | undefined
  const beforeFullPass = async ({ after, untilMs }: { readonly after: string; readonly untilMs: number }) => {
    if (after === '') fullPasses += 1
    before.push(`behind "${after}" for ${untilMs - clock.now()} ms`)
    return stop
  }
  const stopAfter = (place: string | undefined) => {
    stop = place
  }
  const run = (remainingMs = anHourMs) => scheduledPass({ ...context, maintenance, beforeFullPass }, { remainingMs })
  const create = async (name: string): Promise<Topic> =>
    (await topics.create({ name, partitions: 1, shards: 1, configs: {} })).topic
  const append = (topic: Topic) =>
    logs
      .lane(shardOfPartition(topic, 0))
      .append({ batches: [batchFrom(0, batch())], leaderEpoch: undefined }, clock.now() + 10_000)
  const hints = async () => (await readHints(sound)).shards
  const tailBytes = async (topic: Topic) => (await logs.lane(shardOfPartition(topic, 0)).state('confirmed')).tailBytes
  return {
    run,
    create,
    append,
    hints,
    tailBytes,
    topics,
    errors,
    counts: meter.counts,
    fullPasses: () => fullPasses,
    before,
    stopAfter,
  }
}

test('of many appends only the one that begins a tail leaves a hint', async () => {
  const stores = newStores()
  const { create, append, hints, counts, run } = wadi(stores)
  const topic = await create('orders')
  const putsBefore = counts().puts
  for (let i = 0; i < 10; i++) await append(topic)
  expect(await hints()).toEqual([{ topicId: topic.id, index: 0 }])
  expect(counts().puts - putsBefore).toBe(10 + 1)
  stores.clock.move(2 * aMinuteMs)
  expect(await run()).toMatchObject({ flushes: 1 })
  const putsAfter = counts().puts
  for (let i = 0; i < 10; i++) await append(topic)
  expect(counts().puts - putsAfter).toBe(10 + 1)
})

test('a hint goes when there is no tail any more, not while it waits to be old enough', async () => {
  const stores = newStores()
  const { create, append, hints, run } = wadi(stores)
  const topic = await create('orders')
  await run()
  await append(topic)
  expect(await run()).toMatchObject({ shards: 1, flushes: 0 })
  expect(await hints()).toHaveLength(1)
  stores.clock.move(2 * aMinuteMs)
  expect(await run()).toMatchObject({ shards: 1, flushes: 1 })
  expect(await hints()).toEqual([])
  expect(await run()).toMatchObject({ shards: 0 })
})

test('with nothing to do a pass is one query, however many topics there are', async () => {
  const stores = newStores()
  const { create, run, counts } = wadi(stores)
  for (let i = 0; i < 20; i++) await create(`topic-${i}`)
  await run()
  stores.clock.move(aMinuteMs)
  const before = counts()
  await run()
  expect(counts()).toEqual({
    ...before,
    queries: before.queries + 1,
    readUnits: before.readUnits + 1,
    itemBytesRead: expect.any(Number),
  })
})

test('a tail that no hint tells of is flushed within an hour', async () => {
  const stores = newStores()
  const { create, append, run, tailBytes, fullPasses } = wadi(stores)
  const topic = await create('orders')
  await run()
  await append(topic)
  await stores.items.delete(hintKey(shardOfPartition(topic, 0)))
  stores.clock.move(10 * aMinuteMs)
  await run()
  expect(await tailBytes(topic)).toBeGreaterThan(0)
  stores.clock.move(anHourMs)
  await run()
  expect(await tailBytes(topic)).toBe(0)
  expect(fullPasses()).toBe(2)
})

test('a tail that begins while its hint is deleted has a hint afterwards', async () => {
  const stores = newStores()
  const other = wadi(stores)
  const topic = await other.create('orders')
  // Somebody appends between the view that shows no tail and the delete, and his hint is the one that goes.
  const appendsBeforeDelete = (items: Items): Items => ({
    ...items,
    delete: async (key) => {
      if (key.sort === hintKey(shardOfPartition(topic, 0)).sort) await other.append(topic)
      await items.delete(key)
    },
  })
  const { run, append, hints } = wadi(stores, appendsBeforeDelete)
  await append(topic)
  stores.clock.move(2 * aMinuteMs)
  expect(await run()).toMatchObject({ flushes: 1 })
  expect(await other.tailBytes(topic)).toBeGreaterThan(0)
  expect(await hints()).toHaveLength(1)
})

test('a hint of a topic that is gone goes', async () => {
  const stores = newStores()
  const { create, append, run, hints, topics, errors } = wadi(stores)
  const topic = await create('orders')
  await run()
  await append(topic)
  await topics.delete(topic)
  await run()
  expect(await hints()).toEqual([])
  expect(errors).toEqual([])
})

test('an append is answered even when hints cannot be stored', async () => {
  const stores = newStores()
  const refusing = (items: Items): Items => ({
    ...items,
    putIfAbsent: async (key, item) => {
      if (key.partition === 'W') throw new Error('access is denied')
      return items.putIfAbsent(key, item)
    },
  })
  const { create, append, errors } = wadi(stores, refusing)
  expect((await append(await create('orders'))).outcome).toBe('decided')
  expect(errors).toHaveLength(1)
})

test('a pass over all shards that has no time left goes on with the next call, where it stopped', async () => {
  const stores = newStores()
  let topicsSeen: string[] = []
  const spy = (items: Items): Items => ({
    ...items,
    query: async (partition, options) => {
      if (partition.startsWith('J#')) {
        topicsSeen.push(partition)
        stores.clock.move(1000)
      }
      return items.query(partition, options)
    },
  })
  const { create, append, run, fullPasses } = wadi(stores, spy)
  const topics = []
  for (let i = 0; i < 9; i++) topics.push(await create(`topic-${i}`))
  const done: string[] = []
  let calls = 0
  for (; calls < 20; calls++) {
    topicsSeen = []
    const { shardsLeft } = await run(3500)
    done.push(...new Set(topicsSeen))
    if (shardsLeft === 0) break
  }
  expect(calls).toBeGreaterThan(1)
  expect(done.toSorted()).toEqual(topics.map(({ id }) => `J#${id}#0`).toSorted())
  expect(fullPasses()).toBe(1)
  await append(topics[0] ?? (await create('another')))
  topicsSeen = []
  expect(await run()).toMatchObject({ shards: 1, shardsLeft: 0 })
})

test('what comes before a pass over all shards has half of the time, and goes on with the next call where it stopped', async () => {
  const stores = newStores()
  const { create, run, before, stopAfter, fullPasses } = wadi(stores)
  await create('orders')
  stopAfter('g5')
  expect(await run(10_000)).toMatchObject({ shards: 1, shardsLeft: 0 })
  stopAfter('g9')
  expect(await wadi(stores).run(0)).toMatchObject({ shards: 0 })
  expect(await run(10_000)).toMatchObject({ shards: 0, shardsLeft: 0 })
  stopAfter(undefined)
  await run(8000)
  await run(8000)
  expect(before).toEqual(['behind "" for 5000 ms', 'behind "g5" for 5000 ms', 'behind "g9" for 4000 ms'])
  stores.clock.move(anHourMs)
  expect(await run(8000)).toMatchObject({ shards: 1 })
  expect(fullPasses()).toBe(2)
})

test('two calls at once: one does the pass over all shards, the other leaves it to it', async () => {
  const stores = newStores()
  const [one, two] = [wadi(stores), wadi(stores)]
  for (let i = 0; i < 5; i++) await one.create(`topic-${i}`)
  const passes = await Promise.all([one.run(), two.run()])
  expect(passes.map(({ shards }) => shards).toSorted()).toEqual([0, 5])
  expect((await stores.items.get(fullPassKey, { consistent: true }))?.body.toString()).toContain('"isDone":true')
})
