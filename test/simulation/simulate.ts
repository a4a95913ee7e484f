import { auditJournal } from '../../lib/maintenance/audit-journal.ts'
import { auditObjects } from '../../lib/maintenance/audit-objects.ts'
import { journalPartition, type Shard } from '../../lib/store/keys.ts'
import { check } from './checker.ts'
import type { Outcome } from './outcome.ts'
import { deliveryMs, idempotentProducer, intruder, plainProducer } from './producers.ts'
import { consumer, lookups, readEverything } from './readers.ts'
import { tidyUp, upkeep } from './upkeep.ts'
import { type Mutation, World } from './world.ts'

/** After the last fault everything that is under way ends within this. */
const settleMs = 60_000
const hourMs = 3_600_000
/** Whoever froze thaws in this time, and requests that were late arrive. */
const quietHours = 48
/** Everything is read within this at the very end. */
const lastMs = 120_000

/** One history: an active time with faults, a time to settle, two days in which the last of the late wake up, a last look. */
export const simulate = async (
  seed: number,
  options: { readonly mutation?: Mutation; readonly isTraced?: boolean } = {},
): Promise<Outcome> => {
  const world = new World(seed, options)
  const { schedule, scenario, recorder } = world
  await world.start()
  spawnAll(world)
  await schedule.run(schedule.nowMs + scenario.activeMs)
  world.isClosing = true
  world.calmDown()
  const calmMs = schedule.nowMs
  await schedule.run(calmMs + settleMs)
  for (const request of world.handledSince(calmMs)) recorder.hung.push(request)
  await schedule.run(schedule.nowMs + deliveryMs)
  if (scenario.climate.longestLateMs > hourMs || scenario.climate.longestFreezeMs > hourMs) await sleepOn(world)
  const reader = world.newestMachine()
  world.spawn('the last look', async () => {
    await tidyUp(world)
    await readEverything(world, reader)
  })
  await schedule.run(schedule.nowMs + lastMs)
  for (const request of world.handledSince(Number.POSITIVE_INFINITY)) recorder.hung.push(request)
  if (world.running > 0) recorder.hung.push(`${world.running} clients`)
  for (const shard of scenario.shards) {
    world.watcher.journal(journalPartition(shard)).checkReferences()
    await audit(world, shard)
  }
  return {
    seed,
    anomalies: [...world.anomalies, ...check(recorder)],
    operations: recorder.operations,
    faults: world.faults,
    tally: world.tally,
    virtualMs: world.elapsedMs,
    events: schedule.events,
    settledMs: 0,
    trace: world.trace ?? [],
  }
}

const spawnAll = (world: World): void => {
  const { scenario, random } = world
  for (const shard of scenario.shards) {
    for (let i = 0; i < scenario.producers; i++) {
      const name = `${shard.topicId.charAt(5)}${i}`
      const producer = random.chance(0.6) ? idempotentProducer : plainProducer
      world.spawn(name, () => producer(world, shard, name))
    }
    const name = `${shard.topicId.charAt(5)}x`
    world.spawn(name, () => intruder(world, shard, name))
  }
  for (let i = 0; i < scenario.consumers; i++) world.spawn(`c${i}`, () => consumer(world, `c${i}`))
  world.spawn('lookups', () => lookups(world))
  world.spawn('upkeep', () => upkeep(world))
}

/** What `wadi audit` would say of the stores now, if it had nothing to wait for. */
const audit = async (world: World, shard: Shard): Promise<void> => {
  const { stored } = world
  const journal = await auditJournal(stored, shard)
  const { state, item } = journal
  const options = { checkpoint: item?.object ?? '', sample: Number.POSITIVE_INFINITY, onRead: () => {} }
  const objects = state && (await auditObjects(stored.objects, shard, { ...options, state }))
  for (const { kind, what } of [...journal.found, ...(objects?.found ?? [])]) world.report('audit', `${kind}: ${what}`)
}

/** Two days of little. */
const sleepOn = async (world: World): Promise<void> => {
  const { schedule } = world
  for (let hours = 0; hours < quietHours; hours += 12) {
    world.spawn('tidying up', () => tidyUp(world))
    await schedule.run(schedule.nowMs + 12 * hourMs)
  }
}
