import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Door, servedApis } from '../../lib/protocol/apis.ts'
import { errors } from '../../lib/protocol/errors.ts'
import { readResponse } from '../../lib/protocol/header.ts'
import { ApiVersions } from '../../lib/protocol/messages/api-versions.ts'
import { CreateTopics } from '../../lib/protocol/messages/create-topics.ts'
import { Fetch } from '../../lib/protocol/messages/fetch.ts'
import { FindCoordinator } from '../../lib/protocol/messages/find-coordinator.ts'
import { InitProducerId } from '../../lib/protocol/messages/init-producer-id.ts'
import { ListOffsets } from '../../lib/protocol/messages/list-offsets.ts'
import { Metadata } from '../../lib/protocol/messages/metadata.ts'
import { OffsetCommit } from '../../lib/protocol/messages/offset-commit.ts'
import { OffsetFetch } from '../../lib/protocol/messages/offset-fetch.ts'
import { Produce } from '../../lib/protocol/messages/produce.ts'
import { fetchRequest, produceRequest } from '../broker/world.ts'
import { batchOf, recordsOf } from '../support/batches.ts'
import { askDoor, bodyOf, post, repliesIn } from '../support/door-client.ts'
import { createBucket, createTable, type Emulator, environmentOf, startEmulator } from '../support/emulator.ts'
import { type Bundles, bundleFunctions } from '../support/function-bundles.ts'
import { environmentOfBundle } from '../support/lambda-environment.ts'
import type { DoorKind } from '../support/lambda-events.ts'
import { type LambdaHost, startLambdaHost } from '../support/lambda-host.ts'

const doors = ['produce', 'fetch', 'admin', 'groups'] as const
const token = 'a-token-of-this-suite'
const headers = { authorization: `Bearer ${token}` }
const sha256 = createHash('sha256').update(token).digest('hex')

let emulator: Emulator
let bundles: Bundles
beforeAll(async () => {
  emulator = await startEmulator()
  await createTable(emulator.dynamo, 'wadi')
  await createBucket(emulator.s3, 'wadi')
  bundles = await bundleFunctions(doors)
})
afterAll(async () => {
  bundles?.[Symbol.dispose]()
  await emulator?.close()
})

const startHost = (kind: DoorKind): Promise<LambdaHost> =>
  startLambdaHost({
    kind,
    route: (path, method) => {
      const door = doors.find((one) => path === `/kafka/${one}`)
      if (door !== undefined || !path.endsWith('/records')) return door ?? 'admin'
      return method === 'POST' ? 'produce' : 'fetch'
    },
    start: (name) => {
      const door = doors.find((one) => one === name) ?? 'admin'
      const variables = { ...environmentOf(emulator), WADI_API_KEYS: `suite:${sha256}` }
      return environmentOfBundle(bundles.of(door).file, variables)
    },
  })

const kinds: readonly DoorKind[] = ['function URL', 'HTTP API', 'REST API']

