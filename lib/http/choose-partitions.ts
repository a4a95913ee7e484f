import type { Call } from '../broker/context.ts'
import { producerOf, singleWriteKnownMs } from '../log/producers.ts'
import { partitionOf } from '../log/state.ts'
import { formerPartitions, shardOf, type Topic } from '../log/topic.ts'
import { murmur2, partitionOfKey } from '../protocol/partitioner.ts'
import { requirePartition } from './find-topic.ts'
import { HttpProblem } from './http-problem.ts'
import type { Conditions, Identity } from './identity.ts'
import type { Incoming } from './incoming.ts'

type Terms = { readonly identity: Identity; readonly conditions: Conditions }

/** The partition of each record: its own, its key's, or that of the request. A repeat goes where the first has gone. */
export const choosePartitions = async (
  call: Call,
  topic: Topic,
  records: readonly Incoming[],
  terms: Terms,
): Promise<readonly number[]> => {
  const { identity, conditions } = terms
  for (const partition of conditions.keys()) requirePartition(topic, partition)
  for (const { partition } of records) if (partition !== undefined) requirePartition(topic, partition)
  const chosen = placed(call, topic.partitions, records, terms)
  if (identity.kind === 'producer' && new Set(chosen).size > 1) {
    const detail = 'Producer-Seq counts the records of one partition; these are for several.'
    throw new HttpProblem('INVALID_REQUEST', detail, { hint: 'Send one request for each partition.' })
  }
  if (identity.kind !== 'key') return chosen
  const former = formerPartitions(topic, call.clock.now() - singleWriteKnownMs)
    .map((partitions) => placed(call, partitions, records, terms))
    .filter((other) => other.some((partition, i) => partition !== chosen[i]))
  return former.length === 0 ? chosen : asWritten(call, topic, [chosen, ...former], identity.producerId)
}

/** The same for a topic of so many partitions. */
const placed = (call: Call, partitions: number, records: readonly Incoming[], terms: Terms): readonly number[] => {
  let own: number | undefined
  const ofRequest = (): number => {
    own ??= requestPartition(call, partitions, terms)
    return own
  }
  return records.map(
    ({ partition, key }) => partition ?? (key === null ? ofRequest() : partitionOfKey(key, partitions)),
  )
}

/** Where records without a key and a partition go, all of one request to the same. */
const requestPartition = ({ clock }: Call, partitions: number, { identity, conditions }: Terms): number => {
  const [condition, ...more] = conditions.keys()
  if (condition !== undefined && more.length === 0) return condition
  switch (identity.kind) {
    case 'none':
      return Math.floor(clock.random() * partitions)
    case 'key':
      return (murmur2(Buffer.from(identity.key)) & 0x7fff_ffff) % partitions
    case 'producer': {
      if (partitions === 1) return 0
      const detail = 'With Producer-Id, records say which partition they are for.'
      throw new HttpProblem('INVALID_REQUEST', detail, { hint: 'Add ?partition=0, or give records a "partition".' })
    }
  }
}

/**
 * Of several ways to place the records the one in which they were written under this id, wholly or, where a journal did
 * not answer, in part; else the first. It asks every journal that they could be in: only worth it for the while after
 * partitions were added.
 */
const asWritten = async (
  { logs }: Call,
  topic: Topic,
  ways: readonly (readonly number[])[],
  producerId: bigint,
): Promise<readonly number[]> => {
  const written = new Map<number, number>()
  const shards = Map.groupBy(new Set(ways.flat()), (partition) => shardOf(topic, partition))
  const look = async ([index, partitions]: readonly [number, readonly number[]]): Promise<void> => {
    const state = await logs.lane({ topicId: topic.id, index }).state('confirmed')
    for (const partition of partitions) {
      const batches = producerOf(partitionOf(state, partition).producers, producerId)?.last
      if (batches) written.set(partition, sumOf(batches))
    }
  }
  await Promise.all([...shards].map(look))
  const fitting = ways.filter((way) => {
    const counts = countsOf(way)
    return [...written].every(([partition, count]) => counts.get(partition) === count)
  })
  return fitting.find((way) => new Set(way).size === written.size) ?? fitting[0] ?? ways[0] ?? []
}

const sumOf = (batches: readonly { readonly count: number }[]): number =>
  batches.reduce((sum, { count }) => sum + count, 0)

const countsOf = (partitions: readonly number[]): ReadonlyMap<number, number> => {
  const counts = new Map<number, number>()
  for (const partition of partitions) counts.set(partition, (counts.get(partition) ?? 0) + 1)
  return counts
}
