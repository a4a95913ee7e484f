import { createHash } from 'node:crypto'
import { Kafka, logLevel } from 'kafkajs'
import { expect, test } from 'vitest'
import { realClock } from '../../lib/clock.ts'
import { Remote } from '../../lib/gateway/remote.ts'
import { type Gateway, startGateway } from '../../lib/gateway/server.ts'
import { keyCredential, wadiSockets } from '../../lib/kafkajs.ts'
import { readResponse, writeRequest } from '../../lib/protocol/header.ts'
import { Produce } from '../../lib/protocol/messages/produce.ts'
import { type Doors, startDoors } from './https-doors.ts'
import { rawClient } from './raw-client.ts'
import { produceFrame } from './tiny-broker.ts'

const token = 'a-long-random-token'
const keys = `billing:${createHash('sha256').update(token).digest('hex')}`

const start = async ({ url }: Doors, { sasl = false, apiKey }: { sasl?: boolean; apiKey?: string } = {}) => {
  const lines: string[] = []
  const remote = new Remote({ url, timer: realClock, random: realClock.random })
  const here = { advertised: { host: 'localhost', port: 1 }, clientAddress: 'test' }
  const gateway: Gateway = await startGateway({
    broker: remote.brokerFor(keyCredential(apiKey)),
    ...(sasl && {
      authenticate: async ({ username, password }) => {
        const credential = keyCredential(`${username}:${password}`)
        return (await remote.accepts(credential, here)) ? remote.brokerFor(credential) : undefined
      },
    }),
    watch: remote.watch,
    timer: realClock,
    pollMs: 50,
    maxPollMs: 200,
    host: '127.0.0.1',
    port: 0,
    log: (line) => lines.push(line),
    limits: { maxProduceCalls: 1 },
  })
  return { port: gateway.port, lines, [Symbol.asyncDispose]: gateway.stop }
}

const kafkaAt = (port: number, sasl?: { username: string; password: string }) =>
  new Kafka({
    brokers: [`127.0.0.1:${port}`],
    logLevel: logLevel.NOTHING,
    retry: { retries: 3 },
    ...(sasl && { sasl: { mechanism: 'plain', ...sasl } }),
  })

/** Writes values to a topic and reads as many of it, as a group. */
const roundTrip = async (kafka: Kafka, topic: string, values: readonly string[]): Promise<readonly string[]> => {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  await producer.send({ topic, messages: values.map((value) => ({ key: value, value })) })
  await producer.disconnect()
  const consumer = kafka.consumer({ groupId: `readers-of-${topic}`, maxWaitTimeInMs: 200 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const read: string[] = []
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        eachMessage: async ({ message }) => {
          read.push(message.value?.toString() ?? '')
          if (read.length === values.length) resolve()
        },
      })
      .catch(reject)
  })
  await consumer.disconnect()
  return read.toSorted()
}

const values = Array.from({ length: 100 }, (_, i) => String(1000 + i))

test('KafkaJS produces and consumes as a group through a gateway over HTTP', async () => {
  await using doors = await startDoors()
  await using gateway = await start(doors)
  expect(await roundTrip(kafkaAt(gateway.port), 'orders', values)).toEqual(values)
  expect(new Set(doors.posted.map(({ door }) => door))).toEqual(new Set(['admin', 'produce', 'groups', 'fetch']))
})

test('KafkaJS does the same without TCP, through sockets that are HTTP calls', async () => {
  await using doors = await startDoors(keys)
  const kafka = new Kafka({
    brokers: ['wadi:9092'],
    logLevel: logLevel.NOTHING,
    socketFactory: wadiSockets({ url: doors.url, apiKey: `billing:${token}` }),
  })
  expect(await roundTrip(kafka, 'orders', values)).toEqual(values)
})

test('a client that logs in with an API key is served, and with a wrong one is not', async () => {
  await using doors = await startDoors(keys)
  await using gateway = await start(doors, { sasl: true })
  const right = kafkaAt(gateway.port, { username: 'billing', password: token })
  expect(await roundTrip(right, 'orders', values)).toEqual(values)
  for (const wrong of [
    { username: 'billing', password: 'x' },
    { username: 'other', password: token },
  ]) {
    const admin = kafkaAt(gateway.port, wrong).admin()
    await expect(admin.connect()).rejects.toThrow('Authentication failed')
  }
  const nobody = kafkaAt(gateway.port).admin()
  await nobody.connect()
  await expect(nobody.listTopics()).rejects.toThrow()
  await nobody.disconnect()
})

test('a connection has one call under way, and what arrives meanwhile is the next body', async () => {
  await using doors = await startDoors()
  await using gateway = await start(doors)
  const client = await rawClient(gateway.port)
  const ids = Array.from({ length: 50 }, (_, id) => id)
  for (const id of ids) await client.send(produceFrame(id, 'orders', Buffer.alloc(0)))
  const answered = await client.frames(50)
  expect(answered.map((frame) => frame.readInt32BE(0))).toEqual(ids)
  expect(doors.overlap()).toBe(1)
  expect(doors.posted.length).toBeLessThan(50)
  client.socket.destroy()
})

test('frames that no body can hold together go one after the other', async () => {
  await using doors = await startDoors()
  await using gateway = await start(doors)
  const client = await rawClient(gateway.port)
  const frames = [1, 2, 3].map((id) => produceFrame(id, 'orders', Buffer.alloc(2_000_000)))
  await client.send(Buffer.concat(frames))
  expect((await client.frames(3)).map((frame) => frame.readInt32BE(0))).toEqual([1, 2, 3])
  expect(Math.max(...doors.posted.map(({ bytes }) => bytes))).toBeLessThanOrEqual(4 * 1024 * 1024)
  client.socket.destroy()
})

