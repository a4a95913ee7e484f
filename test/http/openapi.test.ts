import { expect, test } from 'vitest'
import * as z from 'zod'
import { callOf } from '../../lib/http/api.ts'
import { everyPart } from '../../lib/http/every-part.ts'
import type { Example, Route } from '../../lib/http/route.ts'
import { serverRoutes } from '../../lib/http/server-routes.ts'
import { brokerWorld } from '../broker/world.ts'
import { httpWorld } from './world.ts'

const maintain = async () => ({ flushes: 0 })

const routes = (): readonly Route[] => {
  const own = serverRoutes({ version: '1', commit: undefined, isReady: () => true, usage: () => ({}), maintain })
  const api = {
    version: '1',
    serverRoutes: own,
    call: callOf(brokerWorld().context),
    growth: undefined,
    stopping: new AbortController().signal,
    maxStreamMs: 1000,
    maxAnswerBytes: 1_000_000,
  }
  return [...own, ...everyPart.flatMap((part) => part(api))]
}

const documentOf = async () => (await httpWorld({ maintain }).ask('GET', '/openapi.json')).body

test('every route is in the document, under an id of its own', async () => {
  const document = await documentOf()
  expect(document.openapi).toBe('3.1.0')
  for (const { method, path, operationId } of routes()) {
    expect([path, document.paths[path]?.[method]?.operationId]).toEqual([path, operationId])
  }
  const ids = routes().map(({ operationId }) => operationId)
  expect(new Set(ids).size).toBe(ids.length)
  const described = Object.values<object>(document.paths).flatMap((methods) => Object.keys(methods))
  expect(described).toHaveLength(routes().length)
})

test('the document is what OpenAPI 3.1 wants: parameters of the path, answers, schemas that are schemas', async () => {
  const document = await documentOf()
  const visit = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) return
    if ('schema' in value) expect(() => schemaFrom(value.schema), path).not.toThrow()
    if ('$ref' in value) expect(value.$ref).toBe('#/components/schemas/Problem')
    for (const [name, inside] of Object.entries(value)) visit(inside, `${path}/${name}`)
  }
  visit(document.paths, '')
  expect(document.components.schemas.Problem.required).toContain('code')
  for (const [path, methods] of Object.entries<Record<string, Operation>>(document.paths)) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    for (const [method, operation] of Object.entries(methods)) {
      const named = operation.parameters.filter((one) => one.in === 'path').map(({ name }) => name)
      expect([method, path, named]).toEqual([method, path, inPath])
      expect(Object.keys(operation.responses).length).toBeGreaterThan(1)
      for (const parameter of operation.parameters) {
        expect(parameter.description, `${path} ${parameter.name}`).toBeTypeOf('string')
        if (parameter.example !== undefined)
          expect(schemaFrom(parameter.schema).safeParse(parameter.example).success).toBe(true)
      }
      for (const content of Object.values(operation.requestBody?.content ?? {})) {
        if (content.example !== undefined)
          expect(schemaFrom(content.schema).safeParse(content.example).success).toBe(true)
      }
    }
  }
})

type Operation = {
  readonly parameters: readonly {
    readonly name: string
    readonly in: string
    readonly description: string
    readonly schema: object
    readonly example?: unknown
  }[]
  readonly requestBody?: { readonly content: Record<string, { readonly schema: object; readonly example?: unknown }> }
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >
}

// A reference to the problem's schema stands for any object here.
const schemaFrom = (schema: unknown) =>
  z.fromJSONSchema(JSON.parse(JSON.stringify(schema).replaceAll(/"\$ref":"[^"]+"/g, '"type":"object"')))

/** A topic is made before it is used, and deleted in the end. */
const first = ['putTopic', 'produce']
const last = ['trimTopic', 'patchTopic', 'deleteTopic']

test('every example gets the answer that it says, in the form that the document says', async () => {
  const { ask } = httpWorld({ maintain })
  const document = (await ask('GET', '/openapi.json')).body
  const clusterId = (await ask('GET', '/v3/clusters')).body.data[0].cluster_id
  const place = ({ operationId }: Route) => first.indexOf(operationId) + 2 * last.indexOf(operationId)
  const ordered = routes().toSorted((a, b) => {
    const rank = (one: Route) => (first.includes(one.operationId) ? -10 : last.includes(one.operationId) ? 10 : 0)
    return rank(a) + place(a) - rank(b) - place(b)
  })
  for (const { method, path, operationId, examples } of ordered) {
    expect(examples.length, operationId).toBeGreaterThan(0)
    for (const example of examples) {
      const answer = await ask(method.toUpperCase(), example.path.replace('{cluster}', clusterId), sendingOf(example))
      expect([operationId, example.path, answer.status, answer.body?.detail]).toEqual([
        operationId,
        example.path,
        example.status,
        answer.body?.detail,
      ])
      const operation: Operation = document.paths[path][method]
      const type = answer.headers.get('content-type')?.split(';')[0] ?? ''
      const response = operation.responses[String(example.status)] ?? operation.responses['default']
      if (answer.text === '') continue
      const content = response?.content?.[type]
      expect(content, `${operationId} ${example.status} ${type}`).toBeDefined()
      if (answer.body !== undefined) {
        const checked = schemaFrom(content?.schema).safeParse(answer.body)
        expect([operationId, checked.error?.issues ?? []]).toEqual([operationId, []])
      }
    }
  }
})

const sendingOf = ({ headers, body }: Example) => ({
  headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
  ...(body !== undefined && { body }),
})
