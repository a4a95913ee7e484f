import { expect, test } from 'vitest'
import { defaultLimits } from '../../lib/broker/context.ts'
import { at, attribute, readBatchHeader } from '../../lib/protocol/batch.ts'
import { codecs } from '../../lib/protocol/compression.ts'
import { errors } from '../../lib/protocol/errors.ts'
import { readResponse } from '../../lib/protocol/header.ts'
import { Fetch } from '../../lib/protocol/messages/fetch.ts'
import { Produce } from '../../lib/protocol/messages/produce.ts'
import { batch, batchOf, recordsOf, withCrc } from '../support/batches.ts'
import { brokerWorld, fetchRequest, produceRequest, requestFrame } from './world.ts'

const now = () => BigInt(Date.now())
const changed = (bytes: Buffer, change: (bytes: Buffer) => void): Buffer => {
  change(bytes)
  return withCrc(bytes)
}

test('batches take the next offsets of their partition', async () => {
  const { createTopic, produce, values } = brokerWorld()
  await createTopic('t')
  expect(await produce('t', batch({ records: 3, value: 'a' }))).toMatchObject({ errorCode: 0, baseOffset: 0n })
  expect(await produce('t', batch({ value: 'b' }))).toMatchObject({ baseOffset: 3n, logStartOffset: 0n })
  expect(await values('t')).toEqual(['a0', 'a1', 'a2', 'b'])
})

test('two Produce frames of one call share a row', async () => {
  const { createTopic, send, rows, values } = brokerWorld()
  const id = await createTopic('t', 4)
  const replies = await send([
    requestFrame(Produce, 9, produceRequest([{ name: 't', index: 0, records: batch({ value: 'a' }) }])),
    requestFrame(Produce, 9, produceRequest([{ name: 't', index: 0, records: batch({ value: 'b' }) }])),
    requestFrame(Produce, 13, produceRequest([{ topicId: id, index: 3, records: batch({ value: 'c' }) }])),
  ])
  expect(replies).toHaveLength(3)
  expect(await rows(id)).toBe(1)
  expect(await values('t')).toEqual(['a', 'b'])
  expect(await values('t', 0n, 3)).toEqual(['c'])
})

test('a fetch behind a Produce frame of the same call sees its records', async () => {
  const { createTopic, send } = brokerWorld()
  await createTopic('t')
  const [, reply = Buffer.alloc(0)] = await send([
    requestFrame(Produce, 9, produceRequest([{ name: 't', index: 0, records: batch({ value: 'a' }) }])),
    requestFrame(Fetch, 11, fetchRequest([{ topic: 't', partition: 0, fetchOffset: 0n }])),
  ])
  const fetched = readResponse(Fetch, 11, reply).body.responses[0]?.partitions[0]
  expect(recordsOf(fetched?.records ?? Buffer.alloc(0)).map(({ value }) => String(value))).toEqual(['a'])
})

test('acks 0 is appended and not answered', async () => {
  const { createTopic, send, values } = brokerWorld()
  await createTopic('t')
  const frame = requestFrame(Produce, 9, produceRequest([{ name: 't', index: 0, records: batch() }], 0))
  expect(await send([frame])).toEqual([Buffer.alloc(0)])
  expect(await values('t')).toEqual(['v'])
})

test.each([-2, 2])('acks %i is refused', async (acks) => {
  const { createTopic, produce } = brokerWorld()
  await createTopic('t')
  expect(await produce('t', batch(), { acks })).toMatchObject({
    errorCode: errors.INVALID_REQUIRED_ACKS,
    baseOffset: -1n,
  })
})

const oldBatch = batch({ timestamp: 1000n })
const futureBatch = () => batch({ records: 2, timestamp: now() + 3_599_999n + 10_000n })

