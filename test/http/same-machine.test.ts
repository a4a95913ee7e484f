import { request } from 'node:http'
import { json } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { realClock } from '../../lib/clock.ts'
import { functionApp } from '../../lib/function-app.ts'
import { type Access, everybody, parseApiKeys } from '../../lib/http/auth.ts'
import { everyPart } from '../../lib/http/every-part.ts'
import { listenHttp } from '../../lib/http/listen.ts'
import { refusalOfPages } from '../../lib/http/same-machine.ts'
import { serverApp } from '../../lib/http/server-app.ts'
import { openMemory } from '../../lib/local.ts'

test.each([
  '127.0.0.1:8080',
  '127.0.0.1',
  '127.1.2.3:1',
  'localhost:8080',
  'LocalHost',
  'wadi.localhost:8080',
  '[::1]:8080',
])('a server that is open answers at %s', (host) => {
  expect(refusalOfPages({ host, origin: undefined })).toBeUndefined()
  expect(refusalOfPages({ host, origin: `http://${host}` })).toBeUndefined()
})

test.each([
  'rebound.example.org:8080',
  'localhost.example.org',
  '127.0.0.1.example.org:8080',
  'notlocalhost',
  '10.0.0.7:8080',
  '0.0.0.0:8080',
  'user@127.0.0.1',
  '[::]:8080',
  '',
  undefined,
])('and not at %s, which a page may have made a name of this machine', (host) => {
  expect(refusalOfPages({ host, origin: undefined })).toMatchObject({ status: 403 })
})

test.each([
  'https://example.org',
  'http://127.0.0.1:3000',
  'http://localhost:8080',
  'null',
  '',
  'file://',
  'http://127.0.0.1:8080.example.org',
])('a page of %s is no page of 127.0.0.1:8080', (origin) => {
  expect(refusalOfPages({ host: '127.0.0.1:8080', origin })).toMatchObject({ status: 403 })
})

const startServer = async (access: Access): Promise<number> => {
  const log = (): void => {}
  const instance = openMemory({ lingerMs: 0, autoCreateTopics: true, numPartitions: 1, log })
  const app = serverApp({ broker: instance.broker, access, api: functionApp(instance, everyPart), log })
  const server = await listenHttp(app, { host: '127.0.0.1', port: 0, sleep: realClock.sleep })
  onTestFinished(server.stop)
  return server.port
}

type Asked = {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** `fetch` sets the host itself. */
const ask = async (port: number, { method, path, headers, body }: Asked) => {
  const answered = Promise.withResolvers<{ readonly status: number | undefined; readonly body: unknown }>()
  const asking = request({ host: '127.0.0.1', port, method, path, headers }, async (answer) =>
    answered.resolve({ status: answer.statusCode, body: await json(answer) }),
  )
  asking.on('error', answered.reject)
  asking.end(body)
  return answered.promise
}

/** What a page can send anywhere without being asked whether it may: forms, and `fetch` with `mode: 'no-cors'`. */
const simplePosts = [
  { method: 'POST', path: '/v1/in/orders', headers: { 'content-type': 'text/plain' }, body: '{"a":1}' },
  { method: 'POST', path: '/v1/topics/orders/records', headers: { 'content-type': 'text/plain' }, body: '{"value":1}' },
  { method: 'POST', path: '/v1/maintenance:run', headers: {}, body: '' },
] as const

test('a page of another origin writes nothing to an open server, whatever it posts', async () => {
  const port = await startServer(everybody)
  await ask(port, { method: 'PUT', path: '/v1/topics/orders' })
  for (const post of simplePosts) {
    const headers = { ...post.headers, origin: 'https://example.org' }
    const { status, body } = await ask(port, { ...post, headers })
    expect(status).toBe(403)
    expect(body).toMatchObject({ code: 'FORBIDDEN', hint: expect.stringContaining('page of this server') })
  }
  const { body } = await ask(port, { method: 'GET', path: '/v1/topics/orders/records?from=earliest' })
  expect(body).toMatchObject({ records: [] })
})

test('a page whose name stands for this machine reads nothing, and is told nothing but that it lives', async () => {
  const port = await startServer(everybody)
  const headers = { host: `rebound.example.org:${port}` }
  for (const path of ['/v1/topics', '/v1/version', '/kafka/admin', '/nothing']) {
    const { status, body } = await ask(port, { method: 'GET', path, headers })
    expect([path, status]).toEqual([path, 403])
    expect(body).toMatchObject({ code: 'FORBIDDEN', hint: expect.stringContaining('WADI_API_KEYS') })
  }
  expect(await ask(port, { method: 'GET', path: '/healthz', headers })).toMatchObject({ status: 200 })
})

test('a server with keys may be asked by any name: its key is what no page has', async () => {
  const keys = parseApiKeys(`suite:${'0'.repeat(64)}`) ?? []
  const port = await startServer({ open: false, iam: false, keys })
  const headers = { host: 'wadi.example.org' }
  expect(await ask(port, { method: 'GET', path: '/v1/topics', headers })).toMatchObject({ status: 401 })
})
