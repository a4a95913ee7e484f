import type { Lane } from '../journal/lane.ts'
import { offsetAtTimestamp } from '../journal/read.ts'
import { shardOfPartition } from '../journal/topics.ts'
import { partitionOf } from '../log/state.ts'
import type { Topic } from '../log/topic.ts'
import type { HttpApi } from './api.ts'
import { type Cursor, decodeCursor, encodeCursor, isCursor } from './cursor.ts'
import { requirePartition } from './find-topic.ts'
import { HttpProblem } from './http-problem.ts'
import { PartitionReader, UnreadableBatch } from './partition-reader.ts'
import { timeFrom } from './point-in-time.ts'
import { expiredCursor } from './read-page.ts'

/** The last so many that can be asked for. */
const maxLast = 10_000
/** What finding them in several partitions looks at, records and bytes, and how long. */
const maxLookedAt = 100_000
const maxLookedAtBytes = 64 * 1024 * 1024
const maxLookMs = 10_000
/** Partitions that are looked at together. */
const partitionsAtOnce = 16

export const fromDescription =
  'earliest, latest, -10 (the last ten), a date and time, -2h, p0:1234 (an offset of a partition), or a cursor.'

/** Where reading begins. Throws a problem for what is no place, or none any more. */
export const cursorFrom = async (
  api: HttpApi,
  topic: Topic,
  from: string,
  partition: number | undefined,
): Promise<Cursor> => {
  if (partition !== undefined) requirePartition(topic, partition)
  const wanted = partition === undefined ? Array.from({ length: topic.partitions }, (_, index) => index) : [partition]
  if (isCursor(from)) return ownCursor(api, topic, from, partition)
  const at = (positions: ReadonlyMap<number, bigint>, isWhole = partition === undefined): Cursor => ({
    topicId: topic.id,
    isWhole,
    turn: 0,
    positions,
  })
  if (from === 'earliest') return at(new Map((await endsOf(api, topic, wanted)).map((one) => [one.index, one.start])))
  if (from === 'latest') return at(new Map((await endsOf(api, topic, wanted)).map((one) => [one.index, one.end])))
  if (/^-\d{1,9}$/.test(from)) return at(await lastOnes(api, topic, wanted, Number(from.slice(1))))
  const time = timeFrom(from, api.call.clock.now())
  if (time !== undefined) return at(await positionsAt(api, topic, wanted, time))
  const offsets = offsetsIn(from)
  if (offsets !== undefined) return at(await checkedOffsets(api, topic, offsets, partition), false)
  throw new HttpProblem('INVALID_REQUEST', `"${from.slice(0, 100)}" is no place to read from.`, {
    hint: fromDescription,
  })
}

type Ends = { readonly index: number; readonly lane: Lane; readonly start: bigint; readonly end: bigint }

/** From confirmed states: readers begin and end by them. */
const endsOf = async ({ call }: HttpApi, topic: Topic, indexes: readonly number[]): Promise<readonly Ends[]> => {
  const lanes = new Set(indexes.map((index) => call.logs.lane(shardOfPartition(topic, index))))
  const states = new Map(
    await Promise.all([...lanes].map(async (lane) => [lane, await lane.state('confirmed')] as const)),
  )
  return indexes.map((index) => {
    const lane = call.logs.lane(shardOfPartition(topic, index))
    const state = states.get(lane)
    if (state === undefined) throw new Error('every partition has a lane')
    const { logStartOffset: start, endOffset: end } = partitionOf(state, index)
    return { index, lane, start, end }
  })
}

const ownCursor = async (api: HttpApi, topic: Topic, text: string, partition: number | undefined): Promise<Cursor> => {
  const cursor = decodeCursor(text)
  const isOurs =
    cursor?.topicId === topic.id &&
    [...cursor.positions].every(([index, offset]) => index < topic.partitions && offset >= 0n)
  if (cursor === undefined || !isOurs) {
    const start = await cursorFrom(api, topic, 'earliest', partition)
    throw expiredCursor('This cursor is not one of this topic, or not any more.', encodeCursor(start))
  }
  if (partition === undefined) return cursor
  const offset = cursor.positions.get(partition)
  if (offset !== undefined) return { ...cursor, isWhole: false, positions: new Map([[partition, offset]]) }
  throw new HttpProblem('INVALID_REQUEST', `The cursor is not for partition ${partition}.`)
}

const positionsAt = async (
  api: HttpApi,
  topic: Topic,
  wanted: readonly number[],
  time: bigint,
): Promise<ReadonlyMap<number, bigint>> => {
  const ends = await endsOf(api, topic, wanted)
  const found = ends.map(async ({ index, lane, end }): Promise<readonly [number, bigint]> => {
    const record = await offsetAtTimestamp(lane, api.call.bytes, index, time)
    return [index, record?.offset ?? end]
  })
  return new Map(await Promise.all(found))
}

