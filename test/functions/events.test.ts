import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { requestFrom, resultOf } from '../../lib/http/lambda-event.ts'
import { type DoorKind, eventOf, type PlainRequest } from '../support/lambda-events.ts'

const kinds: readonly DoorKind[] = ['function URL', 'HTTP API', 'REST API']
const plain: PlainRequest = {
  method: 'POST',
  url: '/v1/topics/orders/records?from=-2h&limit=10&name=a%20b%26c',
  headers: { host: 'api.example.org', 'content-type': 'application/json', cookie: 'a=1; b=2' },
  body: Buffer.from('{"value":"grün"}'),
  sourceIp: '203.0.113.7',
  userArn: undefined,
}

test.each(kinds)('a request through a %s is what was sent', (kind) => {
  const request = requestFrom(eventOf(kind, plain))
  expect(request).toMatchObject({
    method: 'POST',
    path: '/v1/topics/orders/records',
    host: 'api.example.org',
    headers: plain.headers,
    clientAddress: '203.0.113.7',
    iamCaller: undefined,
  })
  expect([...new URLSearchParams(request.query)]).toEqual([...new URL(plain.url, 'http://door').searchParams])
  expect(request.body.equals(plain.body)).toBe(true)
})

test.each(kinds)('bytes through a %s are the same bytes', (kind) => {
  const body = randomBytes(100_000)
  const headers = { ...plain.headers, 'content-type': 'application/octet-stream' }
  expect(requestFrom(eventOf(kind, { ...plain, headers, body })).body.equals(body)).toBe(true)
  expect(requestFrom(eventOf(kind, { ...plain, headers, body: Buffer.alloc(0) })).body).toHaveLength(0)
})

test.each(kinds)('whom a %s has verified is known, and nobody can say it of himself', (kind) => {
  const userArn = 'arn:aws:iam::123456789012:user/somebody'
  expect(requestFrom(eventOf(kind, { ...plain, userArn })).iamCaller).toBe(userArn)
  const headers = { ...plain.headers, 'x-amzn-iam-user-arn': userArn, authorizer: userArn }
  expect(requestFrom(eventOf(kind, { ...plain, headers })).iamCaller).toBeUndefined()
})

test('the name of a stage is no part of the path', () => {
  const at = (rawPath: string, stage: string) =>
    requestFrom({ rawPath, requestContext: { http: { method: 'GET' }, stage } }).path
  expect(at('/prod/healthz', 'prod')).toBe('/healthz')
  expect(at('/prod', 'prod')).toBe('/')
  expect(at('/product', 'prod')).toBe('/product')
  expect(at('/prod/healthz', '$default')).toBe('/prod/healthz')
})

test('headers have no case, and one that is there twice is both', () => {
  const { headers } = requestFrom({
    path: '/',
    httpMethod: 'GET',
    headers: { 'X-One': 'b' },
    multiValueHeaders: { 'X-One': ['a', 'b'], 'X-TWO': ['c'] },
    requestContext: {},
  })
  expect(headers).toEqual({ 'x-one': 'a, b', 'x-two': 'c' })
})

test('text is answered as text, everything else as base64', () => {
  const answer = (contentType: string, text: string) =>
    resultOf({ status: 200, headers: { 'content-type': contentType }, body: Buffer.from(text) })
  for (const type of ['application/json', 'application/problem+json', 'text/html; charset=utf-8']) {
    expect(answer(type, 'grün')).toMatchObject({ body: 'grün', isBase64Encoded: false })
  }
  for (const type of ['application/octet-stream', 'application/vnd.wadi.batch', 'image/png']) {
    expect(answer(type, 'grün')).toMatchObject({ body: 'Z3LDvG4=', isBase64Encoded: true })
  }
  expect(answer('application/octet-stream', '')).toMatchObject({ body: '', isBase64Encoded: false })
})

test.each([
  ['bytes', 'application/octet-stream', Buffer.alloc(4_700_000), 200],
  ['too many bytes', 'application/octet-stream', Buffer.alloc(4_720_000), 500],
  ['text', 'application/json', Buffer.alloc(6_000_000, 'x'), 200],
  ['text that takes twice its size, escaped', 'application/json', Buffer.alloc(4_000_000, '"'), 200],
  ['text that takes too much in either form', 'application/json', Buffer.alloc(4_800_000, '"'), 500],
])('%s: a result is never more than Lambda takes', (_, contentType, body, status) => {
  const result = resultOf({ status: 200, headers: { 'content-type': contentType }, body })
  expect(result.statusCode).toBe(status)
  expect(Buffer.byteLength(JSON.stringify(result))).toBeLessThan(6 * 1024 * 1024)
  const bytes = Buffer.from(result.body, result.isBase64Encoded ? 'base64' : 'utf8')
  expect(status === 500 || bytes.equals(body)).toBe(true)
})
