import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort, type RunningServer, startWadi } from '../../lib/bench/server.ts'
import { errors } from '../../lib/protocol/errors.ts'
import { ConsumerGroupHeartbeat } from '../../lib/protocol/messages/consumer-group-heartbeat.ts'
import { DescribeGroups } from '../../lib/protocol/messages/describe-groups.ts'
import { JoinGroup } from '../../lib/protocol/messages/join-group.ts'
import { ListGroups } from '../../lib/protocol/messages/list-groups.ts'
import { OffsetCommit } from '../../lib/protocol/messages/offset-commit.ts'
import { OffsetFetch } from '../../lib/protocol/messages/offset-fetch.ts'
import { FixedClock } from '../support/log.ts'
import { skipWithout, tryKafkaTool } from '../support/tools.ts'
import { httpWorld, type Told } from './world.ts'

const world = async () => {
  const clock = new FixedClock()
  const w = httpWorld({}, { clock })
  await w.ask('PUT', '/v1/topics/orders', { body: { partitions: 1 } })
  await w.ask('POST', '/v1/topics/orders/records', { body: { records: [{ value: 'a' }, { value: 'b' }] } })
  const post = (verb: string, body: object) => w.ask('POST', `/v1/groups/g/${verb}`, { body })
  const poll = (body: object = {}) => post('poll', { topics: ['orders'], leaseMs: 10_000, ...body })
  const joins = () =>
    w.kafka(JoinGroup, 9, {
      groupId: 'g',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId: '',
      groupInstanceId: null,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.alloc(6) }],
      reason: null,
    })
  const commit = async (committedOffset: bigint) => {
    const partitions = [{ partitionIndex: 0, committedOffset, committedLeaderEpoch: -1, committedMetadata: null }]
    const own = { groupId: 'g', memberId: '', generationIdOrMemberEpoch: -1, groupInstanceId: null }
    const { topics } = await w.kafka(OffsetCommit, 8, { ...own, topics: [{ name: 'orders', partitions }] })
    return topics[0]?.partitions[0]?.errorCode
  }
  return { ...w, clock, post, poll, joins, commit }
}

test('a Kafka client that joins while leases are live is refused, and joins when they are done', async () => {
  const w = await world()
  const { lease } = (await w.poll()).body
  expect((await w.joins()).errorCode).toBe(errors.INCONSISTENT_GROUP_PROTOCOL)
  const heartbeat = { groupId: 'g', memberId: 'm', memberEpoch: 0, instanceId: null, rackId: null }
  const beat = await w.kafka(ConsumerGroupHeartbeat, 0, {
    ...heartbeat,
    rebalanceTimeoutMs: 1000,
    subscribedTopicNames: ['orders'],
    serverAssignor: null,
    topicPartitions: [],
  })
  expect(beat.errorCode).toBe(errors.GROUP_ID_NOT_FOUND)
  expect(await w.commit(0n)).toBe(errors.UNKNOWN_MEMBER_ID)
  expect((await w.post('ack', { lease })).status).toBe(200)
  expect((await w.joins()).errorCode).toBe(errors.MEMBER_ID_REQUIRED)
})

test('while members are there nobody is lent anything, and their offsets are gone on from afterwards', async () => {
  const w = await world()
  expect(await w.commit(1n)).toBe(errors.NONE)
  const { memberId } = await w.joins()
  const again = { groupId: 'g', sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, memberId, groupInstanceId: null }
  const protocols = [{ name: 'range', metadata: Buffer.alloc(6) }]
  await w.kafka(JoinGroup, 9, { ...again, protocolType: 'consumer', protocols, reason: null })
  expect((await w.poll()).body).toMatchObject({ status: 409, code: 'NOT_EMPTY', kafkaCode: 23 })
  w.clock.move(60_000)
  expect((await w.poll()).body.records).toMatchObject([{ offset: 1, value: 'b' }])
})

test('how far a member of Kafka’s protocol is behind is not known before it has committed', async () => {
  const w = await world()
  const heartbeat = { groupId: 'g', memberId: 'm', memberEpoch: 0, instanceId: null, rackId: null }
  await w.kafka(ConsumerGroupHeartbeat, 0, {
    ...heartbeat,
    rebalanceTimeoutMs: 1000,
    subscribedTopicNames: ['orders'],
    serverAssignor: null,
    topicPartitions: [],
  })
  const place = { topic: 'orders', partition: 0, latest: 2 }
  const lag = { group: 'g', lag: 0, partitions: [{ ...place, committed: null, lag: null }] }
  expect((await w.ask('GET', '/v1/groups/g/lag')).body).toEqual(lag)
})

