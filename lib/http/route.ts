import type { Context } from 'hono'
import * as z from 'zod/mini'
import { HttpProblem } from './http-problem.ts'
import { parseJson } from './json.ts'
import { mediaTypeOf } from './media-type.ts'
import { readBody } from './request-body.ts'
import { checked } from './validate.ts'

export type Method = 'get' | 'put' | 'post' | 'patch' | 'delete'

/** What the OpenAPI document says of schemas beside what they check. */
export const notes = z.registry<{ description?: string; examples?: unknown[]; id?: string }>()

/** An object of named values, none beside them. */
export type Named = z.core.$ZodObject

export type Content = Readonly<Record<string, z.core.$ZodType>>

export type AnswerText = {
  readonly description: string
  readonly content?: Content
  readonly headers?: Readonly<Record<string, string>>
}

/** A request that the tests send, in this order for one topic, and the status it gets. */
export type Example = {
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly status: number
}

/** What a route tells of itself. */
type RouteText = {
  readonly method: Method
  /** As OpenAPI has it: `/v1/topics/{topic}:trim`. */
  readonly path: string
  /** Other paths with the same parameters, where the same is answered. */
  readonly alsoAt?: readonly string[]
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly tag: string
  /** Request headers with a meaning, by name. */
  readonly headers?: Readonly<Record<string, string>>
  readonly answers: Readonly<Record<number, AnswerText>>
  /** What errors look like, where they are no problems. */
  readonly errors?: Content
  readonly examples: readonly Example[]
}

type Asked<P extends Named, Q extends Named, B extends z.core.$ZodType> = {
  readonly c: Context
  readonly params: z.core.output<P>
  readonly query: z.core.output<Q>
  readonly body: z.core.output<B>
}

type Definition<P extends Named, Q extends Named, B extends z.core.$ZodType> = RouteText & {
  readonly params: P
  readonly query: Q
  /** A JSON body; without it the handler reads the body, if any, by itself. */
  readonly body?: B
  /** Whether there may be no body, which is then an empty object. */
  readonly bodyIsOptional?: boolean
  /** What the handler reads by itself, by media type. */
  readonly content?: Content
  readonly handle: (asked: Asked<P, Q, B>) => Promise<Response> | Response
}

export type Route = RouteText & {
  readonly params: Named
  readonly query: Named
  readonly content: Content
  readonly answer: (c: Context) => Promise<Response>
}

/** One definition gives validation, handler and the route's part of the OpenAPI document. */
export const route = <P extends Named, Q extends Named, B extends z.core.$ZodType = z.core.$ZodAny>(
  definition: Definition<P, Q, B>,
): Route => {
  const { params, query, body, handle, content, bodyIsOptional = false, ...text } = definition
  return {
    ...text,
    params,
    query,
    content: content ?? (body === undefined ? {} : { [json]: body }),
    answer: async (c) => {
      const given = {
        params: checked(params, ownParams(c.req.param(), text.path), { in: 'path' }),
        query: checked(query, queryOf(c), { in: 'query' }),
      }
      const parsed = body && checked(body, await readJson(c, bodyIsOptional), { in: 'body' })
      // Without a schema there is no body in the type either: its output is then never looked at.
      return handle({ c, ...given, body: parsed as z.core.output<B> })
    },
  }
}

const json = 'application/json'

/** What the path's parameters stand for; in `/v1/topics/{topic}:trim` the verb stands in the same segment. */
const ownParams = (params: Readonly<Record<string, string>>, path: string): Readonly<Record<string, string>> => {
  const names = [...path.matchAll(/\{(\w+)\}(:\w+)?/g)]
  return Object.fromEntries(
    names.map(([, name = '', verb = '']) => [name, (params[name] ?? '').slice(0, -verb.length || undefined)]),
  )
}

/** The path as Hono's router wants it; a colon begins a parameter wherever it stands, so a verb is part of one. */
export const routerPath = (path: string): string =>
  path
    .replace(/\{(\w+)\}(:\w+)$/, ':$1{[^/]+$2}')
    .replace(/\/([\w-]+:\w+)$/, '/:call{$1}')
    .replace(/\{(\w+)\}(?=\/|$)/g, ':$1')

const queryOf = (c: Context): Readonly<Record<string, string>> => {
  const repeated = Object.entries(c.req.queries()).find(([, values]) => values.length > 1)
  if (repeated) throw new HttpProblem('INVALID_REQUEST', `The parameter "${repeated[0]}" is there more than once.`)
  return c.req.query()
}

const readJson = async (c: Context, isOptional: boolean): Promise<unknown> => {
  const bytes = await readBody(c)
  if (bytes.length === 0 && isOptional) return {}
  const type = mediaTypeOf(c.req.header('content-type'))
  if (type !== undefined && !saidOfJson.includes(type.essence) && !type.essence.endsWith('+json')) {
    const detail = `The body has the type ${type.essence}.`
    throw new HttpProblem('UNSUPPORTED_MEDIA_TYPE', detail, { hint: `Send ${json}.` })
  }
  return parseJson(bytes)
}

/** What curl says of `-d` when it is told nothing else. */
export const urlencoded = 'application/x-www-form-urlencoded'

/** Where a body can only be JSON, so is what curl says nothing of, and what `fetch` calls a string. */
const saidOfJson: readonly string[] = [json, urlencoded, 'text/plain']