test('a batch that is too large for the door is refused by name, and the connection goes on', async () => {
  await using doors = await startDoors()
  await using gateway = await start(doors)
  const client = await rawClient(gateway.port)
  const request = {
    acks: -1,
    timeoutMs: 1000,
    transactionalId: null,
    topicData: [{ name: 'orders', partitionData: [{ index: 0, records: Buffer.alloc(6_000_000) }] }],
  }
  await client.send(Buffer.concat(writeRequest(Produce, 9, { correlationId: 7, clientId: 'test' }, request)))
  const [frame = Buffer.alloc(0)] = await client.frames(1)
  const { body } = readResponse(Produce, 9, frame)
  const [refused] = body.responses.flatMap(({ partitionResponses }) => partitionResponses)
  expect(refused?.errorCode).toBe(10)
  expect(refused?.errorMessage).toContain('4500000')
  await client.send(produceFrame(8, 'orders', Buffer.alloc(0)))
  expect((await client.frames(1))[0]?.readInt32BE(0)).toBe(8)
  client.socket.destroy()
})

test('a door that is throttled is asked again, because nothing was done', async () => {
  await using doors = await startDoors()
  await using gateway = await start(doors)
  doors.answerNext({ status: 429, headers: { 'retry-after': '0' }, body: Buffer.alloc(0) })
  const client = await rawClient(gateway.port)
  await client.send(produceFrame(1, 'orders', Buffer.alloc(0)))
  expect((await client.frames(1))[0]?.readInt32BE(0)).toBe(1)
  expect(doors.posted.length).toBe(2)
  client.socket.destroy()
})

test.each([
  { status: 503, told: 'no store answers', logged: /503: no store answers/ },
  { status: 403, told: 'not for you', logged: /403: not for you; check the API key/ },
] as const)('a call that is answered $status closes the connection and says why', async ({ status, told, logged }) => {
  await using doors = await startDoors()
  await using gateway = await start(doors)
  doors.answerNext({ status, headers: {}, body: Buffer.from(JSON.stringify({ detail: told })) })
  const client = await rawClient(gateway.port)
  await client.send(produceFrame(1, 'orders', Buffer.alloc(0)))
  await client.closed
  expect(gateway.lines.join('\n')).toMatch(logged)
})

const garbage = [
  ['a page of HTML', Buffer.from('<html>welcome</html>')],
  ['nothing, where a reply is due', Buffer.alloc(0)],
  ['the reply to another request', Buffer.from([0, 0, 0, 4, 0, 0, 0, 99])],
  ['a reply too many', Buffer.from([0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 2])],
  ['half of a reply', Buffer.from([0, 0, 0, 9, 0, 0, 0, 1])],
  ['a size below nothing', Buffer.from([255, 255, 255, 255, 0, 0, 0, 1])],
] as const

test.each(garbage)('a door that answers %s closes the connection of whoever asked, and no other', async (_, body) => {
  await using doors = await startDoors()
  await using gateway = await start(doors)
  const [client, other] = [await rawClient(gateway.port), await rawClient(gateway.port)]
  doors.answerNext({ status: 200, headers: {}, body })
  await client.send(produceFrame(1, 'orders', Buffer.alloc(0)))
  await client.closed
  expect(gateway.lines.join('\n')).toContain('answered what no Wadi answers')
  await other.send(produceFrame(2, 'orders', Buffer.alloc(0)))
  expect((await other.frames(1))[0]?.readInt32BE(0)).toBe(2)
  other.socket.destroy()
})

test('a site that is no Wadi accepts no credential, whatever it answers', async () => {
  await using doors = await startDoors()
  const remote = new Remote({ url: doors.url, timer: realClock, random: realClock.random })
  const here = { advertised: { host: 'localhost', port: 1 }, clientAddress: 'test' }
  doors.answerNext({ status: 200, headers: {}, body: Buffer.from('<html>welcome</html>') })
  await expect(remote.accepts(keyCredential(undefined), here)).rejects.toThrow('no Wadi answers')
  expect(await remote.accepts(keyCredential(undefined), here)).toBe(true)
})

test('a door that goes away in the middle closes connections, and when it is back clients go on', async () => {
  const values = Array.from({ length: 40 }, (_, i) => `${i}`)
  const doors = await startDoors()
  await using gateway = await start(doors)
  const kafka = new Kafka({
    brokers: [`127.0.0.1:${gateway.port}`],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 200, retries: 1000 },
  })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 1 }] })
  await admin.disconnect()
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  for (const [i, value] of values.entries()) {
    if (i % 10 === 5) doors.breakOff()
    await producer.send({ topic: 'orders', messages: [{ value }] })
  }
  await producer.disconnect()
  const consumer = kafka.consumer({ groupId: 'readers', maxWaitTimeInMs: 200 })
  await consumer.connect()
  await consumer.subscribe({ topic: 'orders', fromBeginning: true })
  const read: string[] = []
  const all = Promise.withResolvers<void>()
  await consumer.run({
    eachMessage: async ({ message }) => {
      if (read.push(String(message.value)) === values.length) all.resolve()
    },
  })
  await all.promise
  await consumer.disconnect()
  expect(read).toEqual(values)
  expect(gateway.lines.join('\n')).toContain('does not answer')
  await doors[Symbol.asyncDispose]()
})
