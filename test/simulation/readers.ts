import { fetchRecords, offsetAtTimestamp, offsetOfMaxTimestamp } from '../../lib/journal/read.ts'
import { partitionOf } from '../../lib/log/state.ts'
import { journalPartition, type Shard } from '../../lib/store/keys.ts'
import { recordsOf } from '../support/batches.ts'
import type { Reply } from './fleet.ts'
import type { ReadRecord } from './history.ts'
import type { Machine, World } from './world.ts'

const timeoutMs = 20_000

const nameOf = (world: World, shard: Shard, partition: number): string =>
  world.watcher.journal(journalPartition(shard)).partitionName(partition)

/** The value, when there is one; an error that no outage explains is an anomaly. */
const answerOf = <Value>(world: World, reply: Reply<Value>): Value | undefined => {
  if (reply.outcome === 'failed' && !world.isRetriable(reply.error))
    world.report('unexpected-error', String(reply.error))
  return reply.outcome === 'answered' ? reply.value : undefined
}

type Position = { readonly shard: Shard; readonly partition: number; readonly consumer: string; offset: number }

/** One fetch. Returns how many records came; undefined when there was no answer. */
const fetchOnce = async (world: World, machine: Machine, at: Position): Promise<number | undefined> => {
  const { recorder, random, tally } = world
  const from = recorder.tick()
  const { offset, shard, partition, consumer } = at
  const range = { offset: BigInt(offset), maxBytes: random.pick([1, 300, 2000, 100_000]), atLeastOne: true }
  const reply = await world.request(`fetch of ${consumer}`, machine, timeoutMs, async (asked) => {
    const missing = asked.paths.notFound
    const fetched = await fetchRecords(asked.lane(shard), asked.bytes, partition, range)
    if (asked.paths.notFound > missing && fetched.outcome === 'fetched') tally.hit('object not found, then found')
    return fetched
  })
  const fetched = answerOf(world, reply)
  if (fetched === undefined) return undefined
  const ends = { logStart: Number(fetched.logStartOffset), end: Number(fetched.highWatermark) }
  const op = {
    consumer,
    by: machine.name,
    partition: nameOf(world, shard, partition),
    from,
    to: recorder.tick(),
    offset,
    ...ends,
  }
  if (fetched.outcome === 'out of range') {
    tally.hit('offset out of range')
    recorder.fetches.push({ ...op, records: undefined })
    at.offset = Math.max(ends.logStart, offset)
    return 0
  }
  const records = recordsOf(Buffer.concat(fetched.records))
    .map(
      (record): ReadRecord => ({
        offset: Number(record.offset),
        value: record.value?.toString('latin1') ?? '',
        timestamp: Number(record.timestamp),
      }),
    )
    .filter((record) => record.offset >= offset)
  recorder.fetches.push({ ...op, records })
  at.offset = (records.at(-1)?.offset ?? offset - 1) + 1
  return records.length
}

/** Reads all partitions by offset, mostly from one machine, sometimes from another. */
export const consumer = async (world: World, name: string): Promise<void> => {
  const { random, scenario, schedule } = world
  const positions = scenario.shards.flatMap((shard) =>
    Array.from({ length: scenario.partitionsPerShard }, (_, partition) => ({
      shard,
      partition,
      consumer: name,
      offset: 0,
    })),
  )
  let slot = random.int(scenario.machines)
  while (!world.isClosing) {
    if (random.chance(0.2)) slot = random.int(scenario.machines)
    for (let burst = random.pick([2, 4, 8]); burst > 0; burst--) {
      const at = positions[random.int(positions.length)]
      if (at) await fetchOnce(world, world.machine(slot), at)
    }
    await schedule.sleep(random.spread(10, scenario.activeMs / 10))
  }
}

/** Asks for ends, timestamps and the largest timestamp. */
export const lookups = async (world: World): Promise<void> => {
  const { random, scenario, schedule } = world
  while (!world.isClosing) {
    const [shard, partition] = [random.pick([firstOf(scenario.shards), ...scenario.shards]), pickPartition(world)]
    await random.pick([askEnds, askTimestamp, askMaxTimestamp])(world, shard, partition)
    await schedule.sleep(random.spread(10, scenario.activeMs / 10))
  }
}