describe.each(kinds)('behind a %s', (kind) => {
  let host: LambdaHost
  const topic = `topic-${kind.replaceAll(' ', '-')}`
  const at = (door: Door) => ({ url: host.url, door, headers })
  beforeAll(async () => {
    host = await startHost(kind)
    const { topics } = await askDoor(at('admin'), CreateTopics, 7, {
      topics: [{ name: topic, numPartitions: 2, replicationFactor: -1, assignments: [], configs: largeMessages }],
    })
    expect(topics).toMatchObject([{ errorCode: errors.NONE }])
  })
  afterAll(() => host?.[Symbol.asyncDispose]())

  test('every door answers ApiVersions', async () => {
    for (const door of doors) {
      const { errorCode, apiKeys } = await askDoor(at(door), ApiVersions, 3, {})
      expect([door, errorCode, apiKeys.length]).toEqual([door, errors.NONE, servedApis.length])
    }
  })

  test('what is produced at one door is fetched, counted and committed at others', async () => {
    const { producerId } = await askDoor(at('produce'), InitProducerId, 4, {
      transactionalId: null,
      transactionTimeoutMs: 0,
    })
    const records = batchOf([{ key: null, value: Buffer.from('hello'), timestamp: 0n }], {
      producerId,
      producerEpoch: 0,
      baseSequence: 0,
    })
    const { responses } = await askDoor(at('produce'), Produce, 9, produceRequest([{ name: topic, index: 0, records }]))
    expect(responses[0]?.partitionResponses).toMatchObject([{ errorCode: errors.NONE, baseOffset: 0n }])

    const fetched = await askDoor(at('fetch'), Fetch, 11, fetchRequest([{ topic, partition: 0, fetchOffset: 0n }]))
    const bytes = fetched.responses[0]?.partitions[0]?.records ?? Buffer.alloc(0)
    expect(recordsOf(bytes).map(({ value }) => String(value))).toEqual(['hello'])

    const ends = await askDoor(at('fetch'), ListOffsets, 7, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1n }] }],
    })
    expect(ends.topics[0]?.partitions).toMatchObject([{ offset: 1n }])

    const committed = [{ partitionIndex: 0, committedOffset: 1n, committedLeaderEpoch: -1, committedMetadata: '' }]
    const offsets = { groupId: topic, generationIdOrMemberEpoch: -1, memberId: '', groupInstanceId: null }
    const commit = { ...offsets, topics: [{ name: topic, partitions: committed }] }
    const { topics } = await askDoor(at('groups'), OffsetCommit, 8, commit)
    expect(topics[0]?.partitions).toMatchObject([{ errorCode: errors.NONE }])
    const asked = { groupId: topic, topics: [{ name: topic, partitionIndexes: [0] }], requireStable: false }
    const read = await askDoor(at('groups'), OffsetFetch, 7, asked)
    expect(read.topics[0]?.partitions).toMatchObject([{ committedOffset: 1n }])
  })

  test('what is posted as JSON is read as JSON and as a frame', async () => {
    const url = `${host.url}/v1/topics/${topic}/records`
    const json = { ...headers, 'content-type': 'application/json' }
    const posted = await fetch(url, { method: 'POST', headers: json, body: '{"value":{"total":12},"partition":0}' })
    expect(posted.status).toBe(200)
    const offset = /"offset":(\d+)/.exec(await posted.text())?.[1] ?? ''
    const request = fetchRequest([{ topic, partition: 0, fetchOffset: BigInt(offset) }])
    const { responses } = await askDoor(at('fetch'), Fetch, 11, request)
    const [record] = recordsOf(responses[0]?.partitions[0]?.records ?? Buffer.alloc(0))
    expect(JSON.parse(String(record?.value))).toEqual({ total: 12 })
    const page = await fetch(`${url}?from=p0:${offset}&limit=1`, { headers })
    expect(await page.json()).toMatchObject({ records: [{ offset: Number(offset), value: { total: 12 } }] })
  })

  test('every broker and coordinator is where the client asks to connect to', async () => {
    const advertise = { ...headers, 'x-kafka-advertise': 'kafka.example.org:9093' }
    const where = { host: 'kafka.example.org', port: 9093 }
    const { brokers } = await askDoor({ ...at('admin'), headers: advertise }, Metadata, 9, { topics: [] })
    expect(brokers).toMatchObject([where])
    const group = { key: 'g', keyType: 0 }
    const found = await askDoor({ ...at('groups'), headers: advertise }, FindCoordinator, 3, group)
    expect(found).toMatchObject(where)
    // Otherwise where it has posted to.
    const { brokers: own } = await askDoor(at('admin'), Metadata, 9, { topics: [] })
    expect(own).toMatchObject([{ host: '127.0.0.1', port: Number(new URL(host.url).port) }])
  })

  test('4 MB go in and come out as they are', async () => {
    const value = randomBytes(4_000_000)
    const records = batchOf([{ key: null, value, timestamp: 0n }])
    const { responses } = await askDoor(at('produce'), Produce, 9, produceRequest([{ name: topic, index: 1, records }]))
    expect(responses[0]?.partitionResponses).toMatchObject([{ errorCode: errors.NONE }])
    const request = fetchRequest([{ topic, partition: 1, fetchOffset: 0n }])
    const fetched = await askDoor(at('fetch'), Fetch, 11, request)
    const [record] = recordsOf(fetched.responses[0]?.partitions[0]?.records ?? Buffer.alloc(0))
    expect(record?.value?.equals(value)).toBe(true)
  })

  test('a body that is too large is refused with the limit, by the function or by its door', async () => {
    const byFunction = await post(host.url, 'produce', Buffer.alloc(4_600_000), headers)
    expect(byFunction.status).toBe(413)
    expect(await byFunction.json()).toMatchObject({ code: 'TOO_LARGE', limitBytes: 4_500_000, retryable: false })
    const byDoor = await post(host.url, 'produce', Buffer.alloc(5_000_000), headers)
    expect(byDoor.status).toBe(413)
    expect(await byDoor.json()).toEqual({ message: expect.any(String) })
  })

  test('frames that want no reply are answered 204, and several in order', async () => {
    const records = batchOf([{ key: null, value: Buffer.from('x'), timestamp: 0n }])
    const silent = bodyOf(Produce, 9, produceRequest([{ name: topic, index: 0, records }], 0))
    const answer = await post(host.url, 'produce', silent, headers)
    expect([answer.status, await answer.text()]).toEqual([204, ''])
    const loud = bodyOf(Produce, 9, produceRequest([{ name: topic, index: 0, records }]))
    const versions = bodyOf(ApiVersions, 0, {})
    const replies = await repliesIn(
      await post(host.url, 'produce', Buffer.concat([versions, loud, silent, loud]), headers),
    )
    const offsets = replies
      .slice(1)
      .map((reply) => readResponse(Produce, 9, reply).body.responses[0]?.partitionResponses[0])
    expect(replies).toHaveLength(3)
    expect(Number(offsets[1]?.baseOffset)).toBe(Number(offsets[0]?.baseOffset) + 2)
  })

  test('a frame at the wrong door is told the right one', async () => {
    const answer = await post(host.url, 'fetch', bodyOf(Metadata, 9, { topics: [] }), headers)
    expect(answer.status).toBe(400)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(await answer.json()).toMatchObject({ code: 'INVALID_REQUEST', hint: 'POST this frame to /kafka/admin.' })
  })

  test('without a key nobody is answered but who asks for health', async () => {
    const answer = await post(host.url, 'admin', bodyOf(Metadata, 9, { topics: [] }))
    expect(answer.status).toBe(401)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(await answer.json()).toMatchObject({ code: 'UNAUTHENTICATED', retryable: false })
    expect((await fetch(`${host.url}/v1/version`)).status).toBe(401)
    expect(await (await fetch(`${host.url}/healthz`)).json()).toEqual({ status: 'ok' })
    expect(await (await fetch(`${host.url}/v1/version`, { headers })).json()).toMatchObject({ name: 'wadi' })
  })

  test('requests at once are as many environments, and nothing floats in any of them', async () => {
    const records = batchOf([{ key: null, value: Buffer.from('at once'), timestamp: 0n }])
    const request = produceRequest([{ name: topic, index: 0, records }])
    const before = host.started.get('produce') ?? 0
    const answers = await Promise.all(Array.from({ length: 3 }, () => askDoor(at('produce'), Produce, 9, request)))
    const offsets = answers.map(({ responses }) => responses[0]?.partitionResponses[0]?.baseOffset)
    expect(new Set(offsets).size).toBe(3)
    expect(host.started.get('produce')).toBe(Math.max(before, 3))
    await host.idle()
    expect(host.floating()).toEqual([])
  })
})

/** Above the batches of these tests. */
const largeMessages = [{ name: 'max.message.bytes', value: '8000000' }]
