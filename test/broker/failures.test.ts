import { expect, test } from 'vitest'
import { errors } from '../../lib/protocol/errors.ts'
import { AlterConfigs } from '../../lib/protocol/messages/alter-configs.ts'
import { CreateTopics } from '../../lib/protocol/messages/create-topics.ts'
import { Fetch } from '../../lib/protocol/messages/fetch.ts'
import { InitProducerId } from '../../lib/protocol/messages/init-producer-id.ts'
import { ListOffsets } from '../../lib/protocol/messages/list-offsets.ts'
import { Metadata } from '../../lib/protocol/messages/metadata.ts'
import { Produce } from '../../lib/protocol/messages/produce.ts'
import { zeroUuid } from '../../lib/protocol/reader.ts'
import { type Fault, faultyItems, type StoreCall } from '../../lib/store/faults.ts'
import type { Items } from '../../lib/store/items.ts'
import { checkpointKey, rowKey } from '../../lib/store/keys.ts'
import { memoryItems } from '../../lib/store/memory.ts'
import { batch } from '../support/batches.ts'
import { FixedClock } from '../support/log.ts'
import { brokerWorld, connection, fetchRequest, produceRequest, requestFrame } from './world.ts'

/** A broker whose items fail as told, once a topic is there. */
const failing = async (decide: (call: StoreCall) => Fault) => {
  const clock = new FixedClock()
  const pass: Fault = { fault: 'pass' }
  const current = { decide: (_: StoreCall): Fault => pass }
  const source = { decide: (call: StoreCall) => current.decide(call), sleep: (ms: number) => clock.sleep(ms) }
  const world = brokerWorld({ clock, items: faultyItems(memoryItems(), source) })
  const topicId = await world.createTopic('t')
  const restart = () => brokerWorld({ clock, items: world.items, objects: world.objects })
  return { ...world, topicId, restart, fail: () => Object.assign(current, { decide }) }
}

const always = (fault: Exclude<Fault['fault'], 'late' | 'echo' | 'delay' | 'stale' | 'flip'>) => (): Fault => ({
  fault,
})
const listed = { replicaId: -1, topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -1n }] }] }

test.each(['drop-before', 'drop-after'] as const)('a row whose put has no answer (%s) times out', async (fault) => {
  const { fail, produce } = await failing(({ call }) => ({ fault: call === 'putIfAbsent' ? fault : 'pass' }))
  fail()
  expect(await produce('t', batch())).toMatchObject({ errorCode: errors.REQUEST_TIMED_OUT, baseOffset: -1n })
})

test('while the stores do not answer every error says: try again', async () => {
  const { fail, restart } = await failing(always('drop-before'))
  fail()
  const { ask, produce, fetch, lines } = restart()
  expect(await produce('t', batch())).toMatchObject({ errorCode: errors.REQUEST_TIMED_OUT })
  // Consumers give up on errors that they do not expect from Fetch; this one they repeat.
  expect(await fetch('t', 0n)).toMatchObject({ errorCode: errors.KAFKA_STORAGE_ERROR })
  expect((await ask(ListOffsets, 5, listed)).topics[0]?.partitions).toMatchObject([
    { errorCode: errors.REQUEST_TIMED_OUT },
  ])
  expect(await ask(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1 })).toMatchObject({
    errorCode: errors.COORDINATOR_LOAD_IN_PROGRESS,
  })
  const topic = { name: 'new', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
  expect((await ask(CreateTopics, 5, { topics: [topic] })).topics).toMatchObject([
    { errorCode: errors.REQUEST_TIMED_OUT },
  ])
  expect(lines).toEqual([])
})

test('a journal that cannot be read is an error that consumers repeat', async () => {
  const { fail, restart } = await failing(({ where }) => ({ fault: where.startsWith('J#') ? 'drop-before' : 'pass' }))
  fail()
  const { fetch } = restart()
  expect(await fetch('t', 0n)).toMatchObject({ errorCode: errors.KAFKA_STORAGE_ERROR })
})

test('a topic that cannot be looked up has no leader for now', async () => {
  const { fail, restart } = await failing(({ where }) => ({ fault: where.startsWith('T ') ? 'drop-before' : 'pass' }))
  fail()
  const { ask } = restart()
  expect((await ask(Metadata, 9, { topics: [{ name: 't', topicId: zeroUuid }] })).topics).toMatchObject([
    { errorCode: errors.LEADER_NOT_AVAILABLE },
  ])
})

