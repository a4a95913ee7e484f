import { expect, test } from 'vitest'
import type { Connection } from '../../lib/broker/broker.ts'
import { errors } from '../../lib/protocol/errors.ts'
import { readResponse } from '../../lib/protocol/header.ts'
import { Fetch } from '../../lib/protocol/messages/fetch.ts'
import { Produce } from '../../lib/protocol/messages/produce.ts'
import { batch, recordsOf } from '../support/batches.ts'
import { brokerWorld, connection, fetchRequest, produceRequest, requestFrame } from './world.ts'

const large = (sizeBytes: number): Buffer => batch({ value: 'x'.repeat(sizeBytes) })

/** A topic with these batches, and what Fetch frames of one call from their offsets bring over a connection. */
const topicOf = async (sizes: readonly number[]) => {
  const { broker, createTopic, produce, lines } = brokerWorld()
  await createTopic('large')
  for (const sizeBytes of sizes) {
    expect(await produce('large', large(sizeBytes))).toMatchObject({ errorCode: errors.NONE })
  }
  const fetchFrom = async (offsets: readonly bigint[], over: Connection) => {
    const frames = offsets.map((fetchOffset) =>
      requestFrame(Fetch, 11, fetchRequest([{ topic: 'large', partition: 0, fetchOffset }])),
    )
    const replies = (await broker(frames, over)).map((reply) => Buffer.concat(reply))
    const partitions = replies.map((reply) => readResponse(Fetch, 11, reply.subarray(4)).body.responses[0]?.partitions)
    return {
      sizeBytes: Buffer.concat(replies).length,
      errorCodes: partitions.map((one) => one?.[0]?.errorCode),
      counts: partitions.map((one) => recordsOf(one?.[0]?.records ?? Buffer.alloc(0)).length),
    }
  }
  return { broker, fetchFrom, lines }
}

const narrow: Connection = { ...connection, maxReplyBytes: 600_000 }

test('a batch that no reply has room for is answered with an error that says so', async () => {
  const { fetchFrom, lines } = await topicOf([900_000])
  expect(await fetchFrom([0n], connection)).toMatchObject({ errorCodes: [errors.NONE], counts: [1] })
  expect(await fetchFrom([0n], narrow)).toMatchObject({ errorCodes: [errors.MESSAGE_TOO_LARGE], counts: [0] })
  expect(lines).toEqual([expect.stringContaining('too large for its door')])
})

test('replies of one call share the room: what does not fit beside the others comes with the next call', async () => {
  const { fetchFrom } = await topicOf([300_000, 300_000, 300_000])
  const fetched = await fetchFrom([0n, 1n, 2n], narrow)
  expect(fetched).toMatchObject({ errorCodes: [errors.NONE, errors.NONE, errors.NONE], counts: [1, 0, 0] })
  expect(fetched.sizeBytes).toBeLessThan(600_000)
  expect(await fetchFrom([1n], narrow)).toMatchObject({ errorCodes: [errors.NONE], counts: [1] })
})

test('a producer is answered that nothing is known when the time of its connection is over', async () => {
  const { broker } = await topicOf([])
  const frame = requestFrame(Produce, 9, produceRequest([{ name: 'large', index: 0, records: large(10) }]))
  const [reply = []] = await broker([frame], { ...connection, untilMs: 1 })
  const { responses } = readResponse(Produce, 9, Buffer.concat(reply).subarray(4)).body
  expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(errors.REQUEST_TIMED_OUT)
})