test.each<[string, Buffer | null, keyof typeof errors]>([
  ['no batch', null, 'INVALID_RECORD'],
  ['an empty buffer', Buffer.alloc(0), 'INVALID_RECORD'],
  ['a few bytes', Buffer.alloc(10), 'CORRUPT_MESSAGE'],
  ['two batches', Buffer.concat([batch(), batch()]), 'INVALID_RECORD'],
  ['a cut batch', batch().subarray(0, -1), 'CORRUPT_MESSAGE'],
  ['magic 1', changed(batch(), (b) => b.writeInt8(1, at.magic)), 'INVALID_RECORD'],
  ['a wrong checksum', Buffer.from(batch()).fill(7, at.crc, at.attributes), 'CORRUPT_MESSAGE'],
  ['a count of 0', changed(batch(), (b) => b.writeInt32BE(0, at.count)), 'INVALID_RECORD'],
  ['a count unlike the offsets', changed(batch({ records: 2 }), (b) => b.writeInt32BE(1, at.count)), 'INVALID_RECORD'],
  ['a control batch', batch({ isControl: true }), 'INVALID_RECORD'],
  ['a producer without sequence', batch({ producerId: 7n, producerEpoch: 0, baseSequence: -1 }), 'INVALID_RECORD'],
  [
    'log append time',
    changed(batch(), (b) => b.writeInt16BE(attribute.logAppendTime, at.attributes)),
    'INVALID_TIMESTAMP',
  ],
  ['a timestamp of tomorrow', batch({ timestamp: now() + 86_400_000n }), 'INVALID_TIMESTAMP'],
  [
    'a transactional batch',
    batch({ isTransactional: true, producerId: 7n, producerEpoch: 0, baseSequence: 0 }),
    'UNSUPPORTED_VERSION',
  ],
])('%s is refused', async (_, records, error) => {
  const { createTopic, produce, values } = brokerWorld()
  await createTopic('t')
  const answer = await produce('t', records)
  expect(answer).toMatchObject({ errorCode: errors[error], baseOffset: -1n })
  expect(answer?.errorMessage).toBeTypeOf('string')
  expect(await values('t')).toEqual([])
})

test('records with a timestamp out of range are named one by one', async () => {
  const { createTopic, produce } = brokerWorld()
  await createTopic('t')
  const records = batchOf([
    { key: null, value: null, timestamp: now() },
    { key: null, value: null, timestamp: now() + 86_400_000n },
    { key: null, value: null, timestamp: -1n },
  ])
  const answer = await produce('t', records)
  expect(answer?.recordErrors).toMatchObject([{ batchIndex: 1 }])
})

test('the timestamp bounds are those of the topic', async () => {
  const { createTopic, produce } = brokerWorld()
  await createTopic('t', 1, { 'message.timestamp.before.max.ms': '1000', 'message.timestamp.after.max.ms': '99999999' })
  expect(await produce('t', oldBatch)).toMatchObject({ errorCode: errors.INVALID_TIMESTAMP })
  expect(await produce('t', futureBatch())).toMatchObject({ errorCode: errors.NONE })
})

test('a batch of 6 MB is refused by default and accepted where max.message.bytes allows it', async () => {
  const { createTopic, produce, fetch } = brokerWorld()
  await createTopic('small')
  await createTopic('large', 1, { 'max.message.bytes': '7000000' })
  const large = batch({ value: 'x'.repeat(6_000_000) })
  expect(await produce('small', large)).toMatchObject({ errorCode: errors.MESSAGE_TOO_LARGE })
  expect(await produce('large', large)).toMatchObject({ errorCode: errors.NONE, baseOffset: 0n })
  expect((await fetch('large', 0n))?.records?.length).toBe(large.length)
})

test('zstd is refused before version 7', async () => {
  const { createTopic, produce } = brokerWorld()
  await createTopic('t')
  expect(await produce('t', batch({ codec: 'zstd' }), { version: 6 })).toMatchObject({
    errorCode: errors.UNSUPPORTED_COMPRESSION_TYPE,
  })
  expect(await produce('t', batch({ codec: 'zstd' }), { version: 7 })).toMatchObject({ errorCode: errors.NONE })
})

test('with log append time every record has the time of the broker', async () => {
  const { createTopic, produce, fetch } = brokerWorld()
  await createTopic('t', 1, { 'message.timestamp.type': 'LogAppendTime' })
  const before = now()
  const answer = await produce('t', batch({ records: 2, timestamp: 5n }))
  expect(answer?.logAppendTimeMs).toBeGreaterThanOrEqual(before)
  const records = recordsOf((await fetch('t', 0n))?.records ?? Buffer.alloc(0))
  expect(records.map(({ timestamp }) => timestamp)).toEqual([answer?.logAppendTimeMs, answer?.logAppendTimeMs])
})

test.each(codecs)('compression.type %s makes every batch so, with records and producer untouched', async (codec) => {
  const { createTopic, produce, fetch } = brokerWorld()
  await createTopic('t', 1, { 'compression.type': codec === 'none' ? 'uncompressed' : codec })
  const given = batch({ records: 3, value: 'x', codec: 'gzip', producerId: 9n, producerEpoch: 1, baseSequence: 0 })
  expect(await produce('t', given)).toMatchObject({ errorCode: errors.NONE })
  const stored = (await fetch('t', 0n))?.records ?? Buffer.alloc(0)
  expect(readBatchHeader(stored)).toMatchObject({ codec, producerId: 9n, producerEpoch: 1, baseSequence: 0, count: 3 })
  expect(recordsOf(stored)).toEqual(recordsOf(given))
})