test('a list of topics that cannot be had closes the connection: an empty one would be a lie', async () => {
  const { fail, restart } = await failing(always('drop-before'))
  fail()
  const { broker } = restart()
  await expect(broker([requestFrame(Metadata, 9, { topics: null })], connection)).rejects.toThrow()
})

test('an object that is gone is a storage error, logged whole', async () => {
  const { createTopic, produce, fetch, objects, lines } = brokerWorld()
  await createTopic('t')
  await produce('t', batch({ value: 'x'.repeat(10_000) }))
  const [object] = await objects.list('', '')
  await objects.delete(object?.key ?? '')
  expect(await fetch('t', 0n)).toMatchObject({ errorCode: errors.KAFKA_STORAGE_ERROR, records: Buffer.alloc(0) })
  expect(lines).toEqual([expect.stringMatching(/JournalDamaged.*because.*ObjectNotFound/s)])
})

test('a journal that is gone is an unknown topic, in the way it was asked for', async () => {
  const { createTopic, items, ask, produce } = brokerWorld()
  const topicId = await createTopic('t')
  await items.delete(checkpointKey({ topicId, index: 0 }))
  expect(await produce('t', batch())).toMatchObject({ errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION })
  const produced = await ask(Produce, 13, produceRequest([{ topicId, index: 0, records: batch() }]))
  expect(produced.responses[0]?.partitionResponses).toMatchObject([{ errorCode: errors.UNKNOWN_TOPIC_ID }])
  const fetched = await ask(Fetch, 13, fetchRequest([{ topicId, partition: 0, fetchOffset: 0n }]))
  expect(fetched.responses[0]?.partitions).toMatchObject([{ errorCode: errors.UNKNOWN_TOPIC_ID }])
})

test('a row of a newer version sends clients elsewhere', async () => {
  const { createTopic, items, produce, fetch } = brokerWorld()
  const topicId = await createTopic('t')
  await items.putIfAbsent(rowKey({ topicId, index: 0 }, 1), { attempt: 'newer', body: Buffer.from([99, 0]) })
  expect(await produce('t', batch())).toMatchObject({ errorCode: errors.NOT_LEADER_OR_FOLLOWER })
  expect(await fetch('t', 0n)).toMatchObject({ errorCode: errors.NOT_LEADER_OR_FOLLOWER })
})

test('a row that nobody can have written is a storage error, logged whole', async () => {
  const { createTopic, items, produce, lines } = brokerWorld()
  const topicId = await createTopic('t')
  await items.putIfAbsent(rowKey({ topicId, index: 0 }, 1), { attempt: 'damaged', body: Buffer.from([1, 0, 9]) })
  expect(await produce('t', batch())).toMatchObject({ errorCode: errors.KAFKA_STORAGE_ERROR })
  expect(lines).toEqual([expect.stringContaining('MalformedFrame')])
})

test('anything else that is thrown is an unknown server error, logged whole and once', async () => {
  const items = memoryItems()
  const topicId = await brokerWorld({ items }).createTopic('t')
  const broken: Items = {
    ...items,
    query: async () => {
      throw new Error('a bug', { cause: new TypeError('its cause') })
    },
  }
  const { produce, ask, lines } = brokerWorld({ items: broken })
  expect(await produce('t', batch())).toMatchObject({ errorCode: errors.UNKNOWN_SERVER_ERROR })
  expect(lines).toEqual([expect.stringMatching(/a bug.*failures\.test.*its cause/s)])
  const fetched = await ask(Fetch, 13, fetchRequest([{ topicId, partition: 0, fetchOffset: 0n }]))
  expect(fetched.responses[0]?.partitions).toMatchObject([{ errorCode: errors.UNKNOWN_SERVER_ERROR }])
  expect(lines).toHaveLength(2)
})

test.each([0, 2])('a name of any length can be refused in version %i', async (version) => {
  const { ask, createTopic } = brokerWorld()
  await createTopic('t')
  const name = 'n'.repeat(32_767)
  const alteration = { resourceType: 2, resourceName: 't', configs: [{ name, value: '1' }] }
  const twice = { resourceType: 2, resourceName: name, configs: [] }
  const { responses } = await ask(AlterConfigs, version, { resources: [alteration, twice, twice], validateOnly: false })
  expect(responses.map(({ errorCode }) => errorCode)).toEqual([
    errors.INVALID_CONFIG,
    errors.INVALID_REQUEST,
    errors.INVALID_REQUEST,
  ])
})
