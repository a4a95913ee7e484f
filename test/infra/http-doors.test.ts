import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { documentBesideBundle, functionApp } from '../../lib/function-app.ts'
import { callOf, type Part } from '../../lib/http/api.ts'
import { everyPart } from '../../lib/http/every-part.ts'
import { groupRoutes } from '../../lib/http/groups.ts'
import { produceRoutes } from '../../lib/http/produce.ts'
import { readRoutes } from '../../lib/http/read.ts'
import type { Route } from '../../lib/http/route.ts'
import { topicRoutes } from '../../lib/http/topics.ts'
import { restGroupRoutes } from '../../lib/http/v3-groups.ts'
import { restRecordRoutes } from '../../lib/http/v3-records.ts'
import { restTopicRoutes } from '../../lib/http/v3-topics.ts'
import { type Door, doors } from '../../lib/infra/permissions.ts'
import { routes } from '../../lib/infra/routes.ts'
import { clusterIdOf } from '../../lib/journal/cluster.ts'
import { guardedInstances } from './guarded-instances.ts'

/** Which part of the HTTP API each function answers. */
const partsOf: Readonly<Record<Door, readonly Part[]>> = {
  produce: [produceRoutes, restRecordRoutes],
  fetch: [readRoutes],
  admin: [topicRoutes, restTopicRoutes, documentBesideBundle],
  groups: [groupRoutes, restGroupRoutes],
}

const { instanceOf, denied, logged } = guardedInstances()

const routesOf = (parts: readonly Part[]): readonly Route[] => {
  const call = callOf(instanceOf('admin').context)
  const { signal: stopping } = new AbortController()
  const api = { version: '1', serverRoutes: [], call, growth: undefined, stopping, maxStreamMs: 1, maxAnswerBytes: 1 }
  return parts.flatMap((part) => part(api))
}

const keyOf = ({ method, path }: Route): string => `${method.toUpperCase()} ${path}`

/** The function that API Gateway asks: of the routes that match, the one that has no variable where others have one. */
const doorFor = (method: string, path: string): Door => {
  const matching = routes.filter((one) => {
    const pattern = one.path.replace(/\{\w+\+\}/g, '.+').replace(/\{\w+\}/g, '[^/]+')
    return (one.method === 'ANY' || one.method === method) && new RegExp(`^${pattern}$`).test(path)
  })
  const [best] = matching.toSorted((a, b) => a.path.split('{').length - b.path.split('{').length)
  return best?.door ?? 'admin'
}

test('every route of the HTTP API is answered by some function', () => {
  const answered = Object.values(partsOf).flatMap(routesOf).map(keyOf)
  expect(answered.toSorted()).toEqual(routesOf(everyPart).map(keyOf).toSorted())
})

test.each(doors)('the function %s has these parts', (door) => {
  const source = readFileSync(new URL(`../../functions/${door}.ts`, import.meta.url), 'utf8')
  const [, listed] = /functionApp\(instance, \[(.*)\]\)/.exec(source) ?? []
  expect(listed?.split(', ').toSorted()).toEqual(partsOf[door].map(({ name }) => name).toSorted())
})

test.each(doors)('what is for %s goes to it', (door) => {
  for (const route of routesOf(partsOf[door])) {
    const path = route.path.replace(/\{\w+\}/g, 'x')
    expect([keyOf(route), doorFor(route.method.toUpperCase(), path)]).toEqual([keyOf(route), door])
  }
})

/** A topic is made before it is used, and deleted in the end. */
const first = ['putTopic', 'produce']
const last = ['trimTopic', 'patchTopic', 'deleteTopic']

test('the role of each function allows what the examples of its routes do', async () => {
  const all = doors.flatMap((door) => {
    const app = functionApp(instanceOf(door), partsOf[door])
    return routesOf(partsOf[door]).map((route) => ({ route, app }))
  })
  const { items, clock } = instanceOf('admin').context
  const clusterId = await clusterIdOf(items, clock)
  const place = (id: string): number => (first.includes(id) ? first.indexOf(id) - 100 : last.indexOf(id))
  const inOrder = all.toSorted((a, b) => place(a.route.operationId) - place(b.route.operationId))
  for (const { route, app } of inOrder) {
    for (const { path, headers = {}, body } of route.examples) {
      const isJson = body !== undefined && headers['content-type'] === undefined
      const answer = await app.request(path.replace('{cluster}', clusterId), {
        method: route.method.toUpperCase(),
        headers: { ...headers, ...(isJson && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body }),
      })
      expect([keyOf(route), path, answer.status < 500]).toEqual([keyOf(route), path, true])
      await answer.text()
    }
  }
  expect(denied).toEqual([])
  expect(logged).toEqual([])
})

test('the role of groups allows what becomes of a record that fails for good', async () => {
  const post = async (door: Door, path: string, body: object) => {
    const app = functionApp(instanceOf(door), partsOf[door])
    const headers = { 'content-type': 'application/json' }
    const method = path === '/v1/topics/jobs' ? 'PUT' : 'POST'
    const answer = await app.request(path, { method, headers, body: JSON.stringify(body) })
    return { status: answer.status, body: JSON.parse(await answer.text()) }
  }
  await post('admin', '/v1/topics/jobs', {})
  await post('produce', '/v1/topics/jobs/records', { value: 'x' })
  const { lease } = (await post('groups', '/v1/groups/g/poll', { topics: ['jobs'] })).body
  const failed = [{ topic: 'jobs', partition: 0, offset: 0, retry: false }]
  const told = await post('groups', '/v1/groups/g/ack', { lease, failed })
  expect(told).toEqual({ status: 200, body: { lease: null, left: {}, deadLetters: 1 } })
  expect(denied).toEqual([])
})
