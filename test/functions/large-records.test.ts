import { expect, test } from 'vitest'
import { functionApp } from '../../lib/function-app.ts'
import { groupRoutes } from '../../lib/http/groups.ts'
import { produceRoutes } from '../../lib/http/produce.ts'
import { readRoutes } from '../../lib/http/read.ts'
import { topicRoutes } from '../../lib/http/topics.ts'
import { doorFunction } from '../../lib/lambda.ts'
import { openMemory } from '../../lib/local.ts'
import { eventOf } from '../support/lambda-events.ts'

const userArn = 'arn:aws:iam::123456789012:user/suite'

const world = () => {
  const parts = [topicRoutes, produceRoutes, readRoutes, groupRoutes]
  const handler = doorFunction('fetch', async (instance) => functionApp(instance, parts), {
    environment: { WADI_AUTH: 'iam' },
    open: async (_, log) => openMemory({ lingerMs: 0, autoCreateTopics: false, numPartitions: 1, log }),
    writeLine: () => {},
  })
  const context = { awsRequestId: 'id', getRemainingTimeInMillis: () => 29_000 }
  return async (method: string, url: string, body: object | string = '', accept = 'application/json') => {
    const type = typeof body === 'string' ? 'text/plain' : 'application/json'
    const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
    const headers = { host: 'api.example.org', accept, ...(bytes.length > 0 && { 'content-type': type }) }
    const request = { method, url, headers, body: bytes, sourceIp: '203.0.113.7', userArn }
    const answer = await handler(eventOf('function URL', request), context)
    return {
      status: answer.statusCode,
      text: String(Buffer.from(answer.body, answer.isBase64Encoded ? 'base64' : 'utf8')),
    }
  }
}

test.each([
  [
    'a text of control characters',
    '\u0001'.repeat(1_000_000),
    { $bytes: Buffer.alloc(1_000_000, 1).toString('base64') },
  ],
  ['a record as large as a request', '\u0001'.repeat(4_400_000), { $bytes: null, sizeBytes: 4_400_000 }],
])('%s is lent and read through a function', async (_, text, value) => {
  const ask = world()
  await ask('PUT', '/v1/topics/orders', { maxMessageBytes: 5_000_000 })
  for (const one of [text, 'behind']) expect((await ask('POST', '/v1/topics/orders/records', one)).status).toBe(200)
  const poll = async () => JSON.parse((await ask('POST', '/v1/groups/g/poll', { topics: ['orders'], limit: 1 })).text)
  const { lease, records } = await poll()
  expect(records).toMatchObject([{ offset: 0, value }])
  expect((await ask('POST', '/v1/groups/g/ack', { lease })).status).toBe(200)
  expect((await poll()).records).toMatchObject([{ value: 'behind' }])
  const page = JSON.parse((await ask('GET', '/v1/topics/orders/records?limit=1')).text)
  expect(page.records).toMatchObject([{ offset: 0, value }])
  const stored = await ask('GET', '/v1/topics/orders/records?maxBytes=1', '', 'application/vnd.wadi.batch')
  expect([stored.status, stored.text.includes(text)]).toEqual([200, true])
})
