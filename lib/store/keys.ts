/**
 * Every key in the system.
 *
 *   items                                        what
 *   J#<topicId>#<shard> / <seq, 12 digits>       a row of the shard's journal
 *   J#<topicId>#<shard> / checkpoint             where its checkpoint is, and its floor; sorts after every row
 *   T / <topic name>                             the topic's document
 *   I / <topicId>                                the topic's name
 *   D / <topicId>                                a topic being deleted
 *   P / next                                     the next producer id nobody has
 *   M / cluster                                  the cluster id
 *   W / <topicId>#<shard>                        a hint: the shard has a tail
 *   W / full pass                                when maintenance last looked at every shard, and how far it is
 *   N / <node id, 10 digits>                     a gateway that shares these stores with others
 *   G / <group id>                               a group's document
 *   O#<life of the group> / <topicId>            the offsets a group has committed in a topic
 *   O#<life of the group> / ~snapshots           what it had committed before somebody moved it
 *
 *   objects                                      what
 *   <topicId>/<shard>/wal/<ticket>-<random>      batches of one row
 *   <topicId>/<shard>/seg/<ticket>-<random>      batches of many rows, by partition
 *   <topicId>/<shard>/ckpt/<seq>-<random>        a state
 *   groups/<life of the group>/<ticket>-<random> what a member says or is told, where it is too large for the document
 *
 * Topic ids are 22 characters of base64url; ticket and seq are 12 digits, so that text order is their order.
 * Group ids are any text and stand last in their key. A group that is deleted and made again has another life, 16
 * characters of base64url, so that nothing which is still under way can reach its successor.
 */
import type { ItemKey } from './items.ts'

/** One journal: a shard of one topic. */
export type Shard = { readonly topicId: string; readonly index: number }

const seqDigits = 12
/** Node ids are 31 bits in Kafka. */
const nodeIdDigits = 10

export const padSeq = (seq: number): string => String(seq).padStart(seqDigits, '0')

export const journalPartition = (shard: Shard): string => `J#${shard.topicId}#${shard.index}`

export const rowKey = (shard: Shard, seq: number): ItemKey => ({
  partition: journalPartition(shard),
  sort: padSeq(seq),
})

/** Rows sort below it: digits come before letters. */
export const checkpointSort = 'checkpoint'

export const checkpointKey = (shard: Shard): ItemKey => ({ partition: journalPartition(shard), sort: checkpointSort })

export const topicsPartition = 'T'
export const topicKey = (name: string): ItemKey => ({ partition: topicsPartition, sort: name })
export const topicNameKey = (topicId: string): ItemKey => ({ partition: 'I', sort: topicId })
export const deletionsPartition = 'D'
export const deletionKey = (topicId: string): ItemKey => ({ partition: deletionsPartition, sort: topicId })
export const producerIdsKey: ItemKey = { partition: 'P', sort: 'next' }
export const clusterKey: ItemKey = { partition: 'M', sort: 'cluster' }
/** One query shows everything that the next pass of maintenance needs to know. */
export const hintsPartition = 'W'
export const hintKey = ({ topicId, index }: Shard): ItemKey => ({
  partition: hintsPartition,
  sort: `${topicId}#${index}`,
})
/** The shard of a hint; undefined for what else is in the partition. */
export const shardOfHint = (sort: string): Shard | undefined => {
  const [topicId, index, ...more] = sort.split('#')
  return topicId && index && more.length === 0 ? { topicId, index: Number(index) } : undefined
}
export const fullPassKey: ItemKey = { partition: hintsPartition, sort: 'full pass' }
/** All nodes stand in one partition: one query lists them. */
export const nodesPartition = 'N'
export const nodeKey = (nodeId: number): ItemKey => ({
  partition: nodesPartition,
  sort: String(nodeId).padStart(nodeIdDigits, '0'),
})

export const groupsPartition = 'G'
export const groupKey = (groupId: string): ItemKey => ({ partition: groupsPartition, sort: groupId })
/** Group ids that are longer than a key of the store may be do not exist. */
export const maxGroupIdBytes = 1024
export const offsetsPartition = (life: string): string => `O#${life}`
export const offsetsKey = (life: string, topicId: string): ItemKey => ({
  partition: offsetsPartition(life),
  sort: topicId,
})
/** Topic ids sort below it. */
export const afterTopicIds = '~'
export const snapshotsKey = (life: string): ItemKey => ({
  partition: offsetsPartition(life),
  sort: `${afterTopicIds}snapshots`,
})
export const groupPrefix = (life: string): string => `groups/${life}/`
/** The ticket is the version of the document that the object was written for. */
export const groupObjectKey = (life: string, ticket: number, random: string): string =>
  `${groupPrefix(life)}${padSeq(ticket)}-${random}`

/** Everything stored for a shard's objects starts with this. */
export const shardPrefix = (shard: Shard): string => `${shard.topicId}/${shard.index}/`

/** `name` is relative to the shard, as rows carry it: `wal/000000000012-k3J…`. */
export const objectKey = (shard: Shard, name: string): string => shardPrefix(shard) + name
