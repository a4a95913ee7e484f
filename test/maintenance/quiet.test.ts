import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LogBytes } from '../../lib/journal/bytes.ts'
import { readCheckpointItem } from '../../lib/journal/checkpoint-item.ts'
import { defaultRules, type Rules, soleWriterRules } from '../../lib/journal/journal.ts'
import { Logs } from '../../lib/journal/logs.ts'
import { shardOfPartition, Topics } from '../../lib/journal/topics.ts'
import { batchFrom } from '../../lib/log/append.ts'
import { objectsOf } from '../../lib/log/state.ts'
import type { Topic } from '../../lib/log/topic.ts'
import { Maintenance } from '../../lib/maintenance/maintain.ts'
import type { Pass } from '../../lib/maintenance/pass.ts'
import { scheduledPass } from '../../lib/maintenance/scheduled-pass.ts'
import { journalPartition } from '../../lib/store/keys.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { newMeter, type StoreCounts } from '../../lib/store/meter.ts'
import type { Objects } from '../../lib/store/objects.ts'
import { batch } from '../support/batches.ts'
import { FixedClock } from '../support/log.ts'

const aMinuteMs = 60_000
const anHourMs = 60 * aMinuteMs
const aDayMs = 24 * anHourMs

/** What becomes of quiet topics: stores whose calls are counted, and instances over them, each with a memory of its own. */
const wadi = (rules: Rules = defaultRules) => {
  const clock = new FixedClock()
  const meter = newMeter()
  const items = meter.items(memoryItems())
  const sound = meter.objects(memoryObjects(() => clock.now()))
  const errors: unknown[] = []
  let instances = 0
  const start = (objects: Objects = sound) => {
    instances += 1
    const topics = new Topics(items, clock)
    const logs: Logs = new Logs({
      items,
      objects,
      clock,
      rules,
      instance: `instance ${instances}`,
      relieve: (lane, state) => maintenance.relieve(lane, state),
    })
    const onError = (_: string, error: unknown) => errors.push(error)
    const bytes = new LogBytes(objects)
    const context = { topics, logs, bytes, items, objects, clock, onError, leavesHints: true }
    const maintenance: Maintenance = new Maintenance(context)
    const laneOf = (topic: Topic) => logs.lane(shardOfPartition(topic, 0))
    return {
      create: async (name: string, configs: Topic['configs'] = {}): Promise<Topic> =>
        (await topics.create({ name, partitions: 1, shards: 1, configs })).topic,
      append: async (topic: Topic, value: string) => {
        const batches = [batchFrom(0, batch({ value, timestamp: BigInt(clock.now()) }))]
        await laneOf(topic).append({ batches, leaderEpoch: undefined }, clock.now() + 10_000)
      },
      /** Kafka's DeleteRecords. */
      deleteRecords: (topic: Topic, logStartOffset: bigint) =>
        laneOf(topic).change(() => ({ kind: 'trim', partition: 0, logStartOffset }), clock.now() + 10_000),
      stateOf: (topic: Topic) => laneOf(topic).state('confirmed'),
      pass: () => maintenance.pass(),
      scheduled: () =>
        scheduledPass({ ...context, maintenance, beforeFullPass: async () => undefined }, { remainingMs: anHourMs }),
    }
  }
  /** Passes until so much time is over; what they did. */
  const passes = async (pass: () => Promise<Pass>, everyMs: number, forMs: number): Promise<readonly Pass[]> => {
    const done: Pass[] = []
    for (const endMs = clock.now() + forMs; clock.now() < endMs; clock.move(everyMs)) done.push(await pass())
    return done
  }
  const folders = async () => (await sound.list('', '')).map(({ key }) => key.split('/')[2])
  const rowsOf = async (topic: Topic) => {
    const options = { after: '', before: 'checkpoint', limit: 10_000, consistent: true }
    return (await items.query(journalPartition(shardOfPartition(topic, 0)), options)).items.length
  }
  return { clock, items, objects: sound, errors, start, passes, folders, rowsOf, counts: meter.counts }
}

const sumOf = (passes: readonly Pass[], what: keyof Pass): number => passes.reduce((sum, pass) => sum + pass[what], 0)

/** Calls that change something, and lists, which cost as much. */
const changesIn = (counts: StoreCounts): number =>
  counts.puts + counts.replaces + counts.deletes + counts.objectPuts + counts.objectDeletes + counts.objectLists

const records = 200
const value = 'x'.repeat(10_000)

test.each([
  ['each second, where looking costs nothing', soleWriterRules, 1000, 10 * aMinuteMs],
  ['each minute, where hints tell of shards', defaultRules, aMinuteMs, 6 * anHourMs],
] as const)('deleted records of a quiet topic leave the stores: a pass %s', async (_, rules, everyMs, forMs) => {
  const { start, passes, folders, rowsOf, counts, errors } = wadi(rules)
  const one = start()
  const [pass, topic] = [rules === soleWriterRules ? one.pass : one.scheduled, await one.create('orders')]
  for (let i = 0; i < records; i++) await one.append(topic, value)
  await passes(pass, everyMs, 2 * aMinuteMs)
  await one.deleteRecords(topic, BigInt(records))
  const done = await passes(pass, everyMs, forMs)
  expect(await folders()).toEqual(['ckpt'])
  expect(await rowsOf(topic)).toBe(1)
  // One for what was there before the deletion, at most, and one for what the deletion wrote.
  expect(sumOf(done, 'checkpoints')).toBeLessThanOrEqual(2)
  const before = counts()
  await passes(one.pass, everyMs, anHourMs)
  expect(changesIn(counts()) - changesIn(before)).toBe(0)
  expect(errors).toEqual([])
})

