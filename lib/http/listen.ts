import { once } from 'node:events'
import { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import type { Hono } from 'hono'

export type HttpServer = {
  readonly port: number
  /** Accepts nobody any more; requests that are not done within `stopWithinMs` are cut off. */
  readonly stop: () => Promise<void>
}

export type ListenOptions = {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly sleep: (ms: number, wake: AbortSignal) => Promise<void>
}

const stopWithinMs = 2000
/** Room for the cursor of a topic with some thousand partitions, which stands in a URL or in `Last-Event-ID`. */
const maxHeaderBytes = 64 * 1024

/** Throws what `listen` throws: a port in use, a host that is not here. */
export const listenHttp = async (app: Hono, { host, port, sleep }: ListenOptions): Promise<HttpServer> => {
  const server = createAdaptorServer({ fetch: app.fetch, serverOptions: { maxHeaderSize: maxHeaderBytes } })
  if (!(server instanceof Server)) throw new Error('not an HTTP/1 server')
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('an HTTP server without a port')
  return {
    port: address.port,
    stop: async () => {
      const allClosed = new AbortController()
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve())
      }).then(() => allClosed.abort())
      server.closeIdleConnections()
      await sleep(stopWithinMs, allClosed.signal)
      server.closeAllConnections()
      await closed
    },
  }
}
