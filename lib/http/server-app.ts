import { getConnInfo } from '@hono/node-server/conninfo'
import { type Context, Hono } from 'hono'
import type { Broker } from '../broker/broker.ts'
import { type Door, doors } from '../protocol/apis.ts'
import { type Access, authenticate } from './auth.ts'
import { serverBodyLimits } from './body-limits.ts'
import { type Answer, problemAnswer } from './exchange.ts'
import { answerFrames } from './frames.ts'
import { HttpProblem } from './http-problem.ts'
import { untilItBreaks } from './request-body.ts'
import { refusalOfPages, type Sent } from './same-machine.ts'
import { unauthenticatedAt } from './v3-error.ts'

export type ServerAppOptions = {
  readonly broker: Broker
  readonly access: Access
  /** The HTTP API: answers everything that is not for the doors. */
  readonly api: Hono
  readonly log: (line: string) => void
}

/** What a server of one's own answers over HTTP: the HTTP API, and Kafka's frames at every door, as functions do. */
export const serverApp = ({ broker, access, api, log }: ServerAppOptions): Hono => {
  const app = new Hono()
  app.use(async (c, next) => {
    // The one thing that anybody may ask, because it says nothing.
    if (c.req.path === '/healthz') return next()
    const refusal = access.open ? refusalOfPages(sentBy(c)) : undefined
    if (refusal) return responseOf(refusal)
    const admission = authenticate(access, { authorization: c.req.header('authorization'), iamCaller: undefined })
    return admission.admitted ? next() : responseOf(unauthenticatedAt(c.req.path, admission.answer))
  })
  for (const door of doors) app.all(`/kafka/${door}`, async (c) => responseOf(await answerAt(door, c, broker)))
  app.all('*', (c) => api.fetch(c.req.raw, c.env))
  app.onError((error, c) => {
    if (error instanceof HttpProblem) return error.answer(c)
    log(`${c.req.method} ${c.req.path} failed: ${error.stack}`)
    return responseOf(
      problemAnswer({ code: 'INTERNAL', detail: 'The server failed at this request; its log says why.' }),
    )
  })
  return app
}

const sentBy = (c: Context): Sent => ({ host: c.req.header('host'), origin: c.req.header('origin') })

const answerAt = async (door: Door, c: Context, broker: Broker): Promise<Answer> => {
  const { remote } = getConnInfo(c)
  return answerFrames(
    async () => broker,
    {
      method: c.req.method,
      door,
      contentType: c.req.header('content-type'),
      advertise: c.req.header('x-kafka-advertise'),
      host: c.req.header('host') ?? '',
      clientAddress: remote.address ?? '',
      body: await readFrames(c),
    },
    serverBodyLimits,
  )
}

/** Reads little more than the limit, whatever is announced: what is above it is refused by its size. */
const readFrames = async (c: Context): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of untilItBreaks(c.req.raw.body ?? [])) {
    chunks.push(chunk)
    sizeBytes += chunk.length
    if (sizeBytes > serverBodyLimits.maxRequestBytes) break
  }
  return Buffer.concat(chunks)
}

const responseOf = ({ status, headers, body }: Answer): Response =>
  new Response(body.length === 0 ? null : new Uint8Array(body), { status, headers })