/** Where the last records of all partitions together begin, by time; of one partition, by offset. */
const lastOnes = async (
  api: HttpApi,
  topic: Topic,
  wanted: readonly number[],
  count: number,
): Promise<ReadonlyMap<number, bigint>> => {
  if (count > maxLast) {
    throw new HttpProblem('INVALID_REQUEST', `At most the last ${maxLast} records can be asked for.`)
  }
  const ends = await endsOf(api, topic, wanted)
  const starts = ends.map((one) => ({ ...one, from: max(one.start, one.end - BigInt(count)) }))
  const looked = starts.filter(({ from, end }) => from < end)
  if (looked.length <= 1) return new Map(starts.map(({ index, from }) => [index, from]))
  const last = await recordsOfAll(api, looked, count)
  const kept = last.sort((a, b) => (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0)).slice(-count)
  const positions = new Map(starts.map(({ index, end }) => [index, end]))
  for (const { index, offset } of kept) {
    const known = positions.get(index)
    if (known === undefined || offset < known) positions.set(index, offset)
  }
  return positions
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b)

const chunkBytes = 256 * 1024

type Last = { readonly index: number; readonly offset: bigint; readonly timestamp: bigint }
type Looked = Ends & { readonly from: bigint }

/** Throws a problem when they are more than one request may read. */
const recordsOfAll = async (api: HttpApi, looked: readonly Looked[], count: number): Promise<Last[]> => {
  const { clock } = api.call
  const untilMs = clock.now() + maxLookMs
  const records = looked.reduce((sum, { from, end }) => sum + end - from, 0n)
  let readBytes = 0
  const onRead = (sizeBytes: number): void => {
    readBytes += sizeBytes
    if (records <= maxLookedAt && readBytes <= maxLookedAtBytes && clock.now() <= untilMs) return
    const detail = `To find the last ${count} of ${looked.length} partitions takes more than one request may read.`
    const hint = 'Ask for fewer, for a time such as from=-2h, or for one partition with partition=0.'
    throw new HttpProblem('INVALID_REQUEST', detail, { hint })
  }
  // Too many are refused before anything is read.
  onRead(0)
  const found: Last[] = []
  for (let i = 0; i < looked.length; i += partitionsAtOnce) {
    const some = looked.slice(i, i + partitionsAtOnce)
    for (const one of await Promise.all(some.map((one) => recordsBetween(api, one, onRead)))) found.push(...one)
  }
  return found
}

const recordsBetween = async (
  { call }: HttpApi,
  { index, lane, from, end }: Looked,
  onRead: (sizeBytes: number) => void,
): Promise<readonly Last[]> => {
  const reader = new PartitionReader(lane, call.bytes, index, from, chunkBytes)
  const found: Last[] = []
  try {
    for (;;) {
      await reader.look(onRead)
      const { head } = reader
      if (head === undefined || head.offset >= end) return found
      found.push({ index, offset: head.offset, timestamp: head.timestamp })
      reader.take()
    }
  } catch (error) {
    // Whoever reads them is told.
    if (error instanceof UnreadableBatch) return found
    throw error
  }
}

/** `p0:1234,p1:7`. */
const offsetsIn = (from: string): ReadonlyMap<number, bigint> | undefined => {
  const positions = new Map<number, bigint>()
  for (const part of from.split(',')) {
    const found = /^p(\d{1,10}):(\d{1,16})$/.exec(part)
    if (found === null) return undefined
    positions.set(Number(found[1]), BigInt(found[2] ?? ''))
  }
  return positions
}

const checkedOffsets = async (
  api: HttpApi,
  topic: Topic,
  offsets: ReadonlyMap<number, bigint>,
  partition: number | undefined,
): Promise<ReadonlyMap<number, bigint>> => {
  const other = [...offsets.keys()].find((index) => partition !== undefined && index !== partition)
  if (other !== undefined) {
    throw new HttpProblem('INVALID_REQUEST', `"from" is for partition ${other}, "partition" is ${partition}.`)
  }
  const indexes = [...offsets.keys()].map((index) => requirePartition(topic, index))
  for (const { index, start, end } of await endsOf(api, topic, indexes)) {
    const offset = offsets.get(index) ?? 0n
    if (offset >= start && offset <= end) continue
    throw outOfRange(index, offset, { start, end })
  }
  return offsets
}

/** Said from a confirmed state. */
export const outOfRange = (
  partition: number,
  offset: bigint,
  { start, end }: { readonly start: bigint; readonly end: bigint },
): HttpProblem => {
  const detail = `Partition ${partition} has the offsets ${start} to ${end}, the end, and not ${offset}.`
  const members = { partition, earliest: Number(start), latest: Number(end) }
  return new HttpProblem('OFFSET_OUT_OF_RANGE', detail, { kafka: 'OFFSET_OUT_OF_RANGE', members })
}
