import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { LogBytes } from '../../lib/journal/bytes.ts'
import { Logs } from '../../lib/journal/logs.ts'
import { shardOfPartition, Topics } from '../../lib/journal/topics.ts'
import { batchFrom } from '../../lib/log/append.ts'
import type { Topic } from '../../lib/log/topic.ts'
import { Maintenance } from '../../lib/maintenance/maintain.ts'
import { type Items, StoreUnavailable } from '../../lib/store/items.ts'
import { checkpointSort, deletionKey, journalPartition, shardPrefix } from '../../lib/store/keys.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import type { Objects } from '../../lib/store/objects.ts'
import { batch } from '../support/batches.ts'
import { FixedClock } from '../support/log.ts'

const anHourMs = 3_600_000

/** Maintenance over stores that `disturb` can make fail, and what it reported. */
const wadi = async (disturb: (items: Items) => Items = (items) => items) => {
  const clock = new FixedClock()
  const sound = memoryItems()
  const items = disturb(sound)
  const stored = memoryObjects(() => clock.now())
  let deletes = 0
  let mostDeletes = 0
  const objects: Objects = {
    ...stored,
    delete: async (key) => {
      deletes += 1
      mostDeletes = Math.max(mostDeletes, deletes)
      await setImmediate()
      await stored.delete(key)
      deletes -= 1
    },
  }
  const topics = new Topics(items, clock)
  const logs = new Logs({ items, objects, clock, instance: 'one' })
  const errors: string[] = []
  const onError = (where: string) => errors.push(where)
  const maintenance = new Maintenance({
    topics,
    logs,
    bytes: new LogBytes(objects),
    items,
    objects,
    clock,
    onError,
  })
  const create = async (name: string): Promise<Topic> => {
    const { topic } = await topics.create({ name, partitions: 1, shards: 1, configs: {} })
    const lane = logs.lane(shardOfPartition(topic, 0))
    await lane.append({ batches: [batchFrom(0, batch())], leaderEpoch: undefined }, clock.now() + 10_000)
    return topic
  }
  const rowsOf = async (topic: Topic): Promise<number> => {
    const options = { after: '', before: checkpointSort, limit: 100, consistent: true }
    return (await sound.query(journalPartition(shardOfPartition(topic, 0)), options)).items.length
  }
  return { clock, sound, objects, topics, maintenance, create, rowsOf, errors, mostDeletes: () => mostDeletes }
}

test('a topic whose journal cannot be read is deleted all the same', async () => {
  const { clock, sound, topics, maintenance, create, rowsOf, errors } = await wadi((items) => ({
    ...items,
    query: async (partition, options) => {
      const page = await items.query(partition, options)
      const isRow = partition.startsWith('J#') && options.after !== ''
      return isRow ? { ...page, items: page.items.map((item) => ({ ...item, body: Buffer.from([1, 0]) })) } : page
    },
  }))
  const topic = await create('broken')
  clock.move(2 * 60_000)
  await topics.delete(topic)
  await maintenance.pass()
  expect(await rowsOf(topic)).toBe(0)
  clock.move(2 * anHourMs)
  expect(await maintenance.pass()).toMatchObject({ topicsDeleted: 1, errors: 0 })
  expect(await sound.get(deletionKey(topic.id), { consistent: true })).toBeUndefined()
  expect(errors).toEqual([])
})

test('a topic that cannot be deleted now stops nothing else, and is tried again', async () => {
  let isOut = true
  const { topics, maintenance, create, rowsOf, errors } = await wadi((items) => ({
    ...items,
    replace: async (key, item, version) => {
      if (isOut && key.sort === checkpointSort) throw new StoreUnavailable('out')
      return items.replace(key, item, version)
    },
  }))
  const deleted = await create('deleted')
  const kept = await create('kept')
  await topics.delete(deleted)
  expect(await maintenance.pass({ flushAll: true })).toMatchObject({ shards: 1, flushes: 1, errors: 1 })
  expect(errors).toEqual(['deleted'])
  isOut = false
  expect(await maintenance.pass()).toMatchObject({ shards: 1, errors: 0 })
  expect(await rowsOf(deleted)).toBe(0)
  expect(await rowsOf(kept)).toBeGreaterThan(0)
})

test('a journal whose floor somebody else was first to change is emptied with the next pass', async () => {
  let conflicts = 1
  const { topics, maintenance, create, rowsOf } = await wadi((items) => ({
    ...items,
    replace: async (key, item, version) => {
      if (key.sort !== checkpointSort || conflicts === 0) return items.replace(key, item, version)
      conflicts -= 1
      return { outcome: 'conflict', current: await items.get(key, { consistent: true }) }
    },
  }))
  const topic = await create('deleted')
  await topics.delete(topic)
  await maintenance.pass()
  expect(await rowsOf(topic)).toBeGreaterThan(0)
  await maintenance.pass()
  expect(await rowsOf(topic)).toBe(0)
})

test('the objects of a topic are deleted several at once, and never all', async () => {
  const { objects, topics, maintenance, create, mostDeletes } = await wadi()
  const topic = await create('large')
  const prefix = shardPrefix(shardOfPartition(topic, 0))
  for (let i = 0; i < 100; i++) await objects.putIfAbsent(`${prefix}seg/${i}`, [Buffer.alloc(1)])
  await topics.delete(topic)
  await maintenance.pass()
  expect(await objects.list(prefix, '')).toEqual([])
  expect(mostDeletes()).toBe(16)
})
