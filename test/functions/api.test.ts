import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { functionApp } from '../../lib/function-app.ts'
import { groupRoutes } from '../../lib/http/groups.ts'
import { topicRoutes } from '../../lib/http/topics.ts'
import { doorFunction, type FunctionOptions } from '../../lib/lambda.ts'
import { openMemory } from '../../lib/local.ts'
import { type DoorKind, eventOf } from '../support/lambda-events.ts'

const token = 'tok'
const keys = `suite:${createHash('sha256').update(token).digest('hex')}`
const kinds: readonly DoorKind[] = ['function URL', 'HTTP API', 'REST API']

const adminFunction = (options: Partial<FunctionOptions> = {}) => {
  const lines: string[] = []
  let opened = 0
  const open: FunctionOptions['open'] = async (_, log) => {
    opened++
    return openMemory({ lingerMs: 0, autoCreateTopics: false, numPartitions: 1, log })
  }
  const handler = doorFunction('admin', async (instance) => functionApp(instance, [topicRoutes, groupRoutes]), {
    environment: { WADI_API_KEYS: keys },
    open,
    writeLine: (line) => lines.push(line),
    ...options,
  })
  const context = { awsRequestId: 'id', getRemainingTimeInMillis: () => 29_000 }
  const ask = async (kind: DoorKind, method: string, url: string, body = '') => {
    const headers = {
      host: 'api.example.org',
      authorization: `Bearer ${token}`,
      ...(body !== '' && { 'content-type': 'application/json' }),
    }
    const request = { method, url, headers, body: Buffer.from(body), sourceIp: '203.0.113.7', userArn: undefined }
    const { statusCode, body: told } = await handler(eventOf(kind, request), context)
    return { status: statusCode, told: told === '' ? undefined : JSON.parse(told) }
  }
  return { ask, lines, opened: () => opened }
}

test.each(kinds)('topics are made, listed and deleted through a %s', async (kind) => {
  const { ask, opened } = adminFunction()
  expect(await ask(kind, 'PUT', '/v1/topics/orders', '{"partitions":3}')).toMatchObject({ status: 201 })
  expect(await ask(kind, 'GET', '/v1/topics?prefix=ord&limit=5')).toMatchObject({
    status: 200,
    told: { topics: [{ name: 'orders' }] },
  })
  expect(await ask(kind, 'GET', '/v1/topics/ordes')).toMatchObject({ status: 404, told: { code: 'TOPIC_NOT_FOUND' } })
  expect((await ask(kind, 'DELETE', '/v1/topics/orders?confirm=orders')).status).toBeLessThan(300)
  expect(await ask(kind, 'GET', '/v1/topics/orders')).toMatchObject({ status: 404 })
  expect(await ask(kind, 'POST', '/kafka/fetch')).toMatchObject({ status: 404, told: { code: 'NOT_FOUND' } })
  expect(opened()).toBe(1)
})

test.each(['/v1/in/../topics', '/v1/./topics', '/v1/%2e%2e/topics', '/..', '/v1/topics/.%2E'])(
  '%s is no path',
  async (path) => {
    const { ask } = adminFunction()
    for (const kind of kinds) {
      expect(await ask(kind, 'GET', path)).toMatchObject({ status: 400, told: { code: 'INVALID_REQUEST' } })
    }
  },
)

// A door that forbids by path has seen another one, whatever a parser of URLs would make of what follows `orders`.
test.each([
  '/v1/topics/orders/..%5Cpayments',
  '/v1/topics/orders/..\\payments',
  '/v1/topics/orders/.%09./payments',
  '/v1/topics/orders/.%0A./payments',
  '/v1/topics/orders/.\r./payments',
  '/v1/topics/payments%0D',
  '/v1/topics/payments%20',
  '/v1/topics/payments%3F',
  '/v1/topics/payments%23',
  '/v1/topics/payment%2573',
  '/v1/topics/orders/%252e%252e/payments',
])('%j is not the path of payments at any door', async (path) => {
  const { ask } = adminFunction()
  for (const topic of ['orders', 'payments']) await ask('HTTP API', 'PUT', `/v1/topics/${topic}`, '{}')
  for (const kind of kinds) {
    const { status } = await ask(kind, 'GET', path)
    expect([400, 404]).toContain(status)
  }
  expect(await ask('HTTP API', 'GET', '/v1/topics/payments')).toMatchObject({ status: 200 })
})

test.each(kinds)('a name with any character in it is the same through a %s', async (kind) => {
  const { ask } = adminFunction()
  for (const group of ['my group', '50%41', 'grün', 'a\\b', 'a?b#c', 'tab\tbed', 'x{y}|z']) {
    const { status, told } = await ask(kind, 'GET', `/v1/groups/${encodeURIComponent(group)}`)
    expect([status, told.detail]).toEqual([404, `There is no group "${group}".`])
  }
})

test('a function that cannot be opened says so, and tries again at the next request', async () => {
  let tries = 0
  const { ask, lines } = adminFunction({
    open: async (_, log) => {
      if (tries++ === 0) throw new Error('no table yet')
      return openMemory({ lingerMs: 0, autoCreateTopics: false, numPartitions: 1, log })
    },
  })
  expect(await ask('HTTP API', 'GET', '/v1/topics')).toMatchObject({ status: 500, told: { code: 'INTERNAL' } })
  expect(lines.join('')).toContain('no table yet')
  expect(await ask('HTTP API', 'GET', '/v1/topics')).toMatchObject({ status: 200 })
})

test.each([
  ['nothing', {}, 401],
  ['keys that are none', { WADI_API_KEYS: token }, 500],
  ['a way that is none', { WADI_API_KEYS: keys, WADI_AUTH: 'open' }, 500],
])('with %s in its environment a function lets nobody in', async (_, environment, status) => {
  const { ask, lines, opened } = adminFunction({ environment })
  expect(await ask('HTTP API', 'GET', '/v1/topics')).toMatchObject({ status })
  expect(await ask('HTTP API', 'GET', '/healthz')).toEqual({ status: 200, told: { status: 'ok' } })
  expect(opened()).toBe(0)
  expect(lines.join('')).not.toContain(token)
})
