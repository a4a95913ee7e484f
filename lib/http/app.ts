import { Hono } from 'hono'
import { problem } from './problem.ts'

export type AppOptions = {
  readonly version: string
  readonly commit: string | undefined
  /** Whether clients can be served now. */
  readonly isReady: () => boolean
  /** What the stores were asked since the start. */
  readonly usage: () => Readonly<Record<string, number>>
  /** On a server of one's own: has maintenance do what is due, and flush every tail if told to. What it did. */
  readonly maintain?: (flushAll: boolean) => Promise<Readonly<Record<string, number>>>
  readonly log: (line: string) => void
}

/** The HTTP API: the same app in Lambda, on this machine and in tests. */
export const httpApp = ({ version, commit, isReady, usage, maintain, log }: AppOptions): Hono => {
  const app = new Hono()

  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', (c) => {
    if (isReady()) return c.json({ status: 'ready' })
    const detail = 'The server is starting or stopping.'
    return problem(c, { status: 503, code: 'UNAVAILABLE', title: 'Not ready', detail, retryable: true })
  })
  app.get('/v1/version', (c) => c.json({ name: 'wadi', version, ...(commit !== undefined && { commit }) }))
  app.get('/v1/usage', (c) => c.json(usage()))
  if (maintain) {
    // A colon begins a parameter wherever it stands, so the verb after it is one.
    app.post('/v1/:call{maintenance:run}', async (c) => c.json(await maintain(c.req.query('flush') === 'true')))
  }

  app.notFound((c) => {
    const detail = `There is nothing at ${c.req.method} ${c.req.path}.`
    return problem(c, { status: 404, code: 'NOT_FOUND', title: 'Not found', detail, retryable: false })
  })
  app.onError((error, c) => {
    log(`${c.req.method} ${c.req.path} failed: ${error.stack}`)
    const detail = 'The server failed at this request; its log says why.'
    return problem(c, { status: 500, code: 'INTERNAL', title: 'Internal error', detail, retryable: true })
  })
  return app
}
