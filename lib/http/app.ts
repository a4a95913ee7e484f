import { type Context, Hono } from 'hono'
import type { BrokerContext } from '../broker/context.ts'
import { describe } from '../broker/failures.ts'
import { callOf, type HttpApi, type Part } from './api.ts'
import { maxServerAnswerBytes } from './body-limits.ts'
import { problemOf } from './failure.ts'
import type { Growth } from './growth.ts'
import { HttpProblem, requestIdHeader } from './http-problem.ts'
import { routerPath } from './route.ts'
import { type ServerOptions, serverRoutes } from './server-routes.ts'
import { errorAnswer } from './v3-error.ts'

export type AppOptions = ServerOptions & {
  readonly context: BrokerContext
  /** The routes this app has beside health, version and usage. */
  readonly parts: readonly Part[]
  /** On a server of one's own: how reads wait for records. */
  readonly growth?: Growth
  /** Aborted when the server stops. */
  readonly stopping?: AbortSignal
  readonly maxStreamMs?: number
  readonly maxAnswerBytes?: number
  readonly log: (line: string) => void
}

/** Shorter than most proxies' patience with one answer. */
const defaultMaxStreamMs = 10 * 60_000

/** The HTTP API: the same app in Lambda, on this machine and in tests. */
export const httpApp = (options: AppOptions): Hono => {
  const { context, parts, log } = options
  const api: HttpApi = {
    version: options.version,
    serverRoutes: serverRoutes(options),
    call: callOf(context),
    growth: options.growth,
    stopping: options.stopping ?? new AbortController().signal,
    maxStreamMs: options.maxStreamMs ?? defaultMaxStreamMs,
    maxAnswerBytes: options.maxAnswerBytes ?? maxServerAnswerBytes,
  }
  const routes = [...api.serverRoutes, ...parts.flatMap((part) => part(api))]
  const app = new Hono()
  app.use(async (c, next) => {
    c.header(requestIdHeader, context.clock.randomId())
    await next()
  })
  const places = routes.flatMap((route) => [route.path, ...(route.alsoAt ?? [])].map((path) => ({ ...route, path })))
  for (const { method, path, answer } of places) app.on(method.toUpperCase(), routerPath(path), (c) => answer(c))

  const known = places.map(({ method, path }) => ({
    method: method.toUpperCase(),
    pattern: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`),
  }))
  app.notFound((c) => nothingThere(c, known))
  app.onError((error, c) => {
    const told = error instanceof HttpProblem ? error : problemOf(error, c.req.method)
    if (told.code === 'INTERNAL')
      log(`${c.req.method} ${c.req.path} (${c.res.headers.get(requestIdHeader)}): ${describe(error)}`)
    return errorAnswer(c, told)
  })
  return app
}

type Known = readonly { readonly method: string; readonly pattern: RegExp }[]

const nothingThere = (c: Context, known: Known): Response => {
  const { method, path } = c.req
  const methods = known.filter(({ pattern }) => pattern.test(path)).map((one) => one.method)
  const allowed = [...new Set(methods.flatMap((one) => (one === 'GET' ? ['GET', 'HEAD'] : [one])))].sort()
  const there = path.slice(0, 200)
  const refused =
    allowed.length === 0
      ? new HttpProblem('NOT_FOUND', `There is nothing at ${method} ${there}.`, { hint: 'See /openapi.json.' })
      : new HttpProblem('METHOD_NOT_ALLOWED', `${there} does not know ${method}.`, {
          hint: `It knows ${allowed.join(', ')}.`,
          headers: { allow: allowed.join(', ') },
        })
  return errorAnswer(c, refused)
}
