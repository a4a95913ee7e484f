import { expect, test } from 'vitest'
import type { Broker, Connection } from '../../lib/broker/broker.ts'
import { functionBodyLimits } from '../../lib/http/body-limits.ts'
import { answerFrames, type FramesRequest } from '../../lib/http/frames.ts'
import { doors, servedApis } from '../../lib/protocol/apis.ts'
import { writeRequest } from '../../lib/protocol/header.ts'
import { ApiVersions } from '../../lib/protocol/messages/api-versions.ts'
import { Metadata } from '../../lib/protocol/messages/metadata.ts'
import { StoreUnavailable } from '../../lib/store/items.ts'
import { frameType } from '../support/door-client.ts'

const header = { correlationId: 7, clientId: 'suite' }
const metadata = Buffer.concat(writeRequest(Metadata, 9, header, { topics: [] }))

/** A frame of any API and version, with nothing behind its header. */
const frameOf = (apiKey: number, apiVersion: number): Buffer => {
  const bytes = Buffer.alloc(14)
  bytes.writeInt32BE(10)
  bytes.writeInt16BE(apiKey, 4)
  bytes.writeInt16BE(apiVersion, 6)
  bytes.writeInt16BE(-1, 12)
  return bytes
}

/** A broker that notes what it is asked, and replies with its arguments' count. */
const listening = (replies: (frames: number) => readonly (readonly Buffer[])[] = (count) => Array(count).fill([])) => {
  const asked: Connection[] = []
  const broker: Broker = async (frames, connection) => {
    asked.push(connection)
    return replies(frames.length)
  }
  return { asked, broker }
}

const ask = async (request: Partial<FramesRequest>, broker: Broker) => {
  const whole = {
    method: 'POST',
    door: 'admin',
    contentType: frameType,
    advertise: undefined,
    host: 'api.example.org',
    clientAddress: '203.0.113.7',
    body: metadata,
    ...request,
  } as const
  const { status, headers, body, apiKeys } = await answerFrames(async () => broker, whole, functionBodyLimits)
  const isProblem = headers['content-type'] === 'application/problem+json'
  return { status, headers, body, apiKeys, problem: isProblem ? JSON.parse(body.toString()) : undefined }
}

const malformed: readonly (readonly [what: string, body: Buffer])[] = [
  ['nothing', Buffer.alloc(0)],
  ['a size and no more', Buffer.from([0, 0, 0, 20])],
  ['half a size', Buffer.from([0, 0])],
  ['a frame that lacks its last byte', metadata.subarray(0, -1)],
  ['a frame and one byte', Buffer.concat([metadata, Buffer.of(0)])],
  ['a size below zero', Buffer.from([255, 255, 255, 255, 0, 0, 0, 0])],
  ['a size above the limit', Buffer.from([127, 255, 255, 255, 0, 0, 0, 0])],
  ['a frame that ends within its header', Buffer.from([0, 0, 0, 6, 0, 3, 0, 9, 0, 0])],
  ['a client id that is longer than the frame', Buffer.from([0, 0, 0, 10, 0, 3, 0, 9, 0, 0, 0, 0, 127, 255])],
  ['JSON', Buffer.from('{"frames":[]}')],
  ['an API that does not exist', frameOf(9999, 0)],
  ['an API below zero', frameOf(-1, 0)],
  ['a version that is not served', frameOf(Metadata.key, 99)],
  ['a frame of this door and one of another', Buffer.concat([metadata, frameOf(1, 11)])],
]

test.each(malformed)('%s is refused, and nothing is done', async (_, body) => {
  const { asked, broker } = listening()
  const { status, problem } = await ask({ body }, broker)
  expect([status, problem]).toEqual([400, expect.objectContaining({ code: 'INVALID_REQUEST', retryable: false })])
  expect(asked).toEqual([])
})

test('every API is answered at its own door, and told there at the others', async () => {
  for (const { api, listed, door: own } of servedApis) {
    if (api.key === ApiVersions.key) continue
    for (const door of doors) {
      const { asked, broker } = listening()
      const { status, problem } = await ask({ door, body: frameOf(api.key, listed.last) }, broker)
      expect([api.name, door, asked.length, status]).toEqual([api.name, door, ...(door === own ? [1, 204] : [0, 400])])
      if (door !== own) expect(problem.hint).toBe(`POST this frame to /kafka/${own}.`)
    }
  }
})

