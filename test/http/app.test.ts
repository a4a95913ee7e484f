import { expect, test } from 'vitest'
import { type AppOptions, httpApp } from '../../lib/http/app.ts'

const app = (options: Partial<AppOptions> = {}) =>
  httpApp({
    version: '1.2.3',
    commit: undefined,
    isReady: () => true,
    usage: () => ({ gets: 7 }),
    log: () => {},
    ...options,
  })

test('health, version and usage are told', async () => {
  const json = async (path: string): Promise<unknown> => (await app().request(path)).json()
  expect(await json('/healthz')).toEqual({ status: 'ok' })
  expect(await json('/readyz')).toEqual({ status: 'ready' })
  expect(await json('/v1/version')).toEqual({ name: 'wadi', version: '1.2.3' })
  expect(await json('/v1/usage')).toEqual({ gets: 7 })
})

test('a server that stops is not ready', async () => {
  const answer = await app({ isReady: () => false }).request('/readyz')
  expect(answer.status).toBe(503)
  expect(await answer.json()).toMatchObject({ code: 'UNAVAILABLE', retryable: true })
})

test('maintenance runs on request, where it may', async () => {
  const asked: boolean[] = []
  const maintain = async (flushAll: boolean) => {
    asked.push(flushAll)
    return { flushes: 1 }
  }
  const own = app({ maintain })
  for (const path of ['/v1/maintenance:run', '/v1/maintenance:run?flush=true']) {
    const answer = await own.request(path, { method: 'POST' })
    expect(await answer.json()).toEqual({ flushes: 1 })
  }
  expect(asked).toEqual([false, true])
  expect((await own.request('/v1/maintenance:run')).status).toBe(404)
  expect((await own.request('/v1/maintenance:stop', { method: 'POST' })).status).toBe(404)
  expect((await app().request('/v1/maintenance:run', { method: 'POST' })).status).toBe(404)
})

test('what does not exist is a problem of type application/problem+json', async () => {
  const answer = await app().request('/v1/nothing')
  expect(answer.status).toBe(404)
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  expect(await answer.json()).toEqual({
    type: 'urn:wadi:error:not-found',
    status: 404,
    code: 'NOT_FOUND',
    title: 'Not found',
    detail: 'There is nothing at GET /v1/nothing.',
    retryable: false,
  })
})

test('a failure is logged whole and told without its insides', async () => {
  const lines: string[] = []
  const usage = () => {
    throw new Error('the secret')
  }
  const answer = await app({ usage, log: (line) => lines.push(line) }).request('/v1/usage')
  expect(answer.status).toBe(500)
  expect(await answer.text()).not.toContain('secret')
  expect(lines).toEqual([expect.stringContaining('the secret')])
})
