import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { realClock } from '../../lib/clock.ts'
import { type Gateway, type GatewayLimits, startGateway } from '../../lib/gateway/server.ts'
import { correlationIds, rawClient } from './raw-client.ts'
import {
  fetchFrame,
  poison,
  produceFrame,
  smallFrame,
  type TinyBroker,
  type TinyBrokerOptions,
  tinyBroker,
} from './tiny-broker.ts'

type Started = TinyBroker & { readonly gateway: Gateway; readonly lines: string[] }

const running: Gateway[] = []

const start = async (options: TinyBrokerOptions & { limits?: Partial<GatewayLimits> } = {}): Promise<Started> => {
  const tiny = tinyBroker(options)
  const lines: string[] = []
  const gateway = await startGateway({
    broker: tiny.broker,
    watch: tiny.watch,
    timer: realClock,
    pollMs: 60_000,
    host: '127.0.0.1',
    port: 0,
    log: (line) => lines.push(line),
    limits: options.limits ?? {},
  })
  running.push(gateway)
  return { ...tiny, gateway, lines }
}

afterEach(async () => {
  await Promise.all(running.splice(0).map(({ stop }) => stop()))
})

/** A broker that answers only when told to. */
const gate = () => {
  const open = Promise.withResolvers<void>()
  return { open: open.resolve, before: () => open.promise }
}

const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await pause(5)
}

test('a frame that arrives byte by byte is answered', async () => {
  const { gateway } = await start()
  const client = await rawClient(gateway.port)
  for (const byte of smallFrame(7)) await client.send(Buffer.from([byte]))
  expect(correlationIds(await client.frames(1))).toEqual([7])
})

test('many frames in one packet are answered in their order', async () => {
  const { gateway } = await start()
  const client = await rawClient(gateway.port)
  const ids = Array.from({ length: 500 }, (_, id) => id)
  const frame = (id: number) => (id % 3 === 0 ? smallFrame(id) : produceFrame(id, 't', Buffer.alloc(id)))
  await client.send(Buffer.concat(ids.map(frame)))
  expect(correlationIds(await client.frames(500))).toEqual(ids)
})

test('Produce frames that have arrived go to the broker in one call, any other alone and after them', async () => {
  const { open, before } = gate()
  const { gateway, calls } = await start({ before })
  const client = await rawClient(gateway.port)
  const produced = [1, 2, 3].map((id) => produceFrame(id, 't', Buffer.alloc(10)))
  await client.send(Buffer.concat([...produced, smallFrame(4), smallFrame(5), produceFrame(6, 't', Buffer.alloc(10))]))
  await until(() => calls.length === 1)
  await pause(50)
  expect(calls.length).toBe(1)
  open()
  expect(correlationIds(await client.frames(6))).toEqual([1, 2, 3, 4, 5, 6])
  expect(calls).toEqual([[1, 2, 3], [4], [5], [6]])
})