test('retention deletes the last records of a topic to which nobody writes any more', async () => {
  const { start, passes, folders } = wadi()
  const one = start()
  const topic = await one.create('orders', { 'retention.ms': String(aDayMs) })
  for (let i = 0; i < 10; i++) await one.append(topic, value)
  await passes(one.scheduled, aMinuteMs, aDayMs + 6 * anHourMs)
  expect(await folders()).toEqual(['ckpt'])
})

test('a quiet topic has each record once, and is settled with one checkpoint', async () => {
  const { start, passes, objects, folders, counts } = wadi()
  const one = start()
  const topic = await one.create('orders', { 'retention.ms': '-1' })
  for (let i = 0; i < records; i++) await one.append(topic, value)
  const done = await passes(one.scheduled, aMinuteMs, 6 * anHourMs)
  expect(await folders()).toEqual(['ckpt', 'seg'])
  const stored = (await objects.list('', '')).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  expect(stored).toBeLessThan(records * value.length * 1.1)
  expect(sumOf(done, 'checkpoints')).toBe(1)
  expect((await one.stateOf(topic)).partitions.get(0)?.endOffset).toBe(BigInt(records))
  // From now on a pass over all shards is one query for this one, and it changes only what it writes about itself.
  const before = counts()
  await one.pass()
  expect(changesIn(counts()) - changesIn(before)).toBe(0)
  expect(counts().objectReads).toBe(before.objectReads)
  const asleep = counts()
  await passes(one.scheduled, anHourMs, 30 * aDayMs)
  expect(changesIn(counts()) - changesIn(asleep)).toBe(2 * 30 * 24)
})

test('an instance that is started anew finds a settled topic settled', async () => {
  const { start, passes, items, counts } = wadi()
  const one = start()
  const topic = await one.create('orders')
  for (let i = 0; i < 10; i++) await one.append(topic, value)
  await passes(one.pass, aMinuteMs, 6 * anHourMs)
  const before = counts()
  await start().pass()
  expect(changesIn(counts()) - changesIn(before)).toBe(0)
  const shard = shardOfPartition(topic, 0)
  const seq = (await one.stateOf(topic)).seq
  expect(await readCheckpointItem(items, shard)).toMatchObject({ floor: seq - 1 })
})

test('instances that live for half an hour each settle a quiet topic together', async () => {
  const { start, passes, folders } = wadi()
  const one = start()
  const topic = await one.create('orders')
  for (let i = 0; i < 10; i++) await one.append(topic, value)
  const done: Pass[] = []
  for (let i = 0; i < 16; i++) done.push(...(await passes(start().scheduled, aMinuteMs, anHourMs / 2)))
  expect(await folders()).toEqual(['ckpt', 'seg'])
  expect(sumOf(done, 'checkpoints')).toBe(1)
})

test('a sweep that was cut off on a quiet topic is finished by another instance', async () => {
  const { start, passes, folders, objects, clock, errors } = wadi()
  // It writes the row that lets it delete, and dies.
  const dying: Objects = {
    ...objects,
    delete: async () => {
      throw new Error('out of time')
    },
  }
  const one = start(dying)
  const topic = await one.create('orders')
  for (let i = 0; i < 10; i++) await one.append(topic, value)
  for (let minutes = 0; errors.length === 0 && minutes < 6 * 60; minutes++) {
    await one.scheduled()
    clock.move(aMinuteMs)
  }
  expect(errors).toHaveLength(1)
  expect(await folders()).toContain('wal')
  await passes(start().scheduled, aMinuteMs, 6 * anHourMs)
  expect(await folders()).toEqual(['ckpt', 'seg'])
})

test('what a topic that is written now and then has no use for goes within hours', async () => {
  const { start, passes, folders, errors } = wadi()
  const one = start()
  const topic = await one.create('orders')
  const done: Pass[] = []
  const hours = 24
  for (let i = 0; i < 2 * hours; i++) {
    await one.append(topic, value)
    done.push(...(await passes(one.scheduled, aMinuteMs, anHourMs / 2)))
  }
  expect((await folders()).filter((folder) => folder === 'wal').length).toBeLessThan(10)
  expect(sumOf(done, 'checkpoints')).toBeLessThanOrEqual(hours)
  expect(sumOf(done, 'checkpoints')).toBeGreaterThan(hours / 4)
  expect(errors).toEqual([])
})

const whatHappens = fc.record({
  what: fc.constantFrom('append', 'delete', 'start anew'),
  minutesLater: fc.oneof(fc.nat(2), fc.nat(90), fc.nat(300)),
})

test('whatever happened to a topic before, half a day later nothing is left to do and nothing is done', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(whatHappens, { maxLength: 12 }), async (all) => {
      const { start, passes, objects, folders, counts, errors } = wadi()
      let one = start()
      const topic = await one.create('orders', { 'retention.ms': '-1' })
      for (const { what, minutesLater } of all) {
        if (what === 'append') await one.append(topic, value)
        if (what === 'delete')
          await one.deleteRecords(topic, (await one.stateOf(topic)).partitions.get(0)?.endOffset ?? 0n)
        if (what === 'start anew') one = start()
        await passes(one.scheduled, aMinuteMs, minutesLater * aMinuteMs)
      }
      await passes(one.scheduled, aMinuteMs, aDayMs / 2)
      const named = objectsOf(await one.stateOf(topic))
      expect((await folders()).filter((folder) => folder !== 'ckpt')).toHaveLength(named.size)
      expect((await objects.list('', '')).length - named.size).toBeLessThanOrEqual(1)
      const before = counts()
      await passes(one.pass, anHourMs, aDayMs)
      expect(changesIn(counts()) - changesIn(before)).toBe(0)
      expect(errors).toEqual([])
    }),
    { numRuns: 60 },
  )
})