test('a batch that cannot be recompressed is corrupt', async () => {
  const { createTopic, produce } = brokerWorld()
  await createTopic('t', 1, { 'compression.type': 'zstd' })
  const broken = changed(batch({ codec: 'gzip', records: 9 }), (b) => b.fill(0, at.records))
  expect(await produce('t', broken)).toMatchObject({ errorCode: errors.CORRUPT_MESSAGE })
})

test('a duplicate sequence is answered with its first offset', async () => {
  const { createTopic, produce, values } = brokerWorld()
  await createTopic('t')
  const sequenced = (baseSequence: number) => batch({ producerId: 5n, producerEpoch: 0, baseSequence })
  for (let i = 0; i < 3; i++) await produce('t', sequenced(i))
  expect(await produce('t', sequenced(1))).toMatchObject({ errorCode: errors.NONE, baseOffset: 1n })
  expect(await values('t')).toHaveLength(3)
})

test.each<[string, Parameters<typeof batch>[0], keyof typeof errors]>([
  ['a gap', { producerId: 5n, producerEpoch: 1, baseSequence: 9 }, 'OUT_OF_ORDER_SEQUENCE_NUMBER'],
  ['an old epoch', { producerId: 5n, producerEpoch: 0, baseSequence: 1 }, 'INVALID_PRODUCER_EPOCH'],
  [
    'an unknown producer that does not begin',
    { producerId: 6n, producerEpoch: 0, baseSequence: 4 },
    'UNKNOWN_PRODUCER_ID',
  ],
])('%s is refused, and the start of the log is told with it', async (_, given, error) => {
  const { createTopic, produce } = brokerWorld()
  await createTopic('t')
  await produce('t', batch({ producerId: 5n, producerEpoch: 1, baseSequence: 0 }))
  expect(await produce('t', batch(given))).toMatchObject({ errorCode: errors[error], logStartOffset: 0n })
})

test('an unknown topic is another error by name than by id', async () => {
  const { createTopic, produce, ask } = brokerWorld()
  await createTopic('t')
  expect(await produce('none', batch())).toMatchObject({ errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION })
  expect(await produce('not a name', batch())).toMatchObject({ errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION })
  expect(await produce('', batch())).toMatchObject({ errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION })
  expect(await produce('t', batch(), { index: 1 })).toMatchObject({ errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION })
  expect(await produce('t', batch(), { index: -1 })).toMatchObject({ errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION })
  const body = await ask(Produce, 13, produceRequest([{ index: 0, records: batch() }]))
  expect(body.responses[0]?.partitionResponses).toMatchObject([{ errorCode: errors.UNKNOWN_TOPIC_ID }])
})

test('one partition that is refused does not hurt the others', async () => {
  const { createTopic, ask } = brokerWorld()
  await createTopic('t', 2)
  const partitionData = [
    { index: 1, records: batch() },
    { index: 0, records: Buffer.from('nonsense') },
    { index: 1, records: batch() },
  ]
  const body = await ask(Produce, 9, { acks: 1, timeoutMs: 5000, topicData: [{ name: 't', partitionData }] })
  expect(body.responses[0]?.partitionResponses.map(({ index, errorCode }) => [index, errorCode])).toEqual([
    [1, errors.NONE],
    [0, errors.CORRUPT_MESSAGE],
    [1, errors.INVALID_REQUEST],
  ])
})

test('a transactional id is refused', async () => {
  const { createTopic, ask } = brokerWorld()
  await createTopic('t')
  const request = { ...produceRequest([{ name: 't', index: 0, records: batch() }]), transactionalId: 'x' }
  const body = await ask(Produce, 9, request)
  expect(body.responses[0]?.partitionResponses).toMatchObject([{ errorCode: errors.UNSUPPORTED_VERSION }])
})

test('a deleted and created topic has another id, and the old one is unknown', async () => {
  const { createTopic, ask, produce, values, context } = brokerWorld({ limits: defaultLimits })
  const old = await createTopic('t')
  await produce('t', batch({ value: 'old' }))
  const topic = await context.topics.find('t')
  if (topic === undefined) throw new Error('no topic')
  await context.topics.delete(topic)
  const id = await createTopic('t')
  expect(id).not.toBe(old)
  const answers = await ask(
    Produce,
    13,
    produceRequest([
      { topicId: old, index: 0, records: batch() },
      { topicId: id, index: 0, records: batch({ value: 'new' }) },
    ]),
  )
  expect(answers.responses.map(({ partitionResponses }) => partitionResponses[0]?.errorCode)).toEqual([
    errors.UNKNOWN_TOPIC_ID,
    errors.NONE,
  ])
  const fetched = await ask(Fetch, 13, fetchRequest([{ topicId: old, partition: 0, fetchOffset: 0n }]))
  expect(fetched.responses[0]?.partitions).toMatchObject([{ errorCode: errors.UNKNOWN_TOPIC_ID }])
  expect(await values('t')).toEqual(['new'])
})
