/** What is known of a topic besides its journal. `shards` is fixed when it is created; partitions only grow. */
export type Topic = {
  readonly name: string
  /** 22 characters of base64url, as Kafka prints ids. */
  readonly id: string
  readonly partitions: number
  readonly shards: number
  /** Only what was set; the rest are defaults (`config.ts`). */
  readonly configs: Readonly<Record<string, string>>
  /** How many partitions there were before some were added, and until when; oldest first, at most `maxFormer`. */
  readonly formerly?: readonly { readonly partitions: number; readonly untilMs: number }[]
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

/** So many former numbers of partitions are kept: what was written under older ones is looked for no more. */
const maxFormer = 16

/** The topic with so many partitions; with those it has, if they are more. */
export const withPartitions = (topic: Topic, partitions: number, nowMs: number): Topic => {
  if (partitions <= topic.partitions) return topic
  const formerly = [...(topic.formerly ?? []), { partitions: topic.partitions, untilMs: nowMs }].slice(-maxFormer)
  return { ...topic, partitions, formerly }
}

/** How many partitions there were at any time since then, other than now; latest first. */
export const formerPartitions = ({ formerly = [] }: Topic, sinceMs: number): readonly number[] =>
  formerly
    .filter(({ untilMs }) => untilMs >= sinceMs)
    .map(({ partitions }) => partitions)
    .toReversed()

/** Why this is no name for a topic, or undefined when it is (Kafka docs: topic names). */
export const nameProblem = (name: string): string | undefined => {
  if (name === '') return 'a topic name is not empty'
  if (name === '.' || name === '..') return `a topic name is not "${name}"`
  if (name.length > maxNameCharacters) return `a topic name has at most ${maxNameCharacters} characters`
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) return 'a topic name has only ASCII letters, digits, ".", "_" and "-"'
  return undefined
}
