import * as z from 'zod/mini'
import type { Call } from '../broker/context.ts'
import { shardsOf } from '../journal/topics.ts'
import { partitionOf } from '../log/state.ts'
import { shardOf, type Topic } from '../log/topic.ts'
import { settingsOf } from './topic-settings.ts'

const described = z.object({
  name: z.string(),
  id: z.string(),
  partitions: z.int(),
  shards: z.int(),
  retentionMs: z.int(),
  retentionBytes: z.int(),
  maxMessageBytes: z.int(),
  cleanupPolicy: z.string(),
  compressionType: z.string(),
  timestampType: z.string(),
  valueFormat: z.string(),
  configs: z.record(z.string(), z.string()),
})

export const topicSchema = described

const partitionSchema = z.object({
  partition: z.int(),
  earliest: z.int(),
  latest: z.int(),
  records: z.int(),
  bytes: z.int(),
})

export const measuredTopicSchema = z.object({
  ...described.shape,
  records: z.int(),
  bytes: z.int(),
  offsets: z.array(partitionSchema),
})

export const topicListSchema = z.object({
  topics: z.array(z.object({ name: z.string(), id: z.string(), partitions: z.int(), valueFormat: z.string() })),
  next: z.nullable(z.string()),
})

export type PartitionOffsets = z.infer<typeof partitionSchema>

/** What is known of a topic without looking into its log. */
export const describeTopic = (topic: Topic) => {
  const { name, id, partitions, shards, configs } = topic
  return { name, id, partitions, shards, ...settingsOf(topic), configs }
}

/** Where each partition begins and ends, from a confirmed state, and what it holds. */
export const measurePartitions = async ({ logs }: Call, topic: Topic): Promise<readonly PartitionOffsets[]> => {
  const states = await Promise.all(shardsOf(topic).map((shard) => logs.lane(shard).state('confirmed')))
  return Array.from({ length: topic.partitions }, (_, index) => {
    const state = states[shardOf(topic, index)]
    if (state === undefined) throw new Error('every partition is in a shard')
    const { logStartOffset, endOffset, segments, tail } = partitionOf(state, index)
    const bytes = [...segments, ...tail].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const [earliest, latest] = [Number(logStartOffset), Number(endOffset)]
    return { partition: index, earliest, latest, records: latest - earliest, bytes }
  })
}

export const sumOf = (partitions: readonly PartitionOffsets[]) => ({
  records: partitions.reduce((sum, { records }) => sum + records, 0),
  bytes: partitions.reduce((sum, { bytes }) => sum + bytes, 0),
})
