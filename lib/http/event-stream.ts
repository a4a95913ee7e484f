import type { Context } from 'hono'
import { describe } from '../broker/failures.ts'
import type { Topic } from '../log/topic.ts'
import type { HttpApi } from './api.ts'
import { type Cursor, encodeCursor } from './cursor.ts'
import { problemOf } from './failure.ts'
import { HttpProblem } from './http-problem.ts'
import { problemJson } from './problem.ts'
import { type Page, type PageOptions, readPage } from './read-page.ts'

/** Telling the place again keeps proxies from ending a stream on which nothing happens. */
const placeEveryMs = 15_000
/** Growth that this process does not see is found by looking again. */
const lookEveryMs = 1000
/** What the ids of one page may take together: a topic with very many partitions has long ones. */
const maxIdCharacters = 500_000

/**
 * Records as server-sent events (WHATWG HTML): `record` with the cursor behind it as its id, `caught-up` when there is
 * nothing more, `problem` when it cannot go on, and an id alone where records were looked at and none was wanted. It ends
 * by itself, and a client comes back with `Last-Event-ID`; at once when there is nothing more and no way to wait.
 */
export const eventStream = (c: Context, api: HttpApi, topic: Topic, cursor: Cursor, options: PageOptions): Response => {
  const gone = new AbortController()
  const events = eventsOf(api, topic, cursor, options, AbortSignal.any([gone.signal, api.stopping]))
  const encoder = new TextEncoder()
  const source = {
    pull: async (controller: ReadableStreamDefaultController<Uint8Array>) => {
      const next = await events.next()
      if (next.done) controller.close()
      else controller.enqueue(encoder.encode(next.value))
    },
    cancel: async () => {
      gone.abort()
      await events.return(undefined)
    },
  }
  // Nothing begins before somebody reads: nobody reads the answer to HEAD, and nobody would end it.
  const stream = new ReadableStream<Uint8Array>(source, { highWaterMark: 0 })
  c.header('content-type', 'text/event-stream')
  c.header('cache-control', 'no-store')
  c.header('x-accel-buffering', 'no')
  return c.body(stream)
}

const event = (name: string, data: string, id?: string): string =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${data}\n\n`

/** Nobody is told of an event without data, but whoever comes back goes on from its id. */
const placeOnly = (cursor: Cursor): string => `id: ${encodeCursor(cursor)}\n\n`

async function* eventsOf(
  api: HttpApi,
  topic: Topic,
  from: Cursor,
  options: PageOptions,
  stop: AbortSignal,
): AsyncGenerator<string, void> {
  const { clock } = api.call
  const untilMs = clock.now() + api.maxStreamMs
  const listening = api.growth?.(topic.id)
  let cursor = from
  let isCaughtUp = false
  let saidMs = clock.now()
  try {
    do {
      const page = await readPage(api, topic, cursor, options)
      const told = pageEvents(cursor, page)
      if (told !== '') {
        yield told
        saidMs = clock.now()
      }
      isCaughtUp = isCaughtUp && page.records.length === 0
      cursor = page.next
      if (!page.upToDate) continue
      if (!isCaughtUp) {
        const next = encodeCursor(cursor)
        yield event('caught-up', JSON.stringify({ next }), next)
        saidMs = clock.now()
        isCaughtUp = true
      }
      if (listening === undefined) return
      await listening.grown(Math.min(lookEveryMs, Math.max(0, untilMs - clock.now())), stop)
      if (clock.now() - saidMs >= placeEveryMs) {
        yield placeOnly(cursor)
        saidMs = clock.now()
      }
      // One page at least, however little time there is.
    } while (!stop.aborted && clock.now() < untilMs)
  } catch (error) {
    const problem = error instanceof HttpProblem ? error : problemOf(error, 'GET')
    if (problem.code === 'INTERNAL') api.call.log(describe(error))
    yield event('problem', problemJson(problem.told()))
  } finally {
    listening?.close()
  }
}

const pageEvents = (from: Cursor, { records, next, upToDate }: Page): string => {
  if (records.length > 0) return recordEvents(from, records, next)
  return upToDate ? '' : placeOnly(next)
}

/**
 * Each record with where a reader is behind it; the last with where the page ends, which may be further. Where that is too
 * much, only the last: whoever is cut off before it reads the page once more.
 */
const recordEvents = (from: Cursor, records: Page['records'], next: Cursor): string => {
  const end = encodeCursor(next)
  const hasAllIds = end.length * records.length <= maxIdCharacters
  const positions = new Map(next.positions)
  for (const { partition } of records) positions.set(partition, from.positions.get(partition) ?? 0n)
  return records
    .map(({ json, partition, offset }, i) => {
      if (i === records.length - 1) return event('record', json, end)
      positions.set(partition, BigInt(offset) + 1n)
      return event('record', json, hasAllIds ? encodeCursor({ ...from, positions }) : undefined)
    })
    .join('')
}
