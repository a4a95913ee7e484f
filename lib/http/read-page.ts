import { shardOfPartition } from '../journal/topics.ts'
import type { ValueFormat } from '../log/config.ts'
import { type Partition, partitionOf } from '../log/state.ts'
import type { Topic } from '../log/topic.ts'
import type { HttpApi } from './api.ts'
import { type Cursor, encodeCursor } from './cursor.ts'
import { HttpProblem } from './http-problem.ts'
import { type Outgoing, outgoingFrom } from './outgoing.ts'
import { PartitionReader, UnreadableBatch } from './partition-reader.ts'
import { recordJson } from './record-json.ts'

export type PageOptions = {
  readonly limit: number
  /** Of the records as JSON; the first one may be larger. */
  readonly maxBytes: number
  readonly format: ValueFormat
  /** Which records are wanted; undefined: all. */
  readonly isWanted: ((record: Outgoing) => boolean) | undefined
}

export type Page = {
  /** Records as JSON, with where a reader is behind each. */
  readonly records: readonly { readonly json: string; readonly partition: number; readonly offset: number }[]
  readonly next: Cursor
  /** Everything that was in the topic when it was looked at is before `next`. */
  readonly upToDate: boolean
  /** Records that were looked at. */
  readonly scanned: number
}

/** Records and bytes that one page looks at, wanted or not, and how long. */
const maxScanned = 100_000
const maxReadBytes = 32 * 1024 * 1024
const maxScanMs = 5000
/** Partitions that are read at once; the others have their turn on the next page. */
const partitionsAtOnce = 64
const minChunkBytes = 64 * 1024
const maxChunkBytes = 1024 * 1024
/** How often the end is looked at again when there is more behind it than was known, before nothing is answered. */
const maxLooks = 3

/** The next records from a cursor on: of each partition in order, among partitions by time. */
export const readPage = async (api: HttpApi, topic: Topic, from: Cursor, options: PageOptions): Promise<Page> => {
  let cursor = await withNewPartitions(api, topic, from)
  let scanned = 0
  let how: 'known' | 'confirmed' = 'known'
  for (let look = 0; ; look++) {
    const partitions = await partitionsAt(api, topic, cursor, how)
    const pending = partitions.filter(({ index, endOffset }) => positionIn(cursor, index) < endOffset)
    if (pending.length > 0) {
      const read = await readPending(api, topic, cursor, pending, options)
      cursor = read.next
      scanned += read.scanned
      if (read.records.length > 0 || read.isCut || look === maxLooks) {
        const upToDate = !read.isCut && (await isAtEnd(api, topic, cursor))
        return { records: read.records, next: cursor, upToDate, scanned }
      }
    } else if (how === 'confirmed') return { records: [], next: cursor, upToDate: true, scanned }
    how = 'confirmed'
  }
}

/** Partitions that were added after the cursor was made begin where they begin. */
const withNewPartitions = async ({ call }: HttpApi, topic: Topic, cursor: Cursor): Promise<Cursor> => {
  if (!cursor.isWhole || cursor.positions.size === topic.partitions) return cursor
  const positions = new Map(cursor.positions)
  for (let index = 0; index < topic.partitions; index++) {
    if (positions.has(index)) continue
    const state = await call.logs.lane(shardOfPartition(topic, index)).state('known')
    positions.set(index, partitionOf(state, index).logStartOffset)
  }
  return { ...cursor, positions }
}

const positionIn = (cursor: Cursor, index: number): bigint => cursor.positions.get(index) ?? 0n

/** The partitions of a cursor as they are. Throws a problem where one does not have the cursor's position. */
const partitionsAt = async (
  api: HttpApi,
  topic: Topic,
  cursor: Cursor,
  how: 'known' | 'confirmed',
): Promise<readonly Partition[]> => {
  const isMissing = ({ index, logStartOffset, endOffset }: Partition) =>
    positionIn(cursor, index) < logStartOffset || positionIn(cursor, index) > endOffset
  const known = await partitionsOf(api, topic, cursor, how)
  if (!known.some(isMissing)) return known
  const confirmed = how === 'confirmed' ? known : await partitionsOf(api, topic, cursor, 'confirmed')
  if (confirmed.some(isMissing)) throw expired(topic, confirmed, cursor)
  return confirmed
}

const partitionsOf = async (
  { call }: HttpApi,
  topic: Topic,
  cursor: Cursor,
  how: 'known' | 'confirmed',
): Promise<readonly Partition[]> => {
  const indexes = [...cursor.positions.keys()]
  const lanes = new Set(indexes.map((index) => call.logs.lane(shardOfPartition(topic, index))))
  const states = new Map(
    await Promise.all([...lanes].map(async (lane) => [lane.journal.shard.index, await lane.state(how)] as const)),
  )
  return indexes.map((index) => {
    const state = states.get(shardOfPartition(topic, index).index)
    if (state === undefined) throw new Error('every partition is in a shard')
    return partitionOf(state, index)
  })
}

