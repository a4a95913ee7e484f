import { checkpoint, truncate } from '../../lib/journal/checkpoint.ts'
import { leaderEpochOf, partitionOf } from '../../lib/log/state.ts'
import { flush } from '../../lib/maintenance/flush.ts'
import { mergeSegments } from '../../lib/maintenance/merge.ts'
import { sweep } from '../../lib/maintenance/sweep.ts'
import { trim } from '../../lib/maintenance/trim.ts'
import type { Shard } from '../../lib/store/keys.ts'
import { ObjectNotFound } from '../../lib/store/objects.ts'
import type { Random } from './random.ts'
import type { Machine, World } from './world.ts'

/** A run of segments is merged when it is this long. */
const segmentsToMerge = 2

type Job = (machine: Machine, shard: Shard, random: Random) => Promise<unknown>

const changeMs = 15_000
const timeoutMs = 60_000
/** Longer than any machine or request can stand still: who comes back after that is a new producer to Kafka, too. */
const producerExpirationMs = 100 * 3_600_000

const jobs = {
  flush: ({ lane, objects, bytes }, shard) => flush(lane(shard), objects, bytes),
  merge: async ({ lane, objects, bytes }, shard) =>
    mergeSegments(lane(shard), objects, bytes, await lane(shard).state('extended'), segmentsToMerge),
  checkpoint: async ({ lane }, shard) => checkpoint(lane(shard).journal, await lane(shard).confirmedView()),
  truncate: ({ lane }, shard) => truncate(lane(shard).journal),
  checkpointAndTruncate: async ({ lane }, shard) => {
    await checkpoint(lane(shard).journal, await lane(shard).confirmedView())
    return truncate(lane(shard).journal)
  },
  sweep: async ({ lane, objects }, shard, random) => {
    const { seq, tickets } = await lane(shard).state('known')
    return sweep(lane(shard), objects, tickets + Math.ceil(random.next() ** 0.3 * (seq - tickets)))
  },
  retain: async ({ lane }, shard, random) => {
    const retention = { retentionMs: BigInt(Math.floor(random.spread(10_000, 600_000))), retentionBytes: -1n }
    return trim(lane(shard), await lane(shard).state('extended'), retention, producerExpirationMs)
  },
  deleteRecords: ({ lane, clock }, shard, random) =>
    lane(shard).change((state) => {
      const [index = 0] = [...state.partitions.keys()].slice(random.int(state.partitions.size))
      const { logStartOffset, endOffset } = partitionOf(state, index)
      const trimmed = BigInt(Math.floor(random.next() ** 2 * Number(endOffset - logStartOffset + 1n)))
      return { kind: 'trim', partition: index, logStartOffset: logStartOffset + trimmed }
    }, clock.now() + changeMs),
  lead: async (machine, shard, random) => (await lead(machine, shard, random.int(3))) ?? 'not a leader',
} satisfies Record<string, Job>

/** The machine makes itself leader of the shard. The epoch, when it knows that it has become one. */
export const lead = async (machine: Machine, shard: Shard, node: number): Promise<number | undefined> => {
  let epoch = 0
  const answer = await machine.lane(shard).change((state) => {
    epoch = leaderEpochOf(state) + 1
    return { kind: 'lead', node, epoch }
  }, machine.clock.now() + changeMs)
  if (answer.outcome !== 'changed') return undefined
  machine.leads.set(shard.topicId, epoch)
  return epoch
}

type JobName = keyof typeof jobs

const often: readonly [JobName, ...JobName[]] = [
  ...([
    'flush',
    'flush',
    'flush',
    'flush',
    'flush',
    'checkpoint',
    'checkpoint',
    'truncate',
    'truncate',
    'sweep',
    'sweep',
  ] as const),
  ...(['merge', 'merge', 'retain', 'deleteRecords', 'lead'] as const),
]

/** Leaves as few rows as may be, so that whoever is late finds his slot free. */
const truncating: readonly [JobName, ...JobName[]] = ['checkpointAndTruncate', 'checkpointAndTruncate', 'flush']

const runJob = async (world: World, machine: Machine, name: JobName, shard: Shard): Promise<void> => {
  const job: Job = jobs[name]
  const reply = await world.request(name, machine, timeoutMs, (asked) =>
    job(world.mutation.job?.(asked, name) ?? asked, shard, world.random),
  )
  if (reply.outcome === 'failed') {
    // What it reads may have been rewritten and swept since it looked.
    const mayHappen = world.isRetriable(reply.error) || reply.error instanceof ObjectNotFound
    world.tally.hit(`${name} ${String(reply.error).slice(0, 14)}`)
    if (!mayHappen) world.report('unexpected-error', `${name}: ${String(reply.error)}`)
  }
  world.tally.hit(reply.outcome === 'answered' ? `${name}: ${describe(reply.value)}` : `${name} ${reply.outcome}`)
}

const describe = (value: unknown): string => {
  if (typeof value === 'object' && value !== null && 'outcome' in value) return String(value.outcome)
  return value ? 'something' : 'nothing'
}

/** Maintenance as nobody should run it: at any time, in any order, on any machine, and the same job twice at once. */
export const upkeep = async (world: World): Promise<void> => {
  const { random, scenario, schedule } = world
  while (!world.isClosing && !scenario.isUpkeepOff) {
    const shard = scenario.shards[random.int(scenario.shards.length)]
    const name = random.pick(scenario.isTruncating ? truncating : often)
    if (shard) {
      const copies = random.chance(0.25) ? 2 : 1
      const runs = Array.from({ length: copies }, () => runJob(world, world.machine(), name, shard))
      if (random.chance(0.3)) await Promise.all(runs)
    }
    await schedule.sleep(random.spread(scenario.maintenanceMs / 10, scenario.maintenanceMs * 3))
  }
}

/** One of each, in a sensible order. */
export const tidyUp = async (world: World): Promise<void> => {
  for (const shard of world.scenario.shards) {
    for (const name of ['flush', 'checkpoint', 'truncate', 'sweep'] as const) {
      await runJob(world, world.machine(), name, shard)
    }
  }
}
