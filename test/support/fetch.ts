import { Consumer, stringDeserializers } from '@platformatic/kafka'

export type FetchedRecord = {
  readonly partition: number
  readonly offset: bigint
  readonly timestamp: bigint
  readonly key: string | undefined
  readonly value: string | undefined
}

const maxBytes = 16 * 1024 * 1024
const maxWaitMs = 500

/**
 * Every record of a topic, partition by partition, fetched by offset and without a group: for the suites of clients that
 * can only read as members of one. Reads as @platformatic/kafka does, by topic id and with the newest versions.
 */
export const fetchTopic = async (bootstrap: string, topic: string): Promise<readonly FetchedRecord[]> => {
  const client = { clientId: 'suite', bootstrapBrokers: [bootstrap] }
  const consumer = new Consumer({ ...client, groupId: 'unused', deserializers: stringDeserializers })
  try {
    const metadata = await consumer.metadata({ topics: [topic] })
    const described = metadata.topics.get(topic)
    if (described === undefined) throw new Error(`No topic ${topic}`)
    const ends = (await consumer.listOffsets({ topics: [topic], timestamp: -1n })).get(topic) ?? []
    const starts = (await consumer.listOffsets({ topics: [topic], timestamp: -2n })).get(topic) ?? []
    const records: FetchedRecord[] = []
    for (const [partition, end] of ends.entries()) {
      let offset = starts[partition] ?? 0n
      while (offset < end) {
        const leader = described.partitions[partition]?.leader ?? 1
        const fetched = await fetchPartition(consumer, { topicId: described.id, partition, offset, leader })
        const fresh = fetched.filter((record) => record.offset >= offset)
        if (fresh.length === 0)
          throw new Error(`Nothing at offset ${offset} of ${topic}-${partition}, which ends at ${end}`)
        records.push(...fresh)
        offset = (fresh.at(-1)?.offset ?? offset) + 1n
      }
    }
    return records
  } finally {
    await consumer.close(true)
  }
}

type Place = {
  readonly topicId: string
  readonly partition: number
  readonly offset: bigint
  readonly leader: number
}

const fetchPartition = async (
  consumer: Consumer<string, string, string, string>,
  { topicId, partition, offset, leader }: Place,
): Promise<readonly FetchedRecord[]> => {
  const asked = {
    partition,
    fetchOffset: offset,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    partitionMaxBytes: maxBytes,
  }
  const topics = [{ topicId, partitions: [asked] }]
  const answer = await consumer.fetch({ node: leader, topics, minBytes: 1, maxBytes, maxWaitTime: maxWaitMs })
  const batches = answer.responses.flatMap((response) => response.partitions).flatMap(({ records }) => records ?? [])
  return batches.flatMap((batch) =>
    batch.records.map((record) => ({
      partition,
      offset: batch.firstOffset + BigInt(record.offsetDelta),
      timestamp: batch.firstTimestamp + record.timestampDelta,
      key: record.key?.toString(),
      value: record.value?.toString(),
    })),
  )
}
