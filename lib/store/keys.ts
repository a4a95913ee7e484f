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
 *
 *   objects                                      what
 *   <topicId>/<shard>/wal/<ticket>-<random>      batches of one row
 *   <topicId>/<shard>/seg/<ticket>-<random>      batches of many rows, by partition
 *   <topicId>/<shard>/ckpt/<seq>-<random>        a state
 *
 * Topic ids are 22 characters of base64url; ticket and seq are 12 digits, so that text order is their order.
 */
import type { ItemKey } from './items.ts'

/** One journal: a shard of one topic. */
export type Shard = { readonly topicId: string; readonly index: number }

export const seqDigits = 12

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

/** Everything stored for a shard's objects starts with this. */
export const shardPrefix = (shard: Shard): string => `${shard.topicId}/${shard.index}/`

/** `name` is relative to the shard, as rows carry it: `wal/000000000012-k3J…`. */
export const objectKey = (shard: Shard, name: string): string => shardPrefix(shard) + name
