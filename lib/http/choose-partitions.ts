import type { Call } from '../broker/context.ts'
import { shardsOf } from '../journal/topics.ts'
import { producerOf } from '../log/producers.ts'
import type { Topic } from '../log/topic.ts'
import { murmur2, partitionOfKey } from '../protocol/partitioner.ts'
import { requirePartition } from './find-topic.ts'
import { HttpProblem } from './http-problem.ts'
import type { Conditions, Identity } from './identity.ts'
import type { Incoming } from './incoming.ts'

type Terms = { readonly identity: Identity; readonly conditions: Conditions }

/** The partition of each record: its own, its key's, or that of the request. */
export const choosePartitions = (
  call: Call,
  topic: Topic,
  records: readonly Incoming[],
  { identity, conditions }: Terms,
): readonly number[] => {
  for (const partition of conditions.keys()) requirePartition(topic, partition)
  let own: number | undefined
  const ofRequest = (): number => {
    own ??= requestPartition(call, topic, { identity, conditions })
    return own
  }
  const partitions = records.map(({ partition, key }) => {
    if (partition !== undefined) return requirePartition(topic, partition)
    return key === null ? ofRequest() : partitionOfKey(key, topic.partitions)
  })
  if (identity.kind === 'producer' && new Set(partitions).size > 1) {
    const detail = 'Producer-Seq counts the records of one partition; these are for several.'
    throw new HttpProblem('INVALID_REQUEST', detail, { hint: 'Send one request for each partition.' })
  }
  return partitions
}

/** Where records without a key and a partition go, all of one request to the same. */
const requestPartition = ({ logs, clock }: Call, topic: Topic, { identity, conditions }: Terms): number => {
  const { partitions } = topic
  const [condition, ...more] = conditions.keys()
  if (condition !== undefined && more.length === 0) return condition
  switch (identity.kind) {
    case 'none':
      return Math.floor(clock.random() * partitions)
    case 'key': {
      const chosen = (murmur2(Buffer.from(identity.key)) & 0x7fff_ffff) % partitions
      const written = shardsOf(topic).flatMap((shard) =>
        [...(logs.known(shard)?.partitions.values() ?? [])].flatMap(({ index, producers }) =>
          producerOf(producers, identity.producerId) === undefined ? [] : [index],
        ),
      )
      // Partitions may have been added since: a repeat goes where the write is known to have gone.
      return written.includes(chosen) ? chosen : (written[0] ?? chosen)
    }
    case 'producer': {
      if (partitions === 1) return 0
      const detail = 'With Producer-Id, records say which partition they are for.'
      throw new HttpProblem('INVALID_REQUEST', detail, { hint: 'Add ?partition=0, or give records a "partition".' })
    }
  }
}
