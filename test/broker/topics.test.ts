import { expect, test } from 'vitest'
import type { RequestInput } from '../../lib/protocol/declare.ts'
import { errors } from '../../lib/protocol/errors.ts'
import { CreatePartitions } from '../../lib/protocol/messages/create-partitions.ts'
import { CreateTopics } from '../../lib/protocol/messages/create-topics.ts'
import { DeleteTopics } from '../../lib/protocol/messages/delete-topics.ts'
import { Metadata } from '../../lib/protocol/messages/metadata.ts'
import { zeroUuid } from '../../lib/protocol/reader.ts'
import { batch } from '../support/batches.ts'
import { brokerWorld } from './world.ts'

type NewTopic = RequestInput<typeof CreateTopics>['topics'][number]

const newTopic = (given: Partial<NewTopic>): NewTopic => ({
  name: 't',
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...given,
})

const creator = () => {
  const world = brokerWorld({ defaults: { autoCreateTopics: false, numPartitions: 5 } })
  const create = async (given: Partial<NewTopic>, { version = 7, validateOnly = false } = {}) =>
    (await world.ask(CreateTopics, version, { topics: [newTopic(given)], validateOnly })).topics[0]
  const partitionsOf = async (name: string) =>
    (await world.ask(Metadata, 9, { topics: [{ name, topicId: zeroUuid }] })).topics[0]?.partitions.length
  return { ...world, create, partitionsOf }
}

const config = (name: string, value: string | null) => ({ configs: [{ name, value }] })

test.each<[string, Partial<NewTopic>, number]>([
  ['as asked', { numPartitions: 3 }, 3],
  ['with the default number of partitions', { numPartitions: -1, replicationFactor: -1 }, 5],
  ['with replication factor 3', { replicationFactor: 3 }, 1],
  ['with 4,096 partitions', { numPartitions: 4096 }, 4096],
  ['with configs', config('retention.ms', '1000'), 1],
  [
    'assigned by hand',
    {
      numPartitions: -1,
      replicationFactor: -1,
      assignments: [
        { partitionIndex: 1, brokerIds: [1] },
        { partitionIndex: 0, brokerIds: [1, 1] },
      ],
    },
    2,
  ],
])('a topic is created %s', async (_, given, partitions) => {
  const { create, partitionsOf } = creator()
  expect(await create(given)).toMatchObject({ errorCode: errors.NONE, numPartitions: partitions, replicationFactor: 1 })
  expect(await partitionsOf('t')).toBe(partitions)
})

test.each<[string, Partial<NewTopic>, keyof typeof errors, RegExp]>([
  ['a bad name', { name: 'a b' }, 'INVALID_TOPIC_EXCEPTION', /letters/],
  ['an empty name', { name: '' }, 'INVALID_TOPIC_EXCEPTION', /empty/],
  ['no partitions', { numPartitions: 0 }, 'INVALID_PARTITIONS', /larger than 0/],
  ['too many partitions', { numPartitions: 4097 }, 'INVALID_PARTITIONS', /4096/],
  ['replication factor 0', { replicationFactor: 0 }, 'INVALID_REPLICATION_FACTOR', /larger than 0/],
  ['replication factor 4', { replicationFactor: 4 }, 'INVALID_REPLICATION_FACTOR', /the store keeps 3 copies/],
  ['an unknown config', config('retention.hours', '1'), 'INVALID_CONFIG', /retention\.hours/],
  ['a config without value', config('retention.ms', null), 'INVALID_CONFIG', /retention\.ms/],
  ['a bad value', config('retention.ms', 'long'), 'INVALID_CONFIG', /retention\.ms/],
  ['compaction', config('cleanup.policy', 'compact'), 'INVALID_CONFIG', /compaction is not implemented yet/],
  ['more shards than partitions', config('wadi.shards', '2'), 'INVALID_CONFIG', /wadi\.shards/],
  ['too few shards', { ...config('wadi.shards', '1'), numPartitions: 65 }, 'INVALID_CONFIG', /at most 64/],
  [
    'numbers beside an assignment',
    { assignments: [{ partitionIndex: 0, brokerIds: [1] }] },
    'INVALID_REQUEST',
    /Either/,
  ],
  [
    'an assignment to another broker',
    { numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [2] }] },
    'INVALID_REPLICA_ASSIGNMENT',
    /only broker/,
  ],
  [
    'an assignment with a gap',
    { numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 1, brokerIds: [1] }] },
    'INVALID_REPLICA_ASSIGNMENT',
    /without gaps/,
  ],
])('%s is refused with the reason', async (_, given, error, message) => {
  const { create, ask } = creator()
  const answer = await create(given)
  expect(answer).toMatchObject({ errorCode: errors[error] })
  expect(answer?.errorMessage).toMatch(message)
  expect((await ask(Metadata, 9, { topics: null })).topics).toEqual([])
})

test('a default number of partitions needs version 4', async () => {
  const { create } = creator()
  expect(await create({ numPartitions: -1 }, { version: 3 })).toMatchObject({ errorCode: errors.INVALID_PARTITIONS })
  expect(await create({ numPartitions: -1 }, { version: 4 })).toMatchObject({ errorCode: errors.NONE })
})

