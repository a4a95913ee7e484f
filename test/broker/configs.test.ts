import { expect, test } from 'vitest'
import { errors } from '../../lib/protocol/errors.ts'
import { AlterConfigs } from '../../lib/protocol/messages/alter-configs.ts'
import { DescribeConfigs } from '../../lib/protocol/messages/describe-configs.ts'
import { IncrementalAlterConfigs } from '../../lib/protocol/messages/incremental-alter-configs.ts'
import { batch } from '../support/batches.ts'
import { brokerWorld } from './world.ts'

const topicType = 2
const brokerType = 4
const set = 0
const remove = 1
const append = 2
const subtract = 3

type Describing = { keys?: readonly string[] | null; includeSynonyms?: boolean; includeDocumentation?: boolean }
type Operation = readonly [name: string, configOperation: number, value: string | null]

const configured = async () => {
  const world = brokerWorld()
  await world.createTopic('t', 2, { 'retention.ms': '1000' })
  const describe = async (resourceType: number, resourceName: string, { keys = null, ...with_ }: Describing = {}) => {
    const resources = [{ resourceType, resourceName, configurationKeys: keys }]
    return (await world.ask(DescribeConfigs, 4, { resources, ...with_ })).results[0]
  }
  const currentValue = async (name: string) => (await describe(topicType, 't', { keys: [name] }))?.configs[0]?.value
  const alter = async (operations: readonly Operation[], resourceType = topicType, resourceName = 't') => {
    const configs = operations.map(([name, configOperation, value]) => ({ name, configOperation, value }))
    const resources = [{ resourceType, resourceName, configs }]
    return (await world.ask(IncrementalAlterConfigs, 1, { resources, validateOnly: false })).responses[0]
  }
  const replace = async (configs: readonly { name: string; value: string | null }[], validateOnly = false) => {
    const resources = [{ resourceType: topicType, resourceName: 't', configs }]
    return (await world.ask(AlterConfigs, 2, { resources, validateOnly })).responses[0]
  }
  return { ...world, describe, currentValue, alter, replace }
}

test('all configs of a topic are described, those that are set and all defaults', async () => {
  const { describe } = await configured()
  const described = await describe(topicType, 't', { includeSynonyms: true, includeDocumentation: true })
  expect(described?.errorCode).toBe(errors.NONE)
  expect(described?.configs.length).toBeGreaterThan(30)
  expect(described?.configs).toContainEqual({
    name: 'retention.ms',
    value: '1000',
    readOnly: false,
    configSource: 1,
    isSensitive: false,
    synonyms: [
      { name: 'retention.ms', value: '1000', source: 1 },
      { name: 'log.retention.ms', value: '604800000', source: 5 },
    ],
    configType: 5,
    documentation: expect.stringMatching(/^Age/),
  })
  expect(described?.configs).toContainEqual(
    expect.objectContaining({
      name: 'segment.bytes',
      configSource: 5,
      synonyms: [{ name: 'log.segment.bytes', value: '1073741824', source: 5 }],
      documentation: expect.stringMatching(/^Accepted without effect/),
    }),
  )
  expect(described?.configs).toContainEqual(
    expect.objectContaining({ name: 'wadi.shards', value: '1', readOnly: true, configType: 3 }),
  )
})

test('only what is asked for is described, without what was not asked for', async () => {
  const { describe } = await configured()
  const described = await describe(topicType, 't', { keys: ['retention.ms', 'nothing'] })
  expect(described?.configs).toMatchObject([{ name: 'retention.ms', synonyms: [], documentation: null }])
})

test('the broker tells how it was started, and its defaults for topics', async () => {
  const { describe } = await configured()
  const described = await describe(brokerType, '1', { includeSynonyms: true })
  const values = new Map(described?.configs.map(({ name, value }) => [name, value]))
  expect(values.get('auto.create.topics.enable')).toBe('true')
  expect(values.get('default.replication.factor')).toBe('1')
  expect(values.get('advertised.listeners')).toBe('PLAINTEXT://kafka.test:9092')
  expect(values.get('log.retention.ms')).toBe('604800000')
  expect(described?.configs.every(({ readOnly }) => readOnly)).toBe(true)
  expect(await describe(brokerType, '')).toMatchObject({ errorCode: errors.NONE, configs: [] })
})