const firstOf = (shards: readonly Shard[]): Shard => {
  const [first] = shards
  if (first === undefined) throw new Error('a world has a shard')
  return first
}

const pickPartition = (world: World): number => world.random.int(world.scenario.partitionsPerShard)

const askEnds = async (world: World, shard: Shard, partition: number): Promise<void> => {
  const { recorder } = world
  const from = recorder.tick()
  const ask = async (machine: Machine) => partitionOf(await machine.lane(shard).state('confirmed'), partition)
  const found = answerOf(world, await world.request('ends', world.machine(), timeoutMs, ask))
  if (found === undefined) return
  const [logStart, end] = [Number(found.logStartOffset), Number(found.endOffset)]
  recorder.ends.push({ partition: nameOf(world, shard, partition), from, to: recorder.tick(), logStart, end })
}

const askTimestamp = async (world: World, shard: Shard, partition: number): Promise<void> => {
  const timestamp = Math.floor(world.schedule.nowMs - world.random.spread(1, world.scenario.activeMs))
  await askOffset(world, shard, partition, timestamp, ({ lane, bytes }) =>
    offsetAtTimestamp(lane(shard), bytes, partition, BigInt(timestamp)),
  )
}

const askMaxTimestamp = (world: World, shard: Shard, partition: number): Promise<void> =>
  askOffset(world, shard, partition, undefined, ({ lane, bytes }) =>
    offsetOfMaxTimestamp(lane(shard), bytes, partition),
  )

const askOffset = async (
  world: World,
  shard: Shard,
  partition: number,
  timestamp: number | undefined,
  ask: (machine: Machine) => Promise<{ readonly offset: bigint; readonly timestamp: bigint } | undefined>,
): Promise<void> => {
  const { recorder } = world
  const from = recorder.tick()
  const reply = await world.request('lookup', world.machine(), timeoutMs, async (machine) => ({
    found: await ask(machine),
  }))
  const answer = answerOf(world, reply)
  if (answer === undefined) return
  const found = answer.found && { offset: Number(answer.found.offset), timestamp: Number(answer.found.timestamp) }
  recorder.lookups.push({ partition: nameOf(world, shard, partition), from, to: recorder.tick(), timestamp, found })
}

/** Everything there is, partition by partition, as a machine sees it that has just started. */
export const readEverything = async (world: World, readFrom: Machine): Promise<void> => {
  for (const shard of world.scenario.shards) {
    for (let partition = 0; partition < world.scenario.partitionsPerShard; partition++) {
      const reply = await world.request('last read', readFrom, timeoutMs, (machine) =>
        readPartition(machine, shard, partition),
      )
      const records = answerOf(world, reply)
      if (records === undefined) world.report('hung', `the last read of ${partition}: ${reply.outcome}`)
      else world.recorder.finals.push({ partition: nameOf(world, shard, partition), records })
    }
  }
}

const readPartition = async (machine: Machine, shard: Shard, partition: number): Promise<readonly ReadRecord[]> => {
  const { logStartOffset } = partitionOf(await machine.lane(shard).state('confirmed'), partition)
  const records: ReadRecord[] = []
  for (let offset = logStartOffset; ; ) {
    const range = { offset, maxBytes: 2000, atLeastOne: true }
    const fetched = await fetchRecords(machine.lane(shard), machine.bytes, partition, range)
    if (fetched.outcome === 'out of range') throw new Error(`${offset} is out of range at the very end`)
    const found = recordsOf(Buffer.concat(fetched.records)).filter((record) => record.offset >= offset)
    const last = found.at(-1)
    if (last === undefined) return records
    for (const { offset, value, timestamp } of found)
      records.push({ offset: Number(offset), value: value?.toString('latin1') ?? '', timestamp: Number(timestamp) })
    offset = last.offset + 1n
  }
}
