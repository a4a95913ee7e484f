import { afterEach, expect, test } from 'vitest'
import { realClock } from '../../lib/clock.ts'
import { functionLimits } from '../../lib/function-instance.ts'
import { makeInstance } from '../../lib/instance.ts'
import { defaultRules } from '../../lib/journal/journal.ts'
import { doorFunction } from '../../lib/lambda.ts'
import { errors } from '../../lib/protocol/errors.ts'
import { CreateTopics } from '../../lib/protocol/messages/create-topics.ts'
import { Fetch } from '../../lib/protocol/messages/fetch.ts'
import { InitProducerId } from '../../lib/protocol/messages/init-producer-id.ts'
import { Produce } from '../../lib/protocol/messages/produce.ts'
import { type Fault, faultyItems, type StoreCall } from '../../lib/store/faults.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { fetchRequest, produceRequest } from '../broker/world.ts'
import { batchOf, recordsOf } from '../support/batches.ts'
import { askDoor, bodyOf, post } from '../support/door-client.ts'
import { environmentInProcess } from '../support/lambda-environment.ts'
import { type LambdaHost, type LambdaHostOptions, startLambdaHost } from '../support/lambda-host.ts'

const pass: Fault = { fault: 'pass' }
const hosts: LambdaHost[] = []
afterEach(async () => {
  for (const host of hosts.splice(0)) await host[Symbol.asyncDispose]()
})

/** Functions that share a table and a bucket in memory, whose calls have these faults. */
const startFunctions = async (decide: (call: StoreCall) => Fault, options: Partial<LambdaHostOptions> = {}) => {
  const lines: string[] = []
  const items = faultyItems(memoryItems(), { decide, sleep: realClock.sleep })
  const objects = memoryObjects(realClock.now)
  const open = async () =>
    makeInstance(
      { items, objects, rules: defaultRules, keepsReads: true, leavesHints: false, close: () => {} },
      { autoCreateTopics: false, numPartitions: 1, log: (line) => lines.push(line), ...functionLimits },
    )
  const noApp = async () => ({ request: () => new Response('', { status: 404 }) })
  const environment = { WADI_AUTH: 'iam' }
  const host = await startLambdaHost({
    kind: 'REST API',
    iam: true,
    route: (path) => path.split('/').at(-1) ?? '',
    start: async (name) => {
      const door = name === 'produce' || name === 'fetch' ? name : 'admin'
      const options = { environment, open, writeLine: (line: string) => lines.push(line) }
      return environmentInProcess(doorFunction(door, noApp, options))
    },
    ...options,
  })
  hosts.push(host)
  return { host, lines }
}

const headers = { authorization: 'AWS4-HMAC-SHA256 Credential=somebody' }

const createTopic = ({ url }: LambdaHost) =>
  askDoor({ url, door: 'admin', headers }, CreateTopics, 7, {
    topics: [{ name: 'late', numPartitions: 1, replicationFactor: -1, assignments: [], configs: [] }],
  })

/** What an idempotent producer sends, and sends again. */
const requestOf = async ({ url }: LambdaHost) => {
  const asked = { transactionalId: null, transactionTimeoutMs: 0 }
  const { producerId } = await askDoor({ url, door: 'produce', headers }, InitProducerId, 4, asked)
  const records = batchOf([{ key: null, value: Buffer.from('once'), timestamp: 0n }], {
    producerId,
    producerEpoch: 0,
    baseSequence: 0,
  })
  return produceRequest([{ name: 'late', index: 0, records }])
}

const valuesIn = async ({ url }: LambdaHost): Promise<readonly string[]> => {
  const request = fetchRequest([{ topic: 'late', partition: 0, fetchOffset: 0n }])
  const { responses } = await askDoor({ url, door: 'fetch', headers }, Fetch, 11, request)
  return recordsOf(responses[0]?.partitions[0]?.records ?? Buffer.alloc(0)).map(({ value }) => String(value))
}

const isRow = ({ call, where }: StoreCall): boolean => call === 'putIfAbsent' && where.startsWith('J#')

