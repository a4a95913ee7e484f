import type { Context } from 'hono'
import type { Lane } from '../journal/lane.ts'
import { fetchRecords } from '../journal/read.ts'
import { shardOfPartition } from '../journal/topics.ts'
import { endOf } from '../log/slice.ts'
import { partitionOf } from '../log/state.ts'
import type { Topic } from '../log/topic.ts'
import type { HttpApi } from './api.ts'
import { type Cursor, encodeCursor } from './cursor.ts'
import { HttpProblem } from './http-problem.ts'
import { outOfRange } from './read-from.ts'

/**
 * Batches of one partition as they are stored, with their true offsets, for clients that read them themselves. The first
 * may begin before the cursor. `wadi-next` and `wadi-up-to-date` are headers, because batches have no room for them.
 */
export const storedBatches = async (
  c: Context,
  { call }: HttpApi,
  topic: Topic,
  cursor: Cursor,
  maxBytes: number,
): Promise<Response> => {
  const [position, ...more] = cursor.positions
  if (position === undefined || more.length > 0) {
    const detail = 'Stored batches are read from one partition at a time.'
    throw new HttpProblem('INVALID_REQUEST', detail, { hint: 'Add ?partition=0.' })
  }
  const [partition, offset] = position
  const lane = call.logs.lane(shardOfPartition(topic, partition))
  const fetched = await fetchRecords(lane, call.bytes, partition, { offset, maxBytes, atLeastOne: true })
  if (fetched.outcome === 'out of range') {
    throw outOfRange(partition, offset, { start: fetched.logStartOffset, end: fetched.highWatermark })
  }
  const bytes = Buffer.concat(fetched.records)
  const end = bytes.length === 0 ? offset : endOf(bytes)
  const next = encodeCursor({ ...cursor, positions: new Map([[partition, end]]) })
  c.header('wadi-next', next)
  c.header('wadi-up-to-date', String(end >= fetched.highWatermark && (await isEnd(lane, partition, end))))
  c.header('cache-control', 'no-store')
  c.header('content-type', 'application/vnd.wadi.batch')
  return c.body(new Uint8Array(bytes))
}

/** Said from a state that was confirmed after the reading. */
const isEnd = async (lane: Lane, partition: number, offset: bigint): Promise<boolean> =>
  offset >= partitionOf(await lane.state('confirmed'), partition).endOffset
