import { randomUUID } from 'node:crypto'
import { realClock } from '../../lib/clock.ts'
import { LogBytes } from '../../lib/journal/bytes.ts'
import { Logs } from '../../lib/journal/logs.ts'
import { isOutage } from '../../lib/journal/outage.ts'
import { fetchRecords } from '../../lib/journal/read.ts'
import { shardOfPartition, Topics } from '../../lib/journal/topics.ts'
import { batchFrom } from '../../lib/log/append.ts'
import { partitionOf } from '../../lib/log/state.ts'
import type { Topic } from '../../lib/log/topic.ts'
import { flush } from '../../lib/maintenance/flush.ts'
import type { AwsAccess } from '../../lib/store/aws-client.ts'
import { dynamoItems } from '../../lib/store/dynamodb.ts'
import type { Items } from '../../lib/store/items.ts'
import type { Objects } from '../../lib/store/objects.ts'
import { s3Objects } from '../../lib/store/s3.ts'
import { Tally } from '../simulation/paths.ts'
import { Random } from '../simulation/random.ts'
import { batch, recordsOf } from '../support/batches.ts'
import { anybody, createBucket, createTable, startEmulator } from '../support/emulator.ts'
import { type FaultProxy, type FaultRates, faultProxy } from './fault-proxy.ts'

export type FaultsOptions = {
  readonly appends: number
  readonly rates: FaultRates
  readonly seed: number
  /** A store that lies to who appends, to see that it is noticed. */
  readonly lie?: (items: Items) => Items
  readonly progress?: (line: string) => void
}

export type FaultsReport = {
  readonly appends: number
  /** Records in the log for each append: exactly 1 when none is lost or doubled. */
  readonly applicationsPerAppend: number
  /** Requests that the stores were sent by way of the proxies. */
  readonly requests: number
  readonly faults: Tally
  readonly problems: readonly string[]
}

/** The three runs: nothing goes wrong, everything does now and then, and a third of all answers never arrive. */
export const faultRuns: Readonly<Record<'none' | 'everything' | 'dropped', FaultRates>> = {
  none: {},
  everything: {
    'answer dropped': 0.1,
    'request dropped': 0.1,
    'request doubled': 0.1,
    'answered 500 after': 0.1,
    'answered 500 before': 0.1,
    'request late': 0.02,
    'answer late': 0.02,
  },
  dropped: { 'answer dropped': 0.3 },
}

const instances = 2
const workersPerInstance = 6
const shards = 4
/** Longer than any row of bad luck. */
const appendTimeoutMs = 120_000
/** A call is given up sooner than some answers come. */
const callTimeoutMs = 800
const maxValueBytes = 6000
const flushEveryMs = 1000
const progressEvery = 1000

type Stores = { readonly items: Items; readonly objects: Objects }

/**
 * Appends records without any identity to a log on DynamoDB and S3, through our real clients and a proxy that loses,
 * delays, doubles and refuses; then counts how often each is there.
 */
export const appendWithFaults = async (options: FaultsOptions): Promise<FaultsReport> => {
  const { rates, seed, lie = (items) => items } = options
  const random = new Random(seed)
  const emulator = await startEmulator()
  const proxies = await Promise.all(
    [emulator.dynamo, emulator.s3].map(({ endpoint = '' }) => faultProxy(endpoint, rates, new Random(random.int(1e9)))),
  )
  const [table, bucket] = [`wadi-${randomUUID()}`, `wadi-${randomUUID()}`]
  await createTable(emulator.dynamo, table)
  await createBucket(emulator.s3, bucket)
  const opened: Disposable[] = []
  const open = (dynamo: AwsAccess, s3: AwsAccess): Stores => {
    const [items, objects] = [dynamoItems(dynamo, table), s3Objects(s3, bucket)]
    opened.push(items, objects)
    return { items, objects }
  }
  const through = (proxy: FaultProxy | undefined) => ({
    ...anybody,
    timeoutMs: callTimeoutMs,
    endpoint: proxy?.url ?? '',
  })
  try {
    const honest = open(emulator.dynamo, emulator.s3)
    const wanted = { name: 'faults', partitions: shards, shards, configs: {} }
    const { topic } = await new Topics(honest.items, realClock).create(wanted)
    const writers = Array.from({ length: instances }, () => {
      const { items, objects } = open(through(proxies[0]), through(proxies[1]))
      return { items: lie(items), objects }
    })
    const problems = await appendAll(options, topic, writers, random)
    const counts = await countRecords(topic, honest)
    const faults = new Tally()
    for (const proxy of proxies) faults.add(proxy.faults)
    return {
      appends: options.appends,
      applicationsPerAppend: [...counts.values()].reduce((sum, count) => sum + count, 0) / options.appends,
      requests: proxies.reduce((sum, proxy) => sum + proxy.requests(), 0),
      faults,
      problems: [...problems, ...problemsOf(counts, options)],
    }
  } finally {
    for (const one of opened) one[Symbol.dispose]()
    await Promise.all(proxies.map((proxy) => proxy.close()))
    await emulator.close()
  }
}

