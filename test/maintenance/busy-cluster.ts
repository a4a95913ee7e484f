import { LogBytes } from '../../lib/journal/bytes.ts'
import { checkpoint, truncate } from '../../lib/journal/checkpoint.ts'
import { type CheckpointItem, readCheckpointItem } from '../../lib/journal/checkpoint-item.ts'
import { Logs } from '../../lib/journal/logs.ts'
import { shardOfPartition, Topics } from '../../lib/journal/topics.ts'
import { batchFrom } from '../../lib/log/append.ts'
import { partitionOf, type Segment, type State } from '../../lib/log/state.ts'
import { auditLogs } from '../../lib/maintenance/audit.ts'
import { Problems } from '../../lib/maintenance/audit-report.ts'
import { flush } from '../../lib/maintenance/flush.ts'
import { mergeSegments } from '../../lib/maintenance/merge.ts'
import { sweep } from '../../lib/maintenance/sweep.ts'
import { objectKey } from '../../lib/store/keys.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { batch } from '../support/batches.ts'
import { FixedClock } from '../support/log.ts'

const anHourMs = 3_600_000
/** Every batch is read. */
export const all = Number.POSITIVE_INFINITY

/** A cluster in which everything has happened that happens to logs. */
export const busyCluster = async () => {
  const clock = new FixedClock()
  const stores = { items: memoryItems(), objects: memoryObjects(() => clock.now()) }
  const { items, objects } = stores
  const topics = new Topics(items, clock)
  const logs = new Logs({ items, objects, clock, instance: 'one' })
  const bytes = new LogBytes(objects)
  const { topic } = await topics.create({ name: 'orders', partitions: 2, shards: 1, configs: {} })
  const shard = shardOfPartition(topic, 0)
  const lane = logs.lane(shard)
  const untilMs = () => clock.now() + 10_000
  let sequence = 0
  const append = async (batches: number, valueBytes: number) => {
    for (let i = 0; i < batches; i++) {
      const idempotent = { producerId: 7n, producerEpoch: 0, baseSequence: sequence }
      const timestamp = BigInt(clock.now())
      const [one, two] = [
        batch({ records: 2, value: 'x'.repeat(valueBytes), timestamp, ...idempotent }),
        batch({ records: 3, value: 'y'.repeat(valueBytes), timestamp }),
      ]
      const request = { batches: [batchFrom(0, one), batchFrom(1, two)], leaderEpoch: undefined }
      await lane.append(request, untilMs())
      sequence += 2
    }
  }
  const flushed = () => flush(lane, objects, bytes)
  for (let i = 0; i < 3; i++) {
    await append(4, 3000)
    await append(2, 10)
    await flushed()
  }
  await mergeSegments(lane, objects, bytes, await lane.state('known'), 2)
  await lane.change(() => ({ kind: 'trim', partition: 1, logStartOffset: 5n }), untilMs())
  await append(2, 3000)
  await checkpoint(lane.journal, await lane.confirmedView())
  await append(3, 10)

  const audit = async (sample = all) => {
    const problems = new Problems()
    const counts = await auditLogs(stores, { clock, sample, problems, onProgress: () => {} })
    return { counts, problems: problems.listed }
  }
  const change = async (name: string, changed: (bytes: Buffer) => Buffer) => {
    const key = objectKey(shard, name)
    const before = await objects.read(key)
    await objects.delete(key)
    await objects.putIfAbsent(key, [changed(Buffer.from(before))])
  }
  const checkpointItem = async (): Promise<CheckpointItem> => {
    const item = await readCheckpointItem(items, shard)
    if (item === undefined) throw new Error('there is a checkpoint item')
    return item
  }
  /** Truncates and sweeps, and goes on. */
  const age = async () => {
    clock.move(anHourMs + 1)
    await append(1, 10)
    await truncate(lane.journal)
    await sweep(lane, objects, (await checkpointItem()).floor)
    await append(1, 3000)
  }
  const state = () => lane.state('confirmed')
  return {
    ...stores,
    clock,
    topics,
    topic,
    shard,
    lane,
    logs,
    bytes,
    append,
    flushed,
    age,
    audit,
    change,
    state,
    checkpointItem,
  }
}

export type Cluster = Awaited<ReturnType<typeof busyCluster>>

export const segmentOf = (state: State): Segment => {
  const [segment] = partitionOf(state, 0).segments
  if (segment === undefined) throw new Error('there is a segment')
  return segment
}

export const walOf = (state: State): string => {
  for (const { source } of partitionOf(state, 0).tail) if (source.in === 'object') return source.name
  throw new Error('the tail has an object')
}
