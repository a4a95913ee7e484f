import type { Clock } from '../journal/clock.ts'
import { shardsOf } from '../journal/topics.ts'
import { objectsOf } from '../log/state.ts'
import { maxPartitions, shardOf, type Topic } from '../log/topic.ts'
import type { Item } from '../store/items.ts'
import { deletionsPartition, type Shard, topicKey, topicNameKey, topicsPartition } from '../store/keys.ts'
import { auditJournal, type Found, type JournalAudit } from './audit-journal.ts'
import { auditObjects } from './audit-objects.ts'
import { type AuditCounts, addCounts, noCounts, type Problems } from './audit-report.ts'
import { type AuditStores, readOnly } from './audit-stores.ts'

/** Where an audit is: how many batches and segments of a shard are read, once it is known how many are to be. */
export type AuditProgress = {
  readonly topic: string
  readonly shard: number
  readonly read: number
  readonly toRead: number
}

export type AuditOptions = {
  readonly clock: Clock
  /** Pieces of each partition whose bytes are read: batches of its tail, blocks of its segments. Infinity: all. */
  readonly sample: number
  readonly problems: Problems
  readonly onProgress: (progress: AuditProgress) => void
}

/**
 * Whether everything that must hold of all journals in these stores does: problems go to `problems`, and what was looked
 * at is returned. Nothing is written. Others may write at the same time: what is told was so twice, and in between too.
 * Throws `StoreUnavailable` and `StoreSetupError`.
 */
export const auditLogs = async (stores: AuditStores, options: AuditOptions): Promise<AuditCounts> => {
  const { problems } = options
  const audited = readOnly(stores, options.clock)
  let counts = noCounts
  const known = new Set<string>()
  for await (const [name, topic] of documentsIn<TopicDocument>(audited, topicsPartition, isTopic, problems)) {
    if (topic.deleted) continue
    known.add(topic.id)
    counts = addCounts(counts, { topics: 1 })
    await auditName(audited, topic, problems)
    for (const shard of shardsOf(topic)) {
      options.onProgress({ topic: name, shard: shard.index, read: 0, toRead: 0 })
      counts = addCounts(counts, await auditShard(audited, topic, shard, options))
    }
  }
  const deletions = documentsIn<DeletionDocument>(audited, deletionsPartition, isDeletion, problems)
  for await (const _ of deletions) counts = addCounts(counts, { deletions: 1 })
  return addCounts(counts, await strays(audited, known))
}

type TopicDocument = Topic & { readonly deleted: boolean }

type DeletionDocument = Pick<Topic, 'id' | 'name' | 'shards'>

const isDeletion = ({ id, name, shards }: Partial<DeletionDocument>): boolean =>
  typeof id === 'string' && typeof name === 'string' && isCount(shards)

const isCount = (number: unknown): boolean =>
  typeof number === 'number' && Number.isInteger(number) && number >= 1 && number <= maxPartitions

const isTopic = (topic: Partial<TopicDocument>): boolean =>
  isDeletion(topic) && isCount(topic.partitions) && typeof topic.deleted === 'boolean'

/** Documents in one page of a query. */
const documentsPerPage = 1000

/** The documents of a partition that can be read; of the others a problem is told. */
async function* documentsIn<Value extends object>(
  { items }: AuditStores,
  partition: string,
  isWhole: (value: Partial<Value>) => boolean,
  problems: Problems,
): AsyncGenerator<readonly [string, Value]> {
  for (let after = ''; ; ) {
    const options = { after, before: '\uffff', limit: documentsPerPage, consistent: true }
    const page = await items.query(partition, options)
    for (const item of page.items) {
      const value = parsed<Value>(item, isWhole)
      if (value !== undefined) yield [item.sort, value]
      else problems.add({ kind: 'topic', topic: item.sort, what: `the document ${partition}/${item.sort} is damaged` })
    }
    after = page.items.at(-1)?.sort ?? after
    if (page.end) return
  }
}

