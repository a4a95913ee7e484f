import { duplexPair } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { realClock } from '../../lib/clock.ts'
import { ClientConnection } from '../../lib/gateway/connection.ts'
import { type Gateway, type GatewayLimits, startGateway, surroundingsOf } from '../../lib/gateway/server.ts'
import { writeRequest } from '../../lib/protocol/header.ts'
import { SaslAuthenticate } from '../../lib/protocol/messages/sasl-authenticate.ts'
import { SaslHandshake } from '../../lib/protocol/messages/sasl-handshake.ts'
import { correlationIds, type RawClient, rawClient } from './raw-client.ts'
import { produceFrame, smallFrame, tinyBroker } from './tiny-broker.ts'

const running: Gateway[] = []

const start = async (limits: Partial<GatewayLimits>, isOpenToAll = false) => {
  const { broker, watch } = tinyBroker()
  const lines: string[] = []
  const gateway = await startGateway({
    broker,
    ...(!isOpenToAll && { authenticate: async ({ password }) => (password === 'right' ? broker : undefined) }),
    watch,
    timer: realClock,
    pollMs: 60_000,
    host: '127.0.0.1',
    port: 0,
    log: (line) => lines.push(line),
    limits,
  })
  running.push(gateway)
  return { port: gateway.port, lines }
}

afterEach(async () => {
  await Promise.all(running.splice(0).map(({ stop }) => stop()))
})

const loggedIn = async (port: number): Promise<RawClient> => {
  const client = await rawClient(port)
  const header = { correlationId: 1, clientId: 'test' }
  await client.send(Buffer.concat(writeRequest(SaslHandshake, 1, header, { mechanism: 'PLAIN' })))
  await client.frames(1)
  await client.send(Buffer.concat(writeRequest(SaslAuthenticate, 1, header, { authBytes: Buffer.from('\0me\0right') })))
  await client.frames(1)
  return client
}

/** Sends the beginning, and then nothing but a byte now and then, until the gateway closes. */
const drip = async (client: RawClient, beginning: Buffer): Promise<void> => {
  await client.send(beginning)
  while (!client.socket.destroyed) {
    await client.send(Buffer.alloc(1)).catch(() => {})
    await pause(10)
  }
}

const large = (correlationId: number): Buffer => produceFrame(correlationId, 't', Buffer.alloc(800_000))

test('who has not logged in reserves no memory, who has sends large frames', async () => {
  const { port, lines } = await start({ maxTotalBytes: 1_000_000 })
  const [honest, stranger] = [await loggedIn(port), await rawClient(port)]
  await stranger.send(large(1).subarray(0, 5))
  await stranger.closed
  expect(lines).toEqual([expect.stringContaining('allowed are 4 to 16384')])
  await honest.send(large(2))
  expect(correlationIds(await honest.frames(1))).toEqual([2])
})

test('who has not logged in has few requests waiting', async () => {
  const { port, lines } = await start({})
  const stranger = await rawClient(port)
  await stranger.send(Buffer.concat(Array.from({ length: 200 }, (_, id) => smallFrame(id))))
  await stranger.closed
  expect(lines).toEqual([expect.stringContaining('wait for the login')])
})

test('who does not log in is disconnected, even with bytes that keep coming; who has stays', async () => {
  const { port, lines } = await start({ maxLoginMs: 100 })
  const honest = await loggedIn(port)
  await drip(await rawClient(port), Buffer.from([0, 0, 1, 0]))
  expect(lines).toEqual([expect.stringContaining('did not log in within 100 ms')])
  await honest.send(smallFrame(2))
  expect(correlationIds(await honest.frames(1))).toEqual([2])
})

test('a frame that comes byte by byte keeps its memory no longer than one that has stopped', async () => {
  const { port, lines } = await start({ maxTotalBytes: 1_000_000, maxFrameBytes: 900_000, maxStalledMs: 100 }, true)
  const [slow, good] = [await rawClient(port), await rawClient(port)]
  const dripped = drip(slow, large(1).subarray(0, 1000))
  await pause(20)
  await good.send(large(2))
  expect(correlationIds(await good.frames(1))).toEqual([2])
  await dripped
  expect(lines).toEqual([expect.stringContaining('stopped arriving')])
})

test('a frame is late by the time for which too few bytes have come, and bytes cannot be saved up', async () => {
  let nowMs = 0
  const { broker, watch } = tinyBroker()
  const timer = { ...realClock, now: () => nowMs }
  const limits = { leastBytesPerSecond: 1000 }
  const around = surroundingsOf({ broker, watch, timer, pollMs: 60_000, log: () => {}, limits })
  const [ours, theirs] = duplexPair()
  const client = new ClientConnection(ours, { advertised: { host: 'here', port: 1 }, clientAddress: 'there' }, around)
  const lateAfter = async (ms: number, bytes: Buffer): Promise<number> => {
    nowMs += ms
    theirs.write(bytes)
    await pause(0)
    return client.lateMs(nowMs)
  }
  expect(await lateAfter(60_000, large(1).subarray(0, 50_000))).toBe(0)
  expect(await lateAfter(1000, Buffer.alloc(1))).toBe(999)
  expect(await lateAfter(1000, Buffer.alloc(1))).toBe(1998)
  expect(await lateAfter(0, Buffer.alloc(1000))).toBe(998)
  expect(await lateAfter(0, Buffer.alloc(50_000))).toBe(0)
  expect(await lateAfter(1000, Buffer.alloc(1))).toBe(999)
  theirs.destroy()
})
