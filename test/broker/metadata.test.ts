import { expect, test } from 'vitest'
import { errors } from '../../lib/protocol/errors.ts'
import { readResponse } from '../../lib/protocol/header.ts'
import { Metadata } from '../../lib/protocol/messages/metadata.ts'
import { zeroUuid } from '../../lib/protocol/reader.ts'
import { brokerWorld, requestFrame } from './world.ts'

const named = (name: string) => ({ name, topicId: zeroUuid })

test('one node is advertised, at the address the client used', async () => {
  const { broker, context } = brokerWorld({ rack: 'zone-a' })
  const brokersAt = async (host: string, port: number) => {
    const [reply = []] = await broker([requestFrame(Metadata, 8, { topics: [] })], {
      advertised: { host, port },
      clientAddress: '127.0.0.1',
    })
    const { body } = readResponse(Metadata, 8, Buffer.concat(reply).subarray(4))
    expect(body.controllerId).toBe(context.nodeId)
    return body.brokers
  }
  expect(await brokersAt('one.test', 1)).toEqual([{ nodeId: 1, host: 'one.test', port: 1, rack: 'zone-a' }])
  expect(await brokersAt('two.test', 2)).toEqual([{ nodeId: 1, host: 'two.test', port: 2, rack: 'zone-a' }])
})

test('the cluster keeps its id, whoever asks', async () => {
  const one = brokerWorld()
  const two = brokerWorld({ items: one.items })
  const ids = await Promise.all([one, two, one].map(({ ask }) => ask(Metadata, 2, { topics: [] })))
  expect(new Set(ids.map(({ clusterId }) => clusterId)).size).toBe(1)
  expect(ids[0]?.clusterId).toMatch(/^[\w-]{22}$/)
})

test('all topics are asked for with null, and in version 0 with an empty list', async () => {
  const { createTopic, ask } = brokerWorld()
  await createTopic('b', 2)
  await createTopic('a')
  const names = async (version: number, topics: readonly [] | null) =>
    (await ask(Metadata, version, { topics })).topics.map(({ name }) => name)
  expect(await names(0, [])).toEqual(['a', 'b'])
  expect(await names(1, [])).toEqual([])
  expect(await names(1, null)).toEqual(['a', 'b'])
  expect(await names(13, null)).toEqual(['a', 'b'])
})

test('every partition is led by the one node', async () => {
  const { createTopic, ask } = brokerWorld()
  const topicId = await createTopic('t', 2)
  const { topics } = await ask(Metadata, 12, { topics: [named('t')] })
  expect(topics).toMatchObject([{ errorCode: errors.NONE, name: 't', topicId, topicAuthorizedOperations: -2147483648 }])
  expect(topics[0]?.partitions).toEqual(
    [0, 1].map((partitionIndex) => ({
      errorCode: errors.NONE,
      partitionIndex,
      leaderId: 1,
      leaderEpoch: -1,
      replicaNodes: [1],
      isrNodes: [1],
      offlineReplicas: [],
    })),
  )
})

test('a topic is found by its id from version 12 on', async () => {
  const { createTopic, ask } = brokerWorld()
  const topicId = await createTopic('t')
  const unknown = 'BBBBBBBBBBBBBBBBBBBBBA'
  const request = { topics: [topicId, unknown].map((id) => ({ name: null, topicId: id })) }
  expect((await ask(Metadata, 12, request)).topics).toMatchObject([
    { errorCode: errors.NONE, name: 't', topicId },
    { errorCode: errors.UNKNOWN_TOPIC_ID, name: null, topicId: unknown, partitions: [] },
  ])
  expect((await ask(Metadata, 11, request)).topics.map(({ errorCode }) => errorCode)).toEqual([
    errors.INVALID_REQUEST,
    errors.INVALID_REQUEST,
  ])
})

test('a missing topic is created when it is asked for', async () => {
  const { ask } = brokerWorld({ defaults: { autoCreateTopics: true, numPartitions: 3 } })
  const { topics } = await ask(Metadata, 5, { topics: [named('new')] })
  expect(topics).toMatchObject([{ errorCode: errors.NONE, name: 'new' }])
  expect(topics[0]?.partitions).toHaveLength(3)
})

test('topics that are asked for at the same time are created once', async () => {
  const { ask } = brokerWorld()
  const asked = await Promise.all(Array.from({ length: 5 }, () => ask(Metadata, 12, { topics: [named('new')] })))
  expect(new Set(asked.map(({ topics }) => topics[0]?.topicId)).size).toBe(1)
})

test.each<[string, string, boolean, boolean, keyof typeof errors]>([
  ['a client forbids it', 'new', true, false, 'UNKNOWN_TOPIC_OR_PARTITION'],
  ['it is off', 'new', false, true, 'UNKNOWN_TOPIC_OR_PARTITION'],
  ['the name is none', 'a b', true, true, 'INVALID_TOPIC_EXCEPTION'],
  ['the name is empty', '', true, true, 'INVALID_TOPIC_EXCEPTION'],
  ['the name looks like another', 'there_is', true, true, 'INVALID_TOPIC_EXCEPTION'],
])('no topic is created when %s', async (_, name, autoCreateTopics, allowAutoTopicCreation, error) => {
  const { createTopic, ask } = brokerWorld({ defaults: { autoCreateTopics, numPartitions: 1 } })
  await createTopic('there.is')
  const { topics } = await ask(Metadata, 9, { topics: [named(name)], allowAutoTopicCreation })
  expect(topics).toMatchObject([{ errorCode: errors[error], name, partitions: [] }])
  expect((await ask(Metadata, 9, { topics: null })).topics).toHaveLength(1)
})
