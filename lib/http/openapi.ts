import * as z from 'zod/mini'
import type { HttpApi, Part } from './api.ts'
import { problems } from './http-problem.ts'
import { documentRoute } from './openapi-written.ts'
import { problemType } from './problem.ts'
import { type AnswerText, type Content, type Example, type Named, notes, type Route } from './route.ts'

type Json = Readonly<Record<string, unknown>>

/** The route that describes these parts, the server's own routes and itself. */
export const documentPart =
  (parts: readonly Part[]): Part =>
  (api) => {
    let made: Json | undefined
    const own: Route = documentRoute((c) => {
      made ??= openApiOf(api, [...parts.flatMap((part) => part(api)), ...api.serverRoutes, own])
      return c.json(made)
    })
    return [own]
  }

const openApiOf = ({ version }: HttpApi, routes: readonly Route[]): Json => {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const one of routes) paths[one.path] = { ...paths[one.path], [one.method]: operationOf(one) }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Wadi',
      version,
      summary: 'A Kafka-compatible log over HTTP.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: { schemas: { Problem: problemSchema() } },
  }
}

const operationOf = (one: Route): Json => {
  const {
    operationId,
    summary,
    description,
    tag,
    params,
    query,
    headers = {},
    content,
    answers,
    examples,
    errors,
  } = one
  const errorContent = errors ? contentOf(errors, 'output') : problemContent
  const inHeader = Object.entries(headers).map(([name, text]) => ({
    name,
    in: 'header',
    required: false,
    description: text,
    schema: { type: 'string' },
  }))
  return {
    operationId,
    summary,
    ...(description !== undefined && { description }),
    tags: [tag],
    parameters: [...parametersOf(params, 'path'), ...parametersOf(query, 'query'), ...inHeader],
    ...(Object.keys(content).length > 0 && { requestBody: { content: contentOf(content, 'input', examples) } }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, text]) => [status, responseOf(Number(status), text, errorContent)]),
      ),
      default: { description: 'Anything else that is wrong.', content: errorContent },
    },
  }
}

const parametersOf = (named: Named, place: 'path' | 'query'): readonly Json[] =>
  Object.entries(named._zod.def.shape).map(([name, schema]) => {
    const { description, examples, ...told } = schemaOf(schema, 'input')
    const [example] = Array.isArray(examples) ? examples : []
    return {
      name,
      in: place,
      required: place === 'path' || schema._zod.optin !== 'optional',
      schema: told,
      ...(description !== undefined && { description }),
      ...(example !== undefined && { example }),
    }
  })

const contentOf = (content: Content, io: 'input' | 'output', examples: readonly Example[] = []): Json => {
  const [first] = examples.filter(({ body, headers, status }) => body !== undefined && !headers && status < 300)
  return Object.fromEntries(
    Object.entries(content).map(([type, schema]) => {
      const isShown = type === 'application/json' && first?.body !== undefined
      return [type, { schema: schemaOf(schema, io), ...(isShown && { example: JSON.parse(first.body) }) }]
    }),
  )
}

const firstError = 400
const problemContent = { [problemType]: { schema: { $ref: '#/components/schemas/Problem' } } }

const responseOf = (status: number, { description, content, headers }: AnswerText, errorContent: Json): Json => ({
  description,
  ...(status >= firstError && { content: errorContent }),
  ...(content !== undefined && { content: contentOf(content, 'output') }),
  ...(headers !== undefined && {
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, text]) => [name, { description: text, schema: { type: 'string' } }]),
    ),
  }),
})

const schemaOf = (schema: z.core.$ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _, ...told } = z.toJSONSchema(schema, { io, metadata: notes, unrepresentable: 'any' })
  return told
}

const problemSchema = (): Json => ({
  type: 'object',
  description: 'What is wrong (RFC 9457); some have members of their own.',
  required: ['type', 'title', 'status', 'code', 'detail', 'retryable'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', enum: Object.keys(problems), description: 'Never changes; compare it.' },
    detail: { type: 'string' },
    hint: { type: 'string', description: 'What to do.' },
    retryable: { type: 'boolean', description: 'Whether the same request may succeed later.' },
    kafkaCode: { type: 'integer', description: 'Kafka’s code, where Kafka has one for this.' },
    requestId: { type: 'string', description: 'Names the request in the server’s log too.' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: {
          path: { type: 'string', description: 'A JSON Pointer (RFC 6901).' },
          message: { type: 'string' },
        },
      },
    },
  },
})