test('a topic exists once, and not beside one that monitoring cannot tell from it', async () => {
  const { create } = creator()
  await create({ name: 'a.b' })
  expect(await create({ name: 'a.b' })).toMatchObject({ errorCode: errors.TOPIC_ALREADY_EXISTS })
  expect(await create({ name: 'a_b' })).toMatchObject({ errorCode: errors.INVALID_TOPIC_EXCEPTION })
  expect(await create({ name: 'a-b' })).toMatchObject({ errorCode: errors.NONE })
})

test('a name twice in a request is refused both times', async () => {
  const { ask } = creator()
  const { topics } = await ask(CreateTopics, 7, { topics: [newTopic({}), newTopic({}), newTopic({ name: 'u' })] })
  expect(topics.map(({ errorCode }) => errorCode)).toEqual([
    errors.INVALID_REQUEST,
    errors.INVALID_REQUEST,
    errors.NONE,
  ])
})

test('validating creates nothing and finds the same errors', async () => {
  const { create, partitionsOf } = creator()
  expect(await create({ numPartitions: 2 }, { validateOnly: true })).toMatchObject({ errorCode: 0, numPartitions: 2 })
  expect(await partitionsOf('t')).toBe(0)
  await create({})
  expect(await create({}, { validateOnly: true })).toMatchObject({ errorCode: errors.TOPIC_ALREADY_EXISTS })
})

test('the configs of a new topic are told, with where they come from', async () => {
  const { create } = creator()
  const answer = await create(config('retention.ms', '1000'))
  expect(answer?.configs).toContainEqual({
    name: 'retention.ms',
    value: '1000',
    readOnly: false,
    configSource: 1,
    isSensitive: false,
  })
  expect(answer?.configs).toContainEqual(
    expect.objectContaining({ name: 'retention.bytes', value: '-1', configSource: 5 }),
  )
})

test('topics are deleted by name and by id', async () => {
  const { create, ask, partitionsOf, produce } = creator()
  await create({ name: 'by-name' })
  const topicId = (await create({ name: 'by-id' }))?.topicId ?? ''
  await produce('by-name', batch())
  expect(await ask(DeleteTopics, 5, { topicNames: ['by-name', 'none'], timeoutMs: 1000 })).toMatchObject({
    responses: [{ errorCode: errors.NONE }, { errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION }],
  })
  const topics = [
    { name: null, topicId },
    { name: null, topicId: 'BBBBBBBBBBBBBBBBBBBBBA' },
    { name: 'by-id', topicId },
    { name: null, topicId: zeroUuid },
  ]
  expect(await ask(DeleteTopics, 6, { topics, timeoutMs: 1000 })).toMatchObject({
    responses: [
      { name: 'by-id', topicId, errorCode: errors.NONE },
      { name: null, errorCode: errors.UNKNOWN_TOPIC_ID },
      { errorCode: errors.INVALID_REQUEST },
      { errorCode: errors.INVALID_REQUEST },
    ],
  })
  expect(await partitionsOf('by-name')).toBe(0)
  expect(await produce('by-name', batch())).toMatchObject({ errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION })
})

const grower = async () => {
  const world = creator()
  await world.create({ numPartitions: 2 })
  const grow = async (count: number, brokers: readonly number[] | null = null, validateOnly = false) => {
    const assignments = brokers?.map((broker) => ({ brokerIds: [broker] })) ?? null
    const topics = [{ name: 't', count, assignments }]
    return (await world.ask(CreatePartitions, 3, { topics, timeoutMs: 1000, validateOnly })).results[0]
  }
  return { ...world, grow }
}

test('partitions become more, and what was produced stays where it is', async () => {
  const { grow, partitionsOf, produce, values } = await grower()
  await produce('t', batch({ value: 'old' }), { index: 1 })
  expect(await grow(4)).toMatchObject({ errorCode: errors.NONE })
  expect(await partitionsOf('t')).toBe(4)
  expect(await produce('t', batch({ value: 'new' }), { index: 3 })).toMatchObject({ errorCode: errors.NONE })
  expect(await values('t', 0n, 1)).toEqual(['old'])
  expect(await values('t', 0n, 3)).toEqual(['new'])
})

test.each<[string, number, readonly number[] | null, keyof typeof errors, RegExp]>([
  ['the same number', 2, null, 'INVALID_PARTITIONS', /already has 2/],
  ['fewer', 1, null, 'INVALID_PARTITIONS', /not be an increase/],
  ['more than the shards can hold', 65, null, 'INVALID_PARTITIONS', /1 shard\(s\), fixed at creation.*64/],
  ['too few assignments', 4, [1], 'INVALID_REPLICA_ASSIGNMENT', /2 new partition\(s\) and 1/],
  ['assignments to another broker', 4, [1, 2], 'INVALID_REPLICA_ASSIGNMENT', /only broker/],
])('%s is refused with the reason', async (_, count, brokers, error, message) => {
  const { grow, partitionsOf } = await grower()
  const answer = await grow(count, brokers)
  expect(answer).toMatchObject({ errorCode: errors[error] })
  expect(answer?.errorMessage).toMatch(message)
  expect(await partitionsOf('t')).toBe(2)
})

test('validating more partitions changes nothing', async () => {
  const { grow, partitionsOf } = await grower()
  expect(await grow(4, [1, 1], true)).toMatchObject({ errorCode: errors.NONE })
  expect(await partitionsOf('t')).toBe(2)
})
