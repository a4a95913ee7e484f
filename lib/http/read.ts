import { createHash } from 'node:crypto'
import type { Context } from 'hono'
import * as z from 'zod/mini'
import { shardOfPartition } from '../journal/topics.ts'
import { partitionOf } from '../log/state.ts'
import type { Topic } from '../log/topic.ts'
import type { HttpApi, Part } from './api.ts'
import { type Cursor, encodeCursor, isCursor } from './cursor.ts'
import { eventStream } from './event-stream.ts'
import { findTopic } from './find-topic.ts'
import { acceptedType } from './media-type.ts'
import { outgoingSchema } from './outgoing.ts'
import { topicParams } from './parameters.ts'
import { cursorFrom } from './read-from.ts'
import { type Page, type PageOptions, readPage } from './read-page.ts'
import { pageOptions, type ReadQuery, readQuery } from './read-query.ts'
import { recordRoute } from './read-record.ts'
import { type Route, route } from './route.ts'
import { storedBatches } from './stored-batches.ts'
import { configValue } from './topic-settings.ts'

/** Reading: pages, streams, stored batches, and single records. */
export const readRoutes: Part = (api) => [read(api), recordRoute(api)]

const types = ['application/json', 'application/x-ndjson', 'text/event-stream', 'application/vnd.wadi.batch'] as const

/** What a `Link` header may take: doors and clients take 8 to 16 KB of headers in all. `next` is in the body, always. */
const maxLinkCharacters = 4096

/** Others may write to the topic: growth that this process does not see is found by looking again. */
const lookEveryMs = 1000

const read = (api: HttpApi): Route =>
  route({
    method: 'get',
    path: '/v1/topics/{topic}/records',
    operationId: 'read',
    summary: 'Reads records from a place on, and tells where to go on. Nothing is kept of who reads.',
    tag: 'read',
    params: topicParams(),
    query: readQuery,
    headers: { 'Last-Event-ID': 'With text/event-stream: the cursor to go on from.' },
    answers: {
      200: {
        description: 'Records and the cursor behind them. With upToDate there was nothing more.',
        content: {
          'application/json': z.object({
            records: z.array(outgoingSchema),
            next: z.string(),
            upToDate: z.boolean(),
            scanned: z.optional(z.int()),
          }),
          'application/x-ndjson': z.string(),
          'text/event-stream': z.string(),
          'application/vnd.wadi.batch': z.string(),
        },
        headers: { Link: 'rel="next": the page behind this one, unless it is too long for a header.' },
      },
      404: { description: 'TOPIC_NOT_FOUND, OFFSET_OUT_OF_RANGE' },
      406: { description: 'NOT_ACCEPTABLE' },
      410: { description: 'CURSOR_EXPIRED: `earliest` is the cursor to begin again with.' },
      422: { description: 'UNREADABLE: records that are no records; `next` goes on behind them.' },
    },
    examples: [
      { path: '/v1/topics/orders/records?from=earliest&limit=10', status: 200 },
      { path: '/v1/topics/orders/records?from=-1&where=value.id%20%3E%201', status: 200 },
      { path: '/v1/topics/orders/records?from=p0:999999', status: 404 },
    ],
    handle: async ({ c, params, query }) => {
      const type = acceptedType(c.req.header('accept'), types)
      const topic = await findTopic(api.call, params.topic)
      const options = pageOptions(topic, query)
      const resumed = type === 'text/event-stream' ? c.req.header('last-event-id') : undefined
      const from = resumed ?? query.from ?? 'earliest'
      const cursor = await cursorFrom(api, topic, from, query.partition)
      if (type === 'text/event-stream') return eventStream(c, api, topic, cursor, options)
      if (type === 'application/vnd.wadi.batch') return storedBatches(c, api, topic, cursor, options.maxBytes)
      const page = await waitForPage(api, topic, cursor, options, query.wait ?? 0)
      const next = encodeCursor(page.next)
      const link = `<${nextUrl(c, next)}>; rel="next"`
      if (link.length <= maxLinkCharacters) c.header('link', link)
      c.header('vary', 'accept')
      const body = type === 'application/json' ? pageJson(page, next, query) : pageLines(page, next, query)
      const isExact = isCursor(from) && query.format !== undefined && query.format !== 'auto'
      return cached(c, { body, type, isSettled: await isSettled(api, topic, page), isExact })
    },
  })

const waitForPage = async (
  api: HttpApi,
  topic: Topic,
  cursor: Cursor,
  options: PageOptions,
  waitMs: number,
): Promise<Page> => {
  const { clock } = api.call
  if (waitMs === 0 || api.growth === undefined) return readPage(api, topic, cursor, options)
  const untilMs = clock.now() + waitMs
  const listening = api.growth(topic.id)
  try {
    let scanned = 0
    for (let from = cursor; ; ) {
      const page = await readPage(api, topic, from, options)
      scanned += page.scanned
      const leftMs = untilMs - clock.now()
      if (page.records.length > 0 || leftMs <= 0 || api.stopping.aborted) return { ...page, scanned }
      from = page.next
      if (page.upToDate) await listening.grown(Math.min(leftMs, lookEveryMs), api.stopping)
    }
  } finally {
    listening.close()
  }
}

const nextUrl = (c: Context, next: string): string => {
  const url = new URL(c.req.url)
  url.searchParams.set('from', next)
  return `${url.pathname}${url.search}`
}

const told = ({ upToDate, scanned }: Page, { key, where }: ReadQuery) => ({
  upToDate,
  ...((key !== undefined || where !== undefined) && { scanned }),
})

const pageJson = (page: Page, next: string, query: ReadQuery): string => {
  const rest = JSON.stringify({ next, ...told(page, query) }).slice(1)
  return `{"records":[${page.records.map(({ json }) => json).join(',')}],${rest}`
}

const pageLines = (page: Page, next: string, query: ReadQuery): string => {
  const last = JSON.stringify({ next, ...told(page, query) })
  return [...page.records.map(({ json }) => json), last, ''].join('\n')
}

/** Whether nothing about the page can change: all of it is in segments, where nothing is rewritten but by compaction. */
const isSettled = async ({ call }: HttpApi, topic: Topic, { records, upToDate }: Page): Promise<boolean> => {
  if (records.length === 0 || upToDate || configValue(topic, 'cleanup.policy').includes('compact')) return false
  const last = new Map(records.map(({ partition, offset }) => [partition, offset]))
  for (const [index, offset] of last) {
    const state = await call.logs.lane(shardOfPartition(topic, index)).state('known')
    if (BigInt(offset) >= (partitionOf(state, index).segments.at(-1)?.endOffset ?? 0n)) return false
  }
  return true
}

type Cacheable = {
  readonly body: string
  readonly type: string
  readonly isSettled: boolean
  /**
   * A cursor names a topic for ever and a format says how values are read; a topic's name, "earliest" and the format that
   * the topic has mean something else later.
   */
  readonly isExact: boolean
}

const cached = (c: Context, { body, type, isSettled, isExact }: Cacheable): Response => {
  c.header('content-type', type)
  if (!isSettled) {
    c.header('cache-control', 'no-store')
    return c.body(body)
  }
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  c.header('etag', etag)
  c.header('cache-control', isExact ? 'private, max-age=31536000, immutable' : 'private, no-cache')
  const isKnown = c.req
    .header('if-none-match')
    ?.split(',')
    .some((one) => one.trim() === etag)
  return isKnown ? c.body(null, 304) : c.body(body)
}
