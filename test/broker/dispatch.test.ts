import { expect, test } from 'vitest'
import { routes } from '../../lib/broker/routes.ts'
import { servedApis } from '../../lib/protocol/apis.ts'
import { requestCodec } from '../../lib/protocol/compile.ts'
import { includes } from '../../lib/protocol/declare.ts'
import { errors } from '../../lib/protocol/errors.ts'
import { readResponse } from '../../lib/protocol/header.ts'
import { ApiVersions } from '../../lib/protocol/messages/api-versions.ts'
import { Metadata } from '../../lib/protocol/messages/metadata.ts'
import { Produce } from '../../lib/protocol/messages/produce.ts'
import { MalformedFrame } from '../../lib/protocol/reader.ts'
import { Writer } from '../../lib/protocol/writer.ts'
import { brokerWorld, connection, requestFrame } from './world.ts'

const rawFrame = (apiKey: number, apiVersion: number, body: Buffer = Buffer.alloc(0)): Buffer => {
  const writer = new Writer()
  writer.int16(apiKey)
  writer.int16(apiVersion)
  writer.int32(7)
  writer.nullableString('suite')
  writer.raw(body)
  return writer.toBuffer()
}

test('every API that is announced has a handler, and no other', () => {
  const announced = servedApis.map(({ api }) => api.key).filter((key) => key !== Produce.key)
  expect([...routes.keys()].toSorted((a, b) => a - b)).toEqual(announced.toSorted((a, b) => a - b))
})

test('an unknown version of ApiVersions is answered in the layout of version 0 with the list', async () => {
  const { send } = brokerWorld()
  const [reply = Buffer.alloc(0)] = await send([rawFrame(ApiVersions.key, 99)])
  const { correlationId, body } = readResponse(ApiVersions, 0, reply)
  expect(correlationId).toBe(7)
  expect(body.errorCode).toBe(errors.UNSUPPORTED_VERSION)
  expect(body.apiKeys).toContainEqual({ apiKey: Produce.key, minVersion: 0, maxVersion: 13 })
})

test.each([
  ['an unknown API', rawFrame(999, 0)],
  ['an unknown version of another API', rawFrame(Metadata.key, 99)],
  ['a version of Produce that is announced for the sake of librdkafka only', rawFrame(Produce.key, 2)],
  ['a request that is cut off', rawFrame(Metadata.key, 5, Buffer.from([0, 0]))],
  ['a header that is cut off', Buffer.from([0, 3])],
])('%s closes the connection', async (_, frame) => {
  const { broker, lines } = brokerWorld()
  await expect(broker([frame], connection)).rejects.toThrow(MalformedFrame)
  expect(lines).toEqual([])
})

test('bytes behind a valid request are ignored', async () => {
  const { send } = brokerWorld()
  const frame = requestFrame(Metadata, 9, { topics: null })
  const [reply = Buffer.alloc(0)] = await send([Buffer.concat([frame, Buffer.from('junk')])])
  expect(readResponse(Metadata, 9, reply).body.topics).toEqual([])
})

test('frames of one call are answered in their order', async () => {
  const { send } = brokerWorld()
  const replies = await send([
    requestFrame(ApiVersions, 0, {}),
    requestFrame(Metadata, 1, { topics: [] }),
    requestFrame(ApiVersions, 3, {}),
  ])
  expect(readResponse(ApiVersions, 0, replies[0] ?? Buffer.alloc(0)).body.apiKeys.length).toBeGreaterThan(10)
  expect(readResponse(Metadata, 1, replies[1] ?? Buffer.alloc(0)).body.controllerId).toBe(1)
  expect(replies).toHaveLength(3)
})

const everyVersion = servedApis.flatMap(({ api }) =>
  Array.from({ length: 100 }, (_, version) => version)
    .filter((version) => includes(api.versions, version) && (api.key !== 22 || version < 6))
    .map((version) => ({ api, version })),
)

test.each(everyVersion)('$api.name v$version answers a request of nothing but defaults', async ({ api, version }) => {
  const { send, lines } = brokerWorld()
  const writer = new Writer()
  if (includes(api.flexible, version)) writer.unsignedVarint(0)
  const defaults = Object.fromEntries(Object.entries(api.request).map(([name, field]) => [name, field.default]))
  requestCodec(api, version).write(writer, defaults)
  const [reply = Buffer.alloc(0)] = await send([rawFrame(api.key, version, writer.toBuffer())])
  if (api.key !== Produce.key) expect(readResponse(api, version, reply).correlationId).toBe(7)
  expect(lines).toEqual([])
})