test.each<[string, number, string, keyof typeof errors]>([
  ['a missing topic', topicType, 'none', 'UNKNOWN_TOPIC_OR_PARTITION'],
  ['a bad name', topicType, 'a b', 'INVALID_TOPIC_EXCEPTION'],
  ['another broker', brokerType, '2', 'INVALID_REQUEST'],
  ['another kind of resource', 16, 'x', 'INVALID_REQUEST'],
])('%s has no configs', async (_, type, name, error) => {
  const { describe } = await configured()
  expect(await describe(type, name)).toMatchObject({ errorCode: errors[error], configs: [] })
})

test('single configs are set and returned to their default', async () => {
  const { alter, currentValue } = await configured()
  await alter([['retention.bytes', set, '5']])
  expect(await currentValue('retention.bytes')).toBe('5')
  expect(await currentValue('retention.ms')).toBe('1000')
  await alter([
    ['retention.ms', remove, null],
    ['retention.bytes', remove, null],
  ])
  expect(await currentValue('retention.ms')).toBe('604800000')
  expect(await currentValue('retention.bytes')).toBe('-1')
})

test('a changed config holds for the next record', async () => {
  const { alter, produce } = await configured()
  expect(await produce('t', batch())).toMatchObject({ errorCode: errors.NONE })
  await alter([['max.message.bytes', set, '60']])
  expect(await produce('t', batch())).toMatchObject({ errorCode: errors.MESSAGE_TOO_LARGE })
})

test('elements are added to a list and taken from it', async () => {
  const { alter, currentValue } = await configured()
  const name = 'leader.replication.throttled.replicas'
  await alter([[name, append, '0:1,1:1']])
  await alter([[name, append, '1:1,2:1']])
  expect(await currentValue(name)).toBe('0:1,1:1,2:1')
  await alter([[name, subtract, '1:1']])
  expect(await currentValue(name)).toBe('0:1,2:1')
})

test.each<[string, readonly Operation[], RegExp]>([
  ['an unknown config', [['nothing', set, '1']], /nothing/],
  ['a bad value', [['retention.ms', set, '-2']], /retention\.ms/],
  ['no value', [['retention.ms', set, null]], /retention\.ms/],
  ['adding to what is no list', [['retention.ms', append, '1']], /no list/],
  ['an unknown operation', [['retention.ms', 4, '1']], /operation 4/],
  ['compaction', [['cleanup.policy', append, 'compact']], /compaction is not implemented yet/],
  ['other shards', [['wadi.shards', set, '2']], /fixed when a topic is created, here at 1/],
  [
    'one config twice',
    [
      ['retention.ms', set, '5'],
      ['retention.ms', set, '6'],
    ],
    /more than one/,
  ],
])('%s is refused with the reason, and nothing changes', async (_, operations, message) => {
  const { alter, currentValue } = await configured()
  const answer = await alter([['retention.bytes', set, '77'], ...operations])
  expect(answer?.errorCode).toBe(errors.INVALID_CONFIG)
  expect(answer?.errorMessage).toMatch(message)
  expect(await currentValue('retention.ms')).toBe('1000')
  expect(await currentValue('retention.bytes')).toBe('-1')
})

test('the configs of missing topics and of brokers cannot be changed', async () => {
  const { alter } = await configured()
  expect(await alter([], topicType, 'none')).toMatchObject({ errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION })
  expect(await alter([['log.retention.ms', set, '1']], brokerType, '1')).toMatchObject({
    errorCode: errors.INVALID_REQUEST,
    errorMessage: expect.stringContaining('started'),
  })
})

test('a resource twice in a request is refused', async () => {
  const { ask } = await configured()
  const resource = { resourceType: topicType, resourceName: 't', configs: [] }
  const { responses } = await ask(IncrementalAlterConfigs, 1, { resources: [resource, resource], validateOnly: false })
  expect(responses.map(({ errorCode }) => errorCode)).toEqual([errors.INVALID_REQUEST, errors.INVALID_REQUEST])
})

test('replacing all configs returns those that are not given to their defaults', async () => {
  const { replace, currentValue } = await configured()
  expect(await replace([{ name: 'retention.bytes', value: '5' }], true)).toMatchObject({ errorCode: errors.NONE })
  expect(await currentValue('retention.bytes')).toBe('-1')
  expect(await replace([{ name: 'retention.bytes', value: '5' }])).toMatchObject({ errorCode: errors.NONE })
  expect(await currentValue('retention.bytes')).toBe('5')
  expect(await currentValue('retention.ms')).toBe('604800000')
  expect(await replace([{ name: 'retention.bytes', value: null }])).toMatchObject({ errorCode: errors.INVALID_CONFIG })
  expect(await replace([{ name: 'wadi.shards', value: '1' }])).toMatchObject({ errorCode: errors.NONE })
})
