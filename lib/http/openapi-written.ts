import type { Context } from 'hono'
import * as z from 'zod/mini'
import type { Part } from './api.ts'
import { HttpProblem } from './http-problem.ts'
import { noQuery } from './parameters.ts'
import { type Route, route } from './route.ts'

/** The route of the document, however it is come by. */
export const documentRoute = (handle: (c: Context) => Response | Promise<Response>): Route =>
  route({
    method: 'get',
    path: '/openapi.json',
    operationId: 'getOpenApi',
    summary: 'Tells of all routes: this document.',
    tag: 'server',
    params: z.strictObject({}),
    query: noQuery,
    answers: {
      200: { description: 'OpenAPI 3.1.', content: { 'application/json': z.record(z.string(), z.unknown()) } },
    },
    examples: [{ path: '/openapi.json', status: 200 }],
    handle: async ({ c }) => handle(c),
  })

/**
 * The document where making it would take what a function has no room for: as it was written when the function was made.
 * `read` gives its text; undefined where it was not written.
 */
export const writtenDocument =
  (read: () => Promise<string | undefined>): Part =>
  () => [
    documentRoute(async (c) => {
      const text = await read()
      if (text !== undefined) return c.body(text, 200, { 'content-type': 'application/json' })
      const hint = 'See /openapi.json of a server of your own: wadi dev.'
      throw new HttpProblem('NOT_FOUND', 'This function was made without the document.', { hint })
    }),
  ]
