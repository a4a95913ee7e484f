import * as z from 'zod/mini'
import { HttpProblem } from './http-problem.ts'
import { flag, noQuery } from './parameters.ts'
import { type Route, route } from './route.ts'

export type ServerOptions = {
  readonly version: string
  readonly commit: string | undefined
  /** Whether clients can be served now. */
  readonly isReady: () => boolean
  /** What the stores were asked since the start. */
  readonly usage: () => Readonly<Record<string, number>>
  /** On a server of one's own: has maintenance do what is due, and flush every tail if told to. What it did. */
  readonly maintain?: (flushAll: boolean) => Promise<Readonly<Record<string, number>>>
}

/** How the server is. */
export const serverRoutes = (options: ServerOptions): readonly Route[] => [
  ...health(options),
  ...about(options),
  ...(options.maintain ? [runMaintenance(options.maintain)] : []),
]

const common = { tag: 'server', params: z.strictObject({}), query: noQuery } as const
const status = { 'application/json': z.object({ status: z.string() }) }
const counts = { 'application/json': z.record(z.string(), z.number()) }

const health = ({ isReady }: ServerOptions): readonly Route[] => [
  route({
    ...common,
    method: 'get',
    path: '/healthz',
    operationId: 'getHealth',
    summary: 'Tells that the process lives.',
    answers: { 200: { description: 'It lives.', content: status } },
    examples: [{ path: '/healthz', status: 200 }],
    handle: ({ c }) => c.json({ status: 'ok' }),
  }),
  route({
    ...common,
    method: 'get',
    path: '/readyz',
    operationId: 'getReadiness',
    summary: 'Tells whether clients can be served.',
    answers: { 200: { description: 'They can.', content: status }, 503: { description: 'UNAVAILABLE' } },
    examples: [{ path: '/readyz', status: 200 }],
    handle: ({ c }) => {
      if (isReady()) return c.json({ status: 'ready' })
      throw new HttpProblem('UNAVAILABLE', 'The server is starting or stopping.')
    },
  }),
]

const about = ({ version, commit, usage }: ServerOptions): readonly Route[] => [
  route({
    ...common,
    method: 'get',
    path: '/v1/version',
    operationId: 'getVersion',
    summary: 'Tells which version this is.',
    answers: {
      200: {
        description: 'The version.',
        content: {
          'application/json': z.object({ name: z.string(), version: z.string(), commit: z.optional(z.string()) }),
        },
      },
    },
    examples: [{ path: '/v1/version', status: 200 }],
    handle: ({ c }) => c.json({ name: 'wadi', version, ...(commit !== undefined && { commit }) }),
  }),
  route({
    ...common,
    method: 'get',
    path: '/v1/usage',
    operationId: 'getUsage',
    summary: 'Tells what the stores were asked since the start, by name.',
    answers: { 200: { description: 'Calls and units.', content: counts } },
    examples: [{ path: '/v1/usage', status: 200 }],
    handle: ({ c }) => c.json(usage()),
  }),
]

const runMaintenance = (maintain: NonNullable<ServerOptions['maintain']>): Route =>
  route({
    ...common,
    method: 'post',
    path: '/v1/maintenance:run',
    operationId: 'runMaintenance',
    summary: 'Has maintenance do what is due.',
    query: z.strictObject({ flush: flag('Flush every tail, however short.') }),
    answers: { 200: { description: 'What it did.', content: counts } },
    examples: [{ path: '/v1/maintenance:run?flush=true', status: 200 }],
    handle: async ({ c, query }) => c.json(await maintain(query.flush === true)),
  })