/** What went wrong on the way: nothing may, there is time enough for every append. */
const appendAll = async (
  { appends, progress = () => {} }: FaultsOptions,
  topic: Topic,
  writers: readonly Stores[],
  random: Random,
): Promise<readonly string[]> => {
  const problems: string[] = []
  let next = 0
  const isOver = new AbortController()
  const write = async (logs: Logs): Promise<void> => {
    while (next < appends && problems.length === 0) {
      const number = next++
      if (number % progressEvery === 0) progress(`${number} of ${appends} appends`)
      const partition = random.int(topic.partitions)
      const value = `${number}:${'x'.repeat(Math.floor(random.spread(1, maxValueBytes)))}`
      const request = { batches: [batchFrom(partition, batch({ value }))], leaderEpoch: undefined }
      const lane = logs.lane(shardOfPartition(topic, partition))
      const answer = await lane.append(request, realClock.now() + appendTimeoutMs)
      const [verdict] = answer.outcome === 'decided' ? answer.verdicts : []
      if (verdict?.outcome !== 'next') problems.push(`append ${number}: ${verdict?.outcome ?? answer.outcome}`)
    }
  }
  const maintain = async (logs: Logs, { objects }: Stores): Promise<void> => {
    const bytes = new LogBytes(objects)
    for (;;) {
      await realClock.sleep(flushEveryMs, isOver.signal)
      if (isOver.signal.aborted) return
      for (const lane of logs.lanes()) {
        await flush(lane, objects, bytes).catch((error) => {
          // What it did not do now is due at the next pass.
          if (!isOutage(error)) throw error
        })
      }
    }
  }
  await Promise.all(
    writers.map(async (stores, i) => {
      const logs = new Logs({ ...stores, clock: realClock, instance: `instance${i}` })
      const maintenance = maintain(logs, stores)
      await Promise.all(Array.from({ length: workersPerInstance }, () => write(logs)))
      isOver.abort()
      await maintenance
    }),
  )
  return problems
}

const fetchBytes = 4 * 1024 * 1024

/** How often each value is in the log. */
const countRecords = async (topic: Topic, stores: Stores): Promise<ReadonlyMap<number, number>> => {
  const logs = new Logs({ ...stores, clock: realClock, instance: 'reader' })
  const bytes = new LogBytes(stores.objects)
  const counts = new Map<number, number>()
  for (let partition = 0; partition < topic.partitions; partition++) {
    const lane = logs.lane(shardOfPartition(topic, partition))
    const { endOffset } = partitionOf(await lane.state('confirmed'), partition)
    for (let offset = 0n; offset < endOffset; ) {
      const fetched = await fetchRecords(lane, bytes, partition, { offset, maxBytes: fetchBytes, atLeastOne: true })
      if (fetched.outcome !== 'fetched') throw new Error(`${offset} of ${endOffset} is out of range`)
      for (const record of recordsOf(Buffer.concat(fetched.records))) {
        if (record.offset !== offset) throw new Error(`${offset} is missing in partition ${partition}`)
        const number = Number.parseInt(record.value?.toString() ?? '', 10)
        counts.set(number, (counts.get(number) ?? 0) + 1)
        offset += 1n
      }
    }
  }
  return counts
}

const problemsOf = (counts: ReadonlyMap<number, number>, { appends, seed }: FaultsOptions): readonly string[] => {
  const wrong = Array.from({ length: appends }, (_, number) => number).filter((number) => counts.get(number) !== 1)
  const [first] = wrong
  if (first === undefined) return []
  return [
    `seed ${seed}: ${wrong.length} appends are not there once, the first is ${first}, ${counts.get(first) ?? 0} times`,
  ]
}
