import { createHash } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { realClock } from '../../lib/clock.ts'
import { functionApp } from '../../lib/function-app.ts'
import { type Access, everybody, parseApiKeys } from '../../lib/http/auth.ts'
import { listenHttp } from '../../lib/http/listen.ts'
import { serverApp } from '../../lib/http/server-app.ts'
import { openMemory } from '../../lib/local.ts'
import { errors } from '../../lib/protocol/errors.ts'
import { Fetch } from '../../lib/protocol/messages/fetch.ts'
import { Metadata } from '../../lib/protocol/messages/metadata.ts'
import { Produce } from '../../lib/protocol/messages/produce.ts'
import { zeroUuid } from '../../lib/protocol/reader.ts'
import { fetchRequest, produceRequest } from '../broker/world.ts'
import { batch, recordsOf } from '../support/batches.ts'
import { askDoor, bodyOf, post } from '../support/door-client.ts'

const startServer = async (access: Access): Promise<string> => {
  const log = (): void => {}
  const instance = openMemory({ lingerMs: 0, autoCreateTopics: true, numPartitions: 1, log })
  const app = serverApp({ broker: instance.broker, access, api: functionApp(instance, []), log })
  const server = await listenHttp(app, { host: '127.0.0.1', port: 0, sleep: realClock.sleep })
  onTestFinished(server.stop)
  return `http://127.0.0.1:${server.port}`
}

test('a server of one’s own has every door, and bodies that no function takes', async () => {
  const url = await startServer(everybody)
  const { brokers } = await askDoor({ url, door: 'admin' }, Metadata, 9, {
    topics: [{ topicId: zeroUuid, name: 'large' }],
  })
  expect(brokers).toMatchObject([{ host: '127.0.0.1', port: Number(new URL(url).port) }])
  const records = batch({ value: 'x'.repeat(1_000_000) })
  const ask = bodyOf(Produce, 9, produceRequest([{ name: 'large', index: 0, records }]))
  expect((await post(url, 'produce', Buffer.concat(Array(12).fill(ask)))).status).toBe(200)
  const request = fetchRequest([{ topic: 'large', partition: 0, fetchOffset: 0n }], { partitionMaxBytes: 50_000_000 })
  const { responses } = await askDoor({ url, door: 'fetch' }, Fetch, 11, request)
  expect(responses[0]?.partitions[0]?.errorCode).toBe(errors.NONE)
  expect(recordsOf(responses[0]?.partitions[0]?.records ?? Buffer.alloc(0))).toHaveLength(12)
  expect(await (await fetch(`${url}/v1/version`)).json()).toMatchObject({ name: 'wadi' })
  expect((await post(url, 'fetch', ask)).status).toBe(400)
})

test('a server with keys asks for them everywhere but at its health', async () => {
  const keys = parseApiKeys(`suite:${createHash('sha256').update('tok').digest('hex')}`) ?? []
  const url = await startServer({ open: false, iam: false, keys })
  expect((await fetch(`${url}/healthz`)).status).toBe(200)
  const body = bodyOf(Metadata, 9, { topics: [] })
  for (const path of ['/v1/version', '/readyz', '/nothing']) expect((await fetch(`${url}${path}`)).status).toBe(401)
  expect((await post(url, 'admin', body)).status).toBe(401)
  const headers = { authorization: 'Bearer tok' }
  expect((await fetch(`${url}/v1/version`, { headers })).status).toBe(200)
  expect((await post(url, 'admin', body, headers)).status).toBe(200)
})