test('a function that is later than its door leaves an unknown outcome, which an idempotent retry settles', async () => {
  let delayMs = 0
  const decide = (call: StoreCall): Fault =>
    delayMs > 0 && isRow(call) ? { fault: 'delay', beforeMs: 0, afterMs: delayMs } : pass
  const { host } = await startFunctions(decide, { waitMs: 3000 })
  await createTopic(host)
  const request = await requestOf(host)
  delayMs = 9000
  const late = await post(host.url, 'produce', bodyOf(Produce, 9, request), headers)
  expect([late.status, await late.json()]).toEqual([504, { message: 'Endpoint request timed out' }])
  delayMs = 0
  // The first function is still at work, so this is another environment that knows nothing of it.
  const { responses } = await askDoor({ url: host.url, door: 'produce', headers }, Produce, 9, request)
  expect(responses[0]?.partitionResponses).toMatchObject([{ errorCode: errors.NONE, baseOffset: 0n }])
  expect(host.started.get('produce')).toBe(2)
  await host.idle()
  expect(await valuesIn(host)).toEqual(['once'])
})

test('a write whose answer is lost, and that is stored later, is written once', async () => {
  let lost = 0
  const decide = (call: StoreCall): Fault => {
    if (!isRow(call) || lost++ > 0) return pass
    return { fault: 'late', afterMs: 300 }
  }
  const { host } = await startFunctions(decide)
  await createTopic(host)
  const request = await requestOf(host)
  for (let tries = 0; tries < 3; tries++) {
    const { responses } = await askDoor({ url: host.url, door: 'produce', headers }, Produce, 9, request)
    expect(responses[0]?.partitionResponses).toMatchObject([{ errorCode: errors.NONE, baseOffset: 0n }])
  }
  expect(lost).toBeGreaterThan(0)
  expect(await valuesIn(host)).toEqual(['once'])
})

test('a function whose store does not answer says in time that nothing is known', async () => {
  let isSilent = false
  const decide = (call: StoreCall): Fault => (isSilent && isRow(call) ? { fault: 'drop-before' } : pass)
  const { host, lines } = await startFunctions(decide, { timeoutMs: 5000 })
  await createTopic(host)
  const request = await requestOf(host)
  isSilent = true
  const { responses } = await askDoor({ url: host.url, door: 'produce', headers }, Produce, 9, request)
  expect(responses[0]?.partitionResponses).toMatchObject([{ errorCode: errors.REQUEST_TIMED_OUT }])
  isSilent = false
  const again = await askDoor({ url: host.url, door: 'produce', headers }, Produce, 9, request)
  expect(again.responses[0]?.partitionResponses).toMatchObject([{ errorCode: errors.NONE, baseOffset: 0n }])
  expect(await valuesIn(host)).toEqual(['once'])
  expect(lines.filter((line) => line.includes('"level":"error"'))).toEqual([])
})

test('every request has one line that tells ids, sizes and calls, and nothing of what is in it', async () => {
  const { host, lines } = await startFunctions(() => pass)
  await createTopic(host)
  await askDoor({ url: host.url, door: 'produce', headers }, Produce, 9, await requestOf(host))
  await post(host.url, 'produce', bodyOf(Produce, 9, await requestOf(host)), {
    authorization: 'AWS4-HMAC-SHA256 canary',
  })
  expect(lines).toHaveLength(5)
  expect(JSON.parse(lines[2] ?? '')).toEqual({
    level: 'info',
    requestId: 'in-process',
    door: 'produce',
    method: 'POST',
    path: '/kafka/produce',
    principal: 'iam:arn:aws:iam::123456789012:user/somebody',
    apiKeys: [0],
    status: 200,
    requestBytes: expect.any(Number),
    replyBytes: expect.any(Number),
    ms: expect.any(Number),
    stores: expect.objectContaining({ puts: 1, writeUnits: 1 }),
    usd: expect.any(Number),
  })
  for (const secret of ['once', 'canary', 'Credential', 'late']) expect(lines.join('')).not.toContain(secret)
})
