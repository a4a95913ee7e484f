import { expect, test } from 'vitest'
import { LogBytes } from '../../lib/journal/bytes.ts'
import { readCheckpointItem } from '../../lib/journal/checkpoint-item.ts'
import { Logs } from '../../lib/journal/logs.ts'
import { shardOfPartition, Topics } from '../../lib/journal/topics.ts'
import { batchFrom } from '../../lib/log/append.ts'
import type { Topic } from '../../lib/log/topic.ts'
import { Maintenance } from '../../lib/maintenance/maintain.ts'
import { journalPartition } from '../../lib/store/keys.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { batch } from '../support/batches.ts'
import { FixedClock } from '../support/log.ts'

const anHourMs = 3_600_000

/** An instance with topics, whose writers relieve themselves, and the errors that maintenance met. */
const wadi = async () => {
  const clock = new FixedClock()
  const items = memoryItems()
  const objects = memoryObjects(() => clock.now())
  const topics = new Topics(items, clock)
  const errors: unknown[] = []
  const logs: Logs = new Logs({
    items,
    objects,
    clock,
    instance: 'one',
    relieve: (lane, state) => maintenance.relieve(lane, state),
  })
  const bytes = new LogBytes(objects)
  const onError = (_: string, error: unknown) => errors.push(error)
  const maintenance: Maintenance = new Maintenance({ topics, logs, bytes, items, objects, clock, onError })
  const create = async (name: string, configs: Topic['configs'] = {}): Promise<Topic> =>
    (await topics.create({ name, partitions: 1, shards: 1, configs })).topic
  const append = (topic: Topic, bytes: Buffer) => {
    const lane = logs.lane(shardOfPartition(topic, 0))
    return lane.append({ batches: [batchFrom(0, bytes)], leaderEpoch: undefined }, clock.now() + 10_000)
  }
  const stateOf = (topic: Topic) => logs.lane(shardOfPartition(topic, 0)).state('confirmed')
  return { clock, items, objects, topics, errors, maintenance, create, append, stateOf }
}

test('a pass over an empty topic and over nothing does nothing', async () => {
  const { maintenance, create } = await wadi()
  expect(await maintenance.pass()).toMatchObject({ shards: 0, errors: 0 })
  await create('empty')
  expect(await maintenance.pass()).toMatchObject({ shards: 1, flushes: 0, checkpoints: 0, errors: 0 })
})

test('a short tail is flushed once it is a minute old, and at once on request', async () => {
  const { maintenance, create, append, clock } = await wadi()
  const topic = await create('orders')
  await append(topic, batch())
  expect((await maintenance.pass()).flushes).toBe(0)
  clock.move(61_000)
  expect((await maintenance.pass()).flushes).toBe(1)
  await append(topic, batch())
  expect((await maintenance.pass({ flushAll: true })).flushes).toBe(1)
})

test('a writer that no maintenance helps flushes and checkpoints by itself', async () => {
  const { create, append, stateOf, items, errors } = await wadi()
  const topic = await create('orders')
  for (let i = 0; i < 2100; i++) await append(topic, batch({ value: `${i}` }))
  const state = await stateOf(topic)
  expect(state.seq - state.flushed).toBeLessThan(2001)
  expect((await readCheckpointItem(items, shardOfPartition(topic, 0)))?.seq).toBeGreaterThan(1000)
  expect(errors).toEqual([])
})

test('records that are too old go, and with them in time their rows and objects', async () => {
  const { maintenance, create, append, stateOf, clock, items, objects, errors } = await wadi()
  const topic = await create('orders', { 'retention.ms': String(anHourMs) })
  const seconds = 400
  for (let i = 0; i < seconds; i++) {
    await append(topic, batch({ value: 'x'.repeat(5000), timestamp: BigInt(clock.now()) }))
    clock.move(1000)
  }
  await maintenance.pass()
  clock.move(2 * anHourMs)
  await append(topic, batch({ timestamp: BigInt(clock.now()) }))
  for (let i = 0; i < 3; i++) await maintenance.pass({ flushAll: true })
  const state = await stateOf(topic)
  expect(state.partitions.get(0)).toMatchObject({ logStartOffset: BigInt(seconds), endOffset: BigInt(seconds + 1) })
  const left = await items.query(journalPartition(shardOfPartition(topic, 0)), {
    after: '',
    before: 'checkpoint',
    limit: 1000,
    consistent: true,
  })
  expect(left.items.length).toBeLessThan(seconds / 10)
  expect((await objects.list('', '')).length).toBeLessThan(10)
  expect(errors).toEqual([])
})

test('a deleted topic leaves nothing behind, and its name is free at once', async () => {
  const { maintenance, create, append, topics, clock, items, objects } = await wadi()
  const topic = await create('orders')
  await append(topic, batch({ value: 'x'.repeat(5000) }))
  expect(await topics.delete(topic)).toBe(true)
  const again = await create('orders')
  expect(again.id).not.toBe(topic.id)
  await append(again, batch({ value: 'y'.repeat(5000) }))
  await maintenance.pass()
  expect((await objects.list('', '')).map(({ key }) => key.startsWith(again.id))).toEqual([true])
  expect(await topics.findById(topic.id)).toBeUndefined()
  await expect(append(topic, batch())).rejects.toThrow('no such topic')
  clock.move(anHourMs + 1)
  expect((await maintenance.pass()).topicsDeleted).toBe(1)
  expect((await items.query('D', { after: '', before: 'z', limit: 10, consistent: true })).items).toEqual([])
})

test('damage in one topic is reported and the others are maintained all the same', async () => {
  const { maintenance, create, append, objects, errors } = await wadi()
  const broken = await create('broken')
  const sound = await create('sound')
  for (const topic of [broken, sound]) await append(topic, batch({ value: 'x'.repeat(5000) }))
  for (const { key } of await objects.list(broken.id, '')) await objects.delete(key)
  expect(await maintenance.pass({ flushAll: true })).toMatchObject({ shards: 2, flushes: 1, errors: 1 })
  expect(errors).toHaveLength(1)
})