test('leases are members for Kafka’s tools, and what they commit is what the group has committed', async () => {
  const w = await world()
  const { lease } = (await w.poll({ limit: 1, worker: 'one' })).body
  const listed = await w.kafka(ListGroups, 5, { statesFilter: [], typesFilter: [] })
  expect(listed.groups).toEqual([
    { groupId: 'g', protocolType: 'consumer', groupState: 'Stable', groupType: 'classic' },
  ])
  const { groups } = await w.kafka(DescribeGroups, 5, { groups: ['g'], includeAuthorizedOperations: false })
  expect(groups).toMatchObject([
    { groupState: 'Stable', protocolType: 'consumer', members: [{ memberId: lease, clientId: 'one' }] },
  ])
  await w.post('ack', { lease })
  const topics = [{ name: 'orders', partitionIndexes: [0] }]
  const asked = { groups: [{ groupId: 'g', memberId: null, memberEpoch: -1, topics }], requireStable: false }
  const fetched = await w.kafka(OffsetFetch, 8, asked)
  expect(fetched.groups[0]?.topics[0]?.partitions).toMatchObject([{ committedOffset: 1n }])
})

test('an administrator may move the offsets between leases, and the next lease goes on from there', async () => {
  const w = await world()
  const { lease } = (await w.poll()).body
  await w.post('ack', { lease })
  expect(await w.commit(0n)).toBe(errors.NONE)
  expect((await w.poll()).body.records).toHaveLength(2)
})

describe('with clients of Kafka', () => {
  let server: RunningServer
  let base: string
  const data = mkdtempSync(join(tmpdir(), 'wadi-leases-'))
  beforeAll(async () => {
    const [kafkaPort, httpPort] = [await freePort(), await freePort()]
    base = `http://127.0.0.1:${httpPort}`
    server = await startWadi({ data, kafkaPort, httpPort })
    await ask('PUT', '/v1/topics/orders', { partitions: 1 })
    await ask('POST', '/v1/topics/orders/records', { records: [{ value: 'a' }, { value: 'b' }, { value: 'c' }] })
  }, 30_000)
  afterAll(async () => {
    await server.kill()
    rmSync(data, { recursive: true, force: true })
  })

  const ask = async (method: string, path: string, body: object): Promise<Told['body']> => {
    const headers = { 'content-type': 'application/json' }
    return (await fetch(`${base}${path}`, { method, headers, body: JSON.stringify(body) })).json()
  }

  test('kafkajs is refused while a lease is live, and consumes behind what was acknowledged', async () => {
    const path = '/v1/groups/mixed'
    const { lease } = await ask('POST', `${path}/poll`, { topics: ['orders'], limit: 1 })
    const kafka = new Kafka({
      clientId: 'suite',
      brokers: [server.bootstrap],
      logLevel: logLevel.NOTHING,
      retry: { retries: 0 },
    })
    const refused = kafka.consumer({ groupId: 'mixed', retry: { retries: 0, restartOnFailure: async () => false } })
    const crashed = new Promise<Error>((resolve) =>
      refused.on('consumer.crash', ({ payload }) => resolve(payload.error)),
    )
    await refused.connect()
    await refused.subscribe({ topics: ['orders'], fromBeginning: true })
    await refused.run({ eachMessage: async () => {} }).catch(() => {})
    expect((await crashed).message).toMatch(/protocol/)
    await refused.disconnect()
    expect(await ask('POST', `${path}/ack`, { lease })).toMatchObject({ lease: null })
    const consumer = kafka.consumer({ groupId: 'mixed' })
    await consumer.connect()
    await consumer.subscribe({ topics: ['orders'], fromBeginning: true })
    const values: string[] = []
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          eachMessage: async ({ message }) => {
            values.push(String(message.value))
            if (values.length === 2) resolve()
          },
        })
        .catch(reject)
    })
    expect(await ask('POST', `${path}/poll`, { topics: ['orders'] })).toMatchObject({ status: 409, code: 'NOT_EMPTY' })
    await consumer.disconnect()
    expect(values).toEqual(['b', 'c'])
  })

  describe.skipIf(skipWithout('kafka'))('kafka-consumer-groups', () => {
    const tool = async (...args: readonly string[]): Promise<string> => {
      const { stdout, stderr } = await tryKafkaTool('kafka-consumer-groups', [
        '--bootstrap-server',
        server.bootstrap,
        ...args,
      ])
      return `${stdout}\n${stderr}`.replace(/ +/g, ' ')
    }

    test('shows who holds a lease, what is committed and what is left', async () => {
      const path = '/v1/groups/shown'
      const first = await ask('POST', `${path}/poll`, { topics: ['orders'], limit: 1, worker: 'one' })
      await ask('POST', `${path}/ack`, { lease: first.lease })
      // It outlives three programs on a busy machine.
      const held = { topics: ['orders'], limit: 1, worker: 'one', leaseMs: 600_000 }
      const { lease } = await ask('POST', `${path}/poll`, held)
      expect(await tool('--describe', '--group', 'shown')).toMatch(new RegExp(`shown orders 0 1 3 2 ${lease} / one`))
      expect(await tool('--describe', '--group', 'shown', '--members')).toMatch(new RegExp(`shown ${lease} / one 1`))
      const reset = ['--reset-offsets', '--group', 'shown', '--topic', 'orders', '--to-earliest', '--execute']
      expect(await tool(...reset)).toMatch(/inactive/)
      await ask('POST', `${path}/ack`, { lease })
      expect(await tool(...reset)).toMatch(/shown orders 0 0/)
      expect((await ask('POST', `${path}/poll`, { topics: ['orders'] })).records).toHaveLength(3)
    })
  })
})