test('Produce frames do not wait for the replies of earlier ones, but only a few calls overlap', async () => {
  const { open, before } = gate()
  const { gateway, calls } = await start({ before })
  const client = await rawClient(gateway.port)
  for (let id = 1; id <= 9; id++) {
    await client.send(produceFrame(id, 't', Buffer.alloc(10)))
    await pause(10)
  }
  expect(calls).toEqual([[1], [2], [3], [4], [5]])
  open()
  expect(correlationIds(await client.frames(9))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(calls.at(-1)).toEqual([6, 7, 8, 9])
})

test('a reply waits for those before it', async () => {
  const { open, before } = gate()
  const { gateway } = await start({ before: (id) => (id === 1 ? before() : Promise.resolve()) })
  const client = await rawClient(gateway.port)
  await client.send(produceFrame(1, 't', Buffer.alloc(10)))
  await pause(10)
  await client.send(produceFrame(2, 't', Buffer.alloc(10)))
  await pause(30)
  open()
  expect(correlationIds(await client.frames(2))).toEqual([1, 2])
})

test('a frame of many packets arrives whole', async () => {
  const { gateway } = await start()
  const client = await rawClient(gateway.port)
  const records = Buffer.alloc(5_000_000, 'wadi')
  await client.send(Buffer.concat([produceFrame(1, 't', records), fetchFrame(2, 't', {})]))
  const [, fetched] = await client.frames(2)
  expect(fetched?.includes(records)).toBe(true)
})

test('acks=0 has no reply, and what follows has', async () => {
  const { gateway } = await start()
  const client = await rawClient(gateway.port)
  await client.send(Buffer.concat([produceFrame(1, 't', Buffer.alloc(10), 0), smallFrame(2)]))
  expect(correlationIds(await client.frames(1))).toEqual([2])
})

test('records sent with acks=0 by a client that leaves at once are kept', async () => {
  const { open, before } = gate()
  const { gateway, calls } = await start({ before })
  const client = await rawClient(gateway.port)
  await client.send(smallFrame(1))
  await until(() => calls.length === 1)
  await client.send(Buffer.concat([smallFrame(2), produceFrame(3, 't', Buffer.alloc(1), 0), smallFrame(4)]))
  await pause(50)
  client.socket.resetAndDestroy()
  await until(() => gateway.connections() === 0)
  open()
  await until(() => calls.length === 2)
  await pause(20)
  expect(calls).toEqual([[1], [3]])
})

test('a client that has sent its last request gets its reply', async () => {
  const { open, before } = gate()
  const { gateway } = await start({ before })
  const client = await rawClient(gateway.port)
  client.socket.end(smallFrame(1))
  await pause(50)
  open()
  expect(correlationIds(await client.frames(1))).toEqual([1])
  await client.closed
})

test('a frame above the limit closes its connection before it is read, and no other', async () => {
  const { gateway, lines } = await start({ limits: { maxFrameBytes: 1000 } })
  const [bad, good] = [await rawClient(gateway.port), await rawClient(gateway.port)]
  await bad.send(Buffer.from([0, 0, 3, 0xe9]))
  await bad.closed
  await good.send(smallFrame(1))
  expect(correlationIds(await good.frames(1))).toEqual([1])
  expect(lines).toEqual([expect.stringMatching(/^client 127\.0\.0\.1:\d+ is disconnected: a frame of 1001 bytes/)])
})

test('a size below the least closes the connection', async () => {
  const { gateway } = await start()
  const client = await rawClient(gateway.port)
  await client.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
  await client.closed
})

test('a handler that throws closes its connection, with one line in the log, and no other', async () => {
  const { gateway, lines } = await start()
  const [bad, good] = [await rawClient(gateway.port), await rawClient(gateway.port)]
  await bad.send(Buffer.concat([smallFrame(1), smallFrame(poison), smallFrame(3)]))
  expect(correlationIds(await bad.frames(1))).toEqual([1])
  await bad.closed
  await good.send(smallFrame(1))
  expect(correlationIds(await good.frames(1))).toEqual([1])
  expect(lines).toEqual([expect.stringContaining('the handler broke')])
})

test('a client that does not read its replies is not read either, and gets all of them in the end', async () => {
  const { gateway, calls, append } = await start({ limits: { maxConnectionBytes: 10_000 } })
  append('t', Buffer.alloc(1_000_000))
  const client = await rawClient(gateway.port)
  client.socket.pause()
  const ids = Array.from({ length: 200 }, (_, id) => id)
  const sent = client.send(Buffer.concat(ids.map((id) => fetchFrame(id, 't', {}))))
  await pause(200)
  // What fits into the buffers of the system on both sides, of 200 MB.
  expect(calls.length).toBeLessThan(30)
  client.socket.resume()
  await sent
  expect(correlationIds(await client.frames(200))).toEqual(ids)
})

test('requests that are not answered stop the reading of their connection only', async () => {
  const { open, before } = gate()
  const { gateway, calls } = await start({
    before: (id) => (id < 1000 ? before() : Promise.resolve()),
    limits: { maxConnectionBytes: 100_000 },
  })
  const [greedy, modest] = [await rawClient(gateway.port), await rawClient(gateway.port)]
  const ids = Array.from({ length: 50 }, (_, id) => id)
  let isSent = false
  const sent = greedy.send(Buffer.concat(ids.map((id) => produceFrame(id, 't', Buffer.alloc(1_000_000)))))
  void sent.then(() => {
    isSent = true
  })
  await modest.send(smallFrame(1000))
  await modest.frames(1)
  await pause(100)
  expect(isSent).toBe(false)
  open()
  await sent
  expect(correlationIds(await greedy.frames(50))).toEqual(ids)
  expect(Math.max(...calls.map((call) => call.length))).toBeLessThan(5)
})

test('all connections share a memory: who finds it full is read when others are answered', async () => {
  const { gateway } = await start({ limits: { maxTotalBytes: 3_000_000, maxFrameBytes: 2_500_000 } })
  const clients = await Promise.all(Array.from({ length: 20 }, () => rawClient(gateway.port)))
  const answered = clients.map(async (client) => {
    for (let id = 0; id < 10; id++) {
      await client.send(produceFrame(id, 't', Buffer.alloc(id % 2 === 0 ? 2_000_000 : 1000)))
      expect(correlationIds(await client.frames(1))).toEqual([id])
    }
  })
  await Promise.all(answered)
})

test('a frame that stops arriving loses its memory when others need it', async () => {
  const { gateway, lines } = await start({
    limits: { maxTotalBytes: 1_000_000, maxFrameBytes: 900_000, maxStalledMs: 100 },
  })
  const [lame, good] = [await rawClient(gateway.port), await rawClient(gateway.port)]
  await lame.send(produceFrame(1, 't', Buffer.alloc(800_000)).subarray(0, 1000))
  await pause(20)
  await good.send(produceFrame(1, 't', Buffer.alloc(800_000)))
  expect(correlationIds(await good.frames(1))).toEqual([1])
  await lame.closed
  expect(lines).toEqual([expect.stringContaining('stopped arriving')])
})

test('a thousand connections are served at the same time', async () => {
  const { gateway } = await start()
  const clients = await Promise.all(Array.from({ length: 1000 }, () => rawClient(gateway.port)))
  await until(() => gateway.connections() === 1000)
  await Promise.all(clients.map((client, id) => client.send(smallFrame(id + 1000))))
  const replies = await Promise.all(clients.map((client) => client.frames(1)))
  expect(replies.flatMap(correlationIds)).toEqual(clients.map((_, id) => id + 1000))
  for (const { socket } of clients) socket.destroy()
})

test('one connection above the limit is refused, and room is made when one closes', async () => {
  const { gateway, lines } = await start({ limits: { maxConnections: 2 } })
  const [first] = [await rawClient(gateway.port), await rawClient(gateway.port)]
  await (await rawClient(gateway.port)).closed
  expect(lines).toEqual([expect.stringContaining('there are 2 connections already')])
  first?.socket.destroy()
  await until(() => gateway.connections() === 1)
  const next = await rawClient(gateway.port)
  await next.send(smallFrame(1))
  expect(correlationIds(await next.frames(1))).toEqual([1])
})

test('idle connections are closed after the limit, busy ones are not', async () => {
  const { open, before } = gate()
  const { gateway, lines } = await start({ before, limits: { maxIdleMs: 1000 } })
  const [idle, busy] = [await rawClient(gateway.port), await rawClient(gateway.port)]
  await busy.send(smallFrame(1))
  await idle.closed
  await pause(1500)
  open()
  expect(correlationIds(await busy.frames(1))).toEqual([1])
  expect(lines[0]).toContain('idle')
})

test('stopping answers what has arrived, and then accepts nobody', async () => {
  const { open, before } = gate()
  const { gateway, calls } = await start({ before })
  const client = await rawClient(gateway.port)
  await client.send(Buffer.concat([produceFrame(1, 't', Buffer.alloc(1)), smallFrame(2)]))
  await until(() => calls.length === 1)
  const stopped = gateway.stop()
  await expect(rawClient(gateway.port)).rejects.toThrow('ECONNREFUSED')
  open()
  expect(correlationIds(await client.frames(2))).toEqual([1, 2])
  await client.closed
  await stopped
})

test('stopping cuts off what takes too long', async () => {
  const { gateway, calls } = await start({ before: () => new Promise(() => {}), limits: { stopWithinMs: 50 } })
  const client = await rawClient(gateway.port)
  await client.send(smallFrame(1))
  await until(() => calls.length === 1)
  await gateway.stop()
  await client.closed
})

test('a port in use is an error of starting', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const { broker, watch } = tinyBroker()
  const options = { broker, watch, timer: realClock, pollMs: 1000, host: '127.0.0.1', log: () => {} }
  await expect(startGateway({ ...options, port: address.port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  server.close()
})