/** The cursor has to begin again, at the earliest records there are. */
const expired = (topic: Topic, partitions: readonly Partition[], { isWhole }: Cursor): HttpProblem => {
  const positions = new Map(partitions.map(({ index, logStartOffset }) => [index, logStartOffset]))
  const earliest = encodeCursor({ topicId: topic.id, isWhole, turn: 0, positions })
  const detail = 'Some of what comes after this cursor has been deleted.'
  return expiredCursor(detail, earliest)
}

/** 410 with the cursor to begin again with. */
export const expiredCursor = (detail: string, earliest: string): HttpProblem =>
  new HttpProblem('CURSOR_EXPIRED', detail, {
    hint: 'Begin again with the cursor in "earliest", or with from=latest.',
    members: { earliest },
  })

type ReadPending = Pick<Page, 'records' | 'next' | 'scanned'> & {
  /** A limit ended it, not the end of what is there. */
  readonly isCut: boolean
}

const readPending = async (
  { call, maxAnswerBytes }: HttpApi,
  topic: Topic,
  cursor: Cursor,
  pending: readonly Partition[],
  options: PageOptions,
): Promise<ReadPending> => {
  const { logs, bytes, clock } = call
  const turned = inTurn(pending, cursor.turn)
  const chosen = turned.slice(0, partitionsAtOnce)
  const chunkBytes = Math.min(Math.max(Math.ceil(options.maxBytes / chosen.length), minChunkBytes), maxChunkBytes)
  const readers = chosen.map(({ index }) => {
    const lane = logs.lane(shardOfPartition(topic, index))
    return new PartitionReader(lane, bytes, index, positionIn(cursor, index), chunkBytes)
  })
  const untilMs = clock.now() + maxScanMs
  let readBytes = 0
  const onRead = (sizeBytes: number): void => {
    readBytes += sizeBytes
  }
  const records: { json: string; partition: number; offset: number }[] = []
  let [jsonBytes, scanned, scannedBytes] = [0, 0, 0]
  let isCut = chosen.length < turned.length
  const nextAfter = (skipped?: UnreadableBatch): Cursor => {
    const positions = new Map(cursor.positions)
    for (const reader of readers) positions.set(reader.partition, reader.position)
    if (skipped) positions.set(skipped.partition, skipped.endOffset)
    const turn = chosen.length < turned.length ? (chosen.at(-1)?.index ?? 0) + 1 : 0
    return { ...cursor, turn, positions }
  }
  /** Tells whether what follows can be read; what comes before it is answered first. */
  const look = async (reader: PartitionReader): Promise<boolean> => {
    try {
      await reader.look(onRead)
      return true
    } catch (error) {
      if (!(error instanceof UnreadableBatch)) throw error
      if (records.length === 0) throw unreadable(error, nextAfter(error))
      return false
    }
  }
  for (const isReadable of await Promise.all(readers.map(look))) isCut ||= !isReadable
  for (;;) {
    const reader = earliest(readers)
    if (reader?.head === undefined) break
    const isSpent =
      scanned >= maxScanned || scannedBytes >= maxReadBytes || readBytes >= maxReadBytes || clock.now() > untilMs
    if (records.length >= options.limit || (isSpent && scanned > 0)) {
      isCut = true
      break
    }
    const { head } = reader
    const told = outgoingFrom(reader.partition, head, options.format)
    scanned += 1
    scannedBytes += (head.key?.length ?? 0) + (head.value?.length ?? 0)
    if (options.isWanted === undefined || options.isWanted(told)) {
      const json = recordJson(told, head, maxAnswerBytes)
      jsonBytes += Buffer.byteLength(json)
      if (records.length > 0 && jsonBytes > options.maxBytes) {
        isCut = true
        break
      }
      records.push({ json, partition: reader.partition, offset: told.offset })
    }
    reader.take()
    if (await look(reader)) continue
    isCut = true
    break
  }
  return { records, next: nextAfter(), scanned, isCut }
}

const unreadable = ({ partition, endOffset, message }: UnreadableBatch, next: Cursor): HttpProblem => {
  const detail = `The records before offset ${endOffset} of partition ${partition} cannot be read: ${message}.`
  const hint = 'They are as their producer sent them. The cursor in "next" goes on behind them.'
  return new HttpProblem('UNREADABLE', detail, {
    hint,
    kafka: 'CORRUPT_MESSAGE',
    members: { next: encodeCursor(next) },
  })
}

const inTurn = (partitions: readonly Partition[], turn: number): readonly Partition[] => [
  ...partitions.filter(({ index }) => index >= turn),
  ...partitions.filter(({ index }) => index < turn),
]

const earliest = (readers: readonly PartitionReader[]): PartitionReader | undefined => {
  let first: PartitionReader | undefined
  for (const reader of readers) {
    if (reader.head && (first?.head === undefined || reader.head.timestamp < first.head.timestamp)) first = reader
  }
  return first
}

/** Said from a state that was confirmed after the reading. */
const isAtEnd = async (api: HttpApi, topic: Topic, cursor: Cursor): Promise<boolean> => {
  const partitions = await partitionsOf(api, topic, cursor, 'confirmed')
  return partitions.every(({ index, endOffset }) => positionIn(cursor, index) >= endOffset)
}
