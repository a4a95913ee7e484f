import { expect, onTestFinished, test } from 'vitest'
import { Disconnected, KafkaConnection } from '../../lib/client/connection.ts'
import { realClock } from '../../lib/clock.ts'
import { startGateway } from '../../lib/gateway/server.ts'
import { apiVersionsReply } from '../../lib/protocol/apis.ts'
import { readRequestHeader, writeResponse } from '../../lib/protocol/header.ts'
import { ApiVersions } from '../../lib/protocol/messages/api-versions.ts'
import { Fetch } from '../../lib/protocol/messages/fetch.ts'
import { Reader } from '../../lib/protocol/reader.ts'
import { tinyBroker } from '../gateway/tiny-broker.ts'

const requestTimeoutMs = 1000
const maxWaitMs = 2500
const request = {
  maxWaitMs,
  minBytes: 1,
  topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1000 }] }],
}

/** A client of a broker that holds a Fetch as long as it is asked to. */
const connected = async (): Promise<KafkaConnection> => {
  const { broker, watch } = tinyBroker()
  const gateway = await startGateway({
    broker: async (frames, connection) => {
      const { apiKey, correlationId } = readRequestHeader(new Reader(frames[0] ?? Buffer.alloc(0)))
      if (apiKey !== ApiVersions.key) return broker(frames, connection)
      return [writeResponse(ApiVersions, 0, correlationId, apiVersionsReply())]
    },
    watch,
    timer: realClock,
    pollMs: 60_000,
    host: '127.0.0.1',
    port: 0,
    log: () => {},
  })
  onTestFinished(gateway.stop)
  const security = { tls: undefined, plain: undefined }
  const connection = await KafkaConnection.open(gateway, security, 'test', requestTimeoutMs)
  onTestFinished(() => connection.close())
  return connection
}

test('a request that may wait is waited for that long, and as long as any other', async () => {
  const connection = await connected()
  const answer = await connection.ask(Fetch, request, { maxVersion: 11, waitMs: maxWaitMs })
  expect(answer.responses).toMatchObject([{ topic: 't' }])
  expect(connection.isOpen).toBe(true)
})

test('who is silent for too long is disconnected, and nobody waits for it any more', async () => {
  const connection = await connected()
  const both = [request, request].map((one) => connection.ask(Fetch, one, { maxVersion: 11 }))
  for (const { status, ...outcome } of await Promise.allSettled(both)) {
    expect([status, outcome]).toEqual(['rejected', { reason: expect.any(Disconnected) }])
  }
  expect(connection.isOpen).toBe(false)
  await expect(connection.ask(Fetch, request, { maxVersion: 11 })).rejects.toThrow('has ended')
})
