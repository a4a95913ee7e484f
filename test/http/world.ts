import type { Hono } from 'hono'
import { realClock } from '../../lib/clock.ts'
import { type AppOptions, httpApp } from '../../lib/http/app.ts'
import { everyPart } from '../../lib/http/every-part.ts'
import { memoryObjects } from '../../lib/store/memory.ts'
import { brokerWorld } from '../broker/world.ts'

type WorldOptions = NonNullable<Parameters<typeof brokerWorld>[0]>

/** A request's body is JSON unless it is text already. */
export type Sending = {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

export type Told = {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // Reason for `any`: tests look into answers whose form they compare themselves.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly body: any
}

/** The HTTP API over a broker with memory stores. */
export const httpWorld = (options: Partial<AppOptions> = {}, broker: WorldOptions = {}) => {
  const clock = broker.clock ?? realClock
  const world = brokerWorld({ objects: memoryObjects(() => clock.now()), ...broker })
  const logged: string[] = []
  const app: Hono = httpApp({
    version: '1.2.3',
    commit: undefined,
    isReady: () => true,
    usage: () => ({ gets: 7 }),
    context: world.context,
    parts: everyPart,
    log: (line) => logged.push(line),
    ...options,
  })
  const ask = async (method: string, path: string, { headers = {}, body }: Sending = {}): Promise<Told> => {
    const sent =
      body === undefined ? null : typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
    const isJson = body !== undefined && sent !== body
    const response = await app.request(path, {
      method,
      headers: { ...(isJson && { 'content-type': 'application/json' }), ...headers },
      body: sent === null ? null : typeof sent === 'string' ? sent : Buffer.from(sent),
    })
    const text = await response.text()
    const type = response.headers.get('content-type') ?? ''
    return {
      status: response.status,
      headers: response.headers,
      text,
      // Parsed when it is looked at: some answers are several values one after the other.
      get body() {
        return /^application\/(problem\+)?json/.test(type) && text !== '' ? JSON.parse(text) : undefined
      },
    }
  }
  return { ...world, kafka: world.ask, app, logged, ask }
}