test('ApiVersions is answered at every door, in versions that nobody knows yet too', async () => {
  for (const door of doors) {
    const { asked, broker } = listening()
    await ask({ door, body: frameOf(ApiVersions.key, 99) }, broker)
    expect(asked).toHaveLength(1)
  }
})

test('anything but a POST of frames is refused', async () => {
  const { asked, broker } = listening()
  for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
    expect(await ask({ method }, broker)).toMatchObject({ status: 405, headers: { allow: 'POST' } })
  }
  for (const contentType of [undefined, '', 'text/plain', 'application/json', 'application/octet-streams']) {
    expect(await ask({ contentType }, broker)).toMatchObject({ status: 415 })
  }
  expect(asked).toEqual([])
  expect(await ask({ contentType: 'Application/Octet-Stream; charset=x' }, broker)).toMatchObject({ status: 204 })
})

test.each([
  ['kafka.example.org:9093', { host: 'kafka.example.org', port: 9093 }],
  ['10.0.0.7:1', { host: '10.0.0.7', port: 1 }],
  ['[::1]:65535', { host: '::1', port: 65_535 }],
  ['localhost:9092', { host: 'localhost', port: 9092 }],
])('%s is advertised', async (advertise, advertised) => {
  const { asked, broker } = listening()
  await ask({ advertise }, broker)
  expect(asked).toMatchObject([{ advertised, clientAddress: '203.0.113.7' }])
})

test.each([
  '',
  'kafka',
  ':9092',
  'kafka:',
  'kafka:0',
  'kafka:65536',
  'kafka:-1',
  'kafka:9092:9092',
  '::1:9092',
  '[kafka]:9092',
  'kaf ka:9092',
  'kafka/../:9092',
  'kafka\r\n:9092',
  '-kafka:9092',
  `${'k'.repeat(256)}:9092`,
  'user@kafka:9092',
])('"%s" cannot be advertised', async (advertise) => {
  const { asked, broker } = listening()
  expect(await ask({ advertise }, broker)).toMatchObject({ status: 400, problem: { code: 'INVALID_REQUEST' } })
  expect(asked).toEqual([])
})

test('without a wish, what is advertised is where the request was sent to', async () => {
  const { asked, broker } = listening()
  for (const host of ['api.example.org', 'api.example.org:8443', '[::1]:8080']) await ask({ host }, broker)
  expect(asked.map(({ advertised: { host, port } }) => `${host} ${port}`)).toEqual([
    'api.example.org 443',
    'api.example.org 8443',
    '::1 8080',
  ])
  expect(await ask({ host: '' }, broker)).toMatchObject({ status: 400 })
})

test('a body at the limit is taken, one byte more is not', async () => {
  const { maxRequestBytes } = functionBodyLimits
  const { broker } = listening()
  const frame = Buffer.alloc(maxRequestBytes)
  frame.writeInt32BE(maxRequestBytes - 4)
  frame.writeInt16BE(Metadata.key, 4)
  frame.writeInt16BE(9, 6)
  expect(await ask({ body: frame }, broker)).toMatchObject({ status: 204 })
  const { status, problem } = await ask({ body: Buffer.concat([frame, Buffer.of(0)]) }, broker)
  expect([status, problem]).toEqual([413, expect.objectContaining({ code: 'TOO_LARGE', limitBytes: maxRequestBytes })])
})

test('replies that no door can carry are an error that says so', async () => {
  const { maxReplyBytes } = functionBodyLimits
  const just = listening(() => [[Buffer.alloc(maxReplyBytes)]])
  expect(await ask({}, just.broker)).toMatchObject({ status: 200, headers: { 'content-type': frameType } })
  const more = listening(() => [[Buffer.alloc(maxReplyBytes)], [Buffer.alloc(1)]])
  const { status, problem } = await ask({}, more.broker)
  expect([status, problem]).toEqual([500, expect.objectContaining({ code: 'REPLY_TOO_LARGE', retryable: false })])
})

test('a store that does not answer leaves an unknown outcome, to be tried again', async () => {
  const broker: Broker = async () => {
    throw new StoreUnavailable('no answer')
  }
  const { status, problem } = await ask({}, broker)
  expect([status, problem]).toEqual([503, expect.objectContaining({ code: 'UNAVAILABLE', retryable: true })])
})
