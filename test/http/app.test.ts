import { expect, test } from 'vitest'
import { everybody } from '../../lib/http/auth.ts'
import { serverApp } from '../../lib/http/server-app.ts'
import { httpWorld } from './world.ts'

test('health, version and usage are told', async () => {
  const { ask } = httpWorld()
  expect((await ask('GET', '/healthz')).body).toEqual({ status: 'ok' })
  expect((await ask('GET', '/readyz')).body).toEqual({ status: 'ready' })
  expect((await ask('GET', '/v1/version')).body).toEqual({ name: 'wadi', version: '1.2.3' })
  expect((await ask('GET', '/v1/usage')).body).toEqual({ gets: 7 })
})

test('a server that stops is not ready', async () => {
  const answer = await httpWorld({ isReady: () => false }).ask('GET', '/readyz')
  expect(answer.status).toBe(503)
  expect(answer.body).toMatchObject({ code: 'UNAVAILABLE', retryable: true })
  expect(answer.headers.get('retry-after')).toBe('1')
})

test('maintenance runs on request, where it may', async () => {
  const asked: boolean[] = []
  const maintain = async (flushAll: boolean) => {
    asked.push(flushAll)
    return { flushes: 1 }
  }
  const { ask } = httpWorld({ maintain })
  expect((await ask('POST', '/v1/maintenance:run')).body).toEqual({ flushes: 1 })
  expect((await ask('POST', '/v1/maintenance:run?flush=true')).body).toEqual({ flushes: 1 })
  expect(asked).toEqual([false, true])
  const wrong = await ask('GET', '/v1/maintenance:run')
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST'])
  expect((await ask('POST', '/v1/maintenance:stop')).status).toBe(404)
  expect((await httpWorld().ask('POST', '/v1/maintenance:run')).status).toBe(404)
})

test.each(['text/plain;charset=UTF-8', 'application/x-www-form-urlencoded', 'application/vnd.api+json'])(
  'a body that can only be JSON is read as such when its sender says %s',
  async (type) => {
    const { ask } = httpWorld()
    const put = { headers: { 'content-type': type }, body: '{ "partitions": 2 }' }
    expect((await ask('PUT', '/v1/topics/orders', put)).body).toMatchObject({ partitions: 2 })
    const poll = { headers: { 'content-type': type }, body: '{ "topics": ["orders"] }' }
    expect((await ask('POST', '/v1/groups/billing/poll', poll)).status).toBe(200)
  },
)

test('a body that says it is something else than JSON is refused where only JSON can be', async () => {
  const { ask } = httpWorld()
  const sent = { headers: { 'content-type': 'application/xml' }, body: '{}' }
  expect((await ask('PUT', '/v1/topics/orders', sent)).body).toMatchObject({
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  })
})

test.each(['/v1/topics/orders/records', '/v1/topics/orders', '/kafka/admin'])(
  'a client that goes away while it sends to %s is no failure of the server',
  async (path) => {
    const { app: api, broker, logged } = httpWorld()
    const app = serverApp({ broker, access: everybody, api, log: (line) => logged.push(line) })
    const body = new ReadableStream({
      start: (controller) => {
        controller.enqueue(Buffer.from('{ "val'))
        controller.error(new Error('aborted'))
      },
    })
    const type = path === '/kafka/admin' ? 'application/octet-stream' : 'application/json'
    const headers = { host: '127.0.0.1', 'content-type': type }
    const method = path === '/v1/topics/orders' ? 'PUT' : 'POST'
    const request = new Request(`http://127.0.0.1${path}`, { method, headers, body, duplex: 'half' })
    const answer = await app.fetch(request, { incoming: { socket: {} } })
    expect([Math.floor(answer.status / 100), logged]).toEqual([4, []])
  },
)

test('what does not exist is a problem of type application/problem+json', async () => {
  const answer = await httpWorld().ask('GET', '/v1/nothing')
  expect(answer.status).toBe(404)
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  expect(answer.body).toEqual({
    type: 'urn:wadi:error:not-found',
    status: 404,
    code: 'NOT_FOUND',
    title: 'Not found',
    detail: 'There is nothing at GET /v1/nothing.',
    hint: 'See /openapi.json.',
    retryable: false,
    requestId: answer.headers.get('x-request-id'),
  })
})

test('a path that exists tells which methods it knows', async () => {
  const answer = await httpWorld().ask('POST', '/v1/topics/orders')
  expect([answer.status, answer.body.code]).toEqual([405, 'METHOD_NOT_ALLOWED'])
  expect(answer.headers.get('allow')).toBe('DELETE, GET, HEAD, PATCH, PUT')
})

test('a failure is logged whole, with the id of its request, and told without its insides', async () => {
  const usage = () => {
    throw new Error('the secret')
  }
  const { ask, logged } = httpWorld({ usage })
  const answer = await ask('GET', '/v1/usage')
  expect(answer.status).toBe(500)
  expect(answer.text).not.toContain('secret')
  expect(logged).toEqual([expect.stringContaining('the secret')])
  expect(logged[0]).toContain(answer.body.requestId)
})

test('a body that is not JSON is refused with the position of what is wrong', async () => {
  const { ask } = httpWorld()
  const put = (body: string) =>
    ask('PUT', '/v1/topics/orders', { body, headers: { 'content-type': 'application/json' } })
  const table: readonly (readonly [body: string, position: number])[] = [
    ['{ "partitions": }', 16],
    ['  {"a":1} x', 10],
    ['{"a":1', 6],
    [`${'['.repeat(40)}`, 32],
    ['{"partitions":1}{}', 16],
  ]
  for (const [body, position] of table) {
    const answer = await put(body)
    expect([body, answer.status, answer.body.code, answer.body.position]).toEqual([
      body,
      400,
      'INVALID_REQUEST',
      position,
    ])
  }
})

test('a body of another type, another encoding or too many bytes is refused', async () => {
  const { ask } = httpWorld()
  const put = (headers: Record<string, string>, body = '{}') => ask('PUT', '/v1/topics/orders', { headers, body })
  expect((await put({ 'content-type': 'application/xml' })).body).toMatchObject({ code: 'UNSUPPORTED_MEDIA_TYPE' })
  expect((await put({ 'content-encoding': 'gzip' })).body).toMatchObject({ code: 'UNSUPPORTED_MEDIA_TYPE' })
  const large = await put({ 'content-type': 'application/json' }, `"${'x'.repeat(4_500_000)}"`)
  expect([large.status, large.body.limitBytes]).toEqual([413, 4_500_000])
  expect(large.body.hint).toContain('at most 4500000 bytes each')
})

test('a parameter that is not known is refused, with the one that is meant', async () => {
  const { ask } = httpWorld()
  const answer = await ask('GET', '/v1/topics?limt=3')
  expect(answer.status).toBe(400)
  expect(answer.body).toMatchObject({ hint: 'Did you mean "limit"?', errors: [{ path: '/limt' }] })
  expect((await ask('GET', '/v1/topics?limit=3&limit=4')).status).toBe(400)
  expect((await ask('GET', '/v1/topics?limit=0')).body.detail).toBe('In the query at /limit: it is at least 1.')
})