const parsed = <Value extends object>(
  { body }: Item,
  isWhole: (value: Partial<Value>) => boolean,
): Value | undefined => {
  try {
    const value = JSON.parse(body.toString())
    return typeof value === 'object' && value !== null && isWhole(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Clients that know a topic by its id find its name. */
const auditName = async ({ items }: AuditStores, topic: Topic, problems: Problems): Promise<void> => {
  const name = await items.get(topicNameKey(topic.id), { consistent: true })
  if (name?.body.toString() === topic.name) return
  problems.add({ kind: 'topic', topic: topic.name, what: `the id ${topic.id} does not lead to this topic` })
}

const auditShard = async (
  stores: AuditStores,
  topic: Topic,
  shard: Shard,
  { sample, problems, onProgress }: AuditOptions,
): Promise<Partial<AuditCounts>> => {
  const journal = await auditJournal(stores, shard)
  const objects = journal.state
    ? await auditObjects(stores.objects, shard, {
        state: journal.state,
        checkpoint: journal.item?.object ?? '',
        sample,
        onRead: (read, toRead) => onProgress({ topic: topic.name, shard: shard.index, read, toRead }),
      })
    : { counts: noCounts, found: [] }
  const found = [...journal.found, ...misplaced(topic, shard, journal), ...(await still(stores, shard, objects.found))]
  // A topic may be deleted at any time, and everything of it goes then.
  if (found.length > 0 && (await isThere(stores, topic)))
    for (const { kind, partition, what } of found)
      problems.add({ kind, topic: topic.name, shard: shard.index, partition, what })
  return addCounts(objects.counts, { shards: 1, rows: journal.rows })
}

const misplaced = (topic: Topic, shard: Shard, { state }: JournalAudit): readonly Found[] =>
  [...(state?.partitions.keys() ?? [])]
    .filter((index) => shardOf(topic, index) !== shard.index)
    .map((partition) => ({ kind: 'coverage', partition, what: `partition ${partition} belongs to another shard` }))

/**
 * Those of the problems with objects that no flush or merge and sweep have made obsolete meanwhile. An object that is
 * named by a later state was named all the time.
 */
const still = async (stores: AuditStores, shard: Shard, found: readonly Found[]): Promise<readonly Found[]> => {
  if (found.length === 0) return found
  const { state } = await auditJournal(stores, shard)
  if (state === undefined) return found
  const named = objectsOf(state)
  return found.filter(({ object }) => object === undefined || named.has(object))
}

const isThere = async ({ items }: AuditStores, { name, id }: Topic): Promise<boolean> => {
  const item = await items.get(topicKey(name), { consistent: true })
  const current = item && parsed<TopicDocument>(item, isTopic)
  return item !== undefined && (current === undefined || (current.id === id && !current.deleted))
}

/** Keys of objects that are not of topics begin with this. */
const otherFolders = ['groups']

/** Objects of topics that are not there, or not any more: what a deletion has left for its second pass, or longer. */
const strays = async (stores: AuditStores, known: ReadonlySet<string>): Promise<Partial<AuditCounts>> => {
  const belongs = new Map<string, boolean>([...known, ...otherFolders].map((folder) => [folder, true]))
  let counts = noCounts
  for (let after = ''; ; ) {
    const page = await stores.objects.list('', after)
    for (const { key, sizeBytes } of page) {
      const folder = key.slice(0, key.indexOf('/'))
      const isOurs = belongs.get(folder) ?? (await isNew(stores, folder))
      belongs.set(folder, isOurs)
      if (!isOurs) counts = addCounts(counts, { orphans: 1, orphanBytes: sizeBytes })
    }
    const last = page.at(-1)
    if (last === undefined) return counts
    after = last.key
  }
}

/** Whether this is the id of a topic that was created while the others were looked at. */
const isNew = async (stores: AuditStores, topicId: string): Promise<boolean> => {
  const name = await stores.items.get(topicNameKey(topicId), { consistent: true })
  if (name === undefined) return false
  const item = await stores.items.get(topicKey(name.body.toString()), { consistent: true })
  const topic = item && parsed<TopicDocument>(item, isTopic)
  return topic?.id === topicId && !topic.deleted
}
