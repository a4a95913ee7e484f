/** What is known of a topic besides its journal. `shards` is fixed when it is created; partitions only grow. */
export type Topic = {
  readonly name: string
  /** 22 characters of base64url, as Kafka prints ids. */
  readonly id: string
  readonly partitions: number
  readonly shards: number
  /** Only what was set; the rest are defaults (`config.ts`). */
  readonly configs: Readonly<Record<string, string>>
}

/** A shard's state stays small enough to be loaded in one read. */
const maxPartitionsPerShard = 64
/** One shard per started so many partitions, unless `wadi.shards` says otherwise. */
const partitionsPerShard = 16
/** Metadata of a topic stays a small answer. */
export const maxPartitions = 4096
const maxNameCharacters = 249

export const defaultShards = (partitions: number): number => Math.ceil(partitions / partitionsPerShard)

/** The most partitions that a topic with so many shards can ever have. */
export const partitionLimit = (shards: number): number => Math.min(maxPartitions, shards * maxPartitionsPerShard)

export const shardOf = (topic: Pick<Topic, 'shards'>, partitionIndex: number): number => partitionIndex % topic.shards

/** Why this is no name for a topic, or undefined when it is (Kafka docs: topic names). */
export const nameProblem = (name: string): string | undefined => {
  if (name === '') return 'a topic name is not empty'
  if (name === '.' || name === '..') return `a topic name is not "${name}"`
  if (name.length > maxNameCharacters) return `a topic name has at most ${maxNameCharacters} characters`
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) return 'a topic name has only ASCII letters, digits, ".", "_" and "-"'
  return undefined
}
