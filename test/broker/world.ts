import { expect } from 'vitest'
import type { Connection } from '../../lib/broker/broker.ts'
import { type BrokerContext, defaultLimits } from '../../lib/broker/context.ts'
import { makeBroker } from '../../lib/broker/make-broker.ts'
import { realClock } from '../../lib/clock.ts'
import { Groups } from '../../lib/group/groups.ts'
import { LogBytes } from '../../lib/journal/bytes.ts'
import { Logs } from '../../lib/journal/logs.ts'
import { Topics } from '../../lib/journal/topics.ts'
import type { Api, RequestInput, ResponseOf } from '../../lib/protocol/declare.ts'
import { errors } from '../../lib/protocol/errors.ts'
import { readResponse, writeRequest } from '../../lib/protocol/header.ts'
import { CreateTopics } from '../../lib/protocol/messages/create-topics.ts'
import { Fetch } from '../../lib/protocol/messages/fetch.ts'
import { Produce } from '../../lib/protocol/messages/produce.ts'
import { zeroUuid } from '../../lib/protocol/reader.ts'
import type { Items } from '../../lib/store/items.ts'
import { journalPartition } from '../../lib/store/keys.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import type { Objects } from '../../lib/store/objects.ts'
import { recordsOf } from '../support/batches.ts'

type Options = Partial<BrokerContext> & { readonly objects?: Objects }

/** A broker over memory stores, unless others are given, and a client that speaks frames to it. */
export const brokerWorld = (options: Options = {}) => {
  const items: Items = options.items ?? memoryItems()
  const clock = options.clock ?? realClock
  const objects = options.objects ?? memoryObjects(clock.now)
  const logs = options.logs ?? new Logs({ items, objects, clock, instance: 'one' })
  const topics = new Topics(items, clock)
  const lines: string[] = []
  const context: BrokerContext = {
    topics,
    logs,
    bytes: new LogBytes(objects),
    groups: new Groups({ items, objects, clock }, topics),
    items,
    clock,
    limits: defaultLimits,
    defaults: { autoCreateTopics: true, numPartitions: 1 },
    nodeId: 1,
    rack: null,
    log: (line) => lines.push(line),
    ...options,
  }
  const broker = makeBroker(context)

  /** The replies to frames of one call, without their sizes. */
  const send = async (frames: readonly Buffer[]): Promise<readonly Buffer[]> => {
    const replies = await broker(frames, connection)
    return replies.map((reply) => Buffer.concat(reply).subarray(4))
  }

  const ask = async <A extends Api>(api: A, version: number, request: RequestInput<A>): Promise<ResponseOf<A>> => {
    const [reply = Buffer.alloc(0)] = await send([requestFrame(api, version, request)])
    return readResponse(api, version, reply).body
  }

  /** Creates a topic and gives its id. */
  const createTopic = async (name: string, numPartitions = 1, configs: Configs = {}): Promise<string> => {
    const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
    const topic = { name, numPartitions, replicationFactor: -1, assignments: [], configs: entries }
    const { topics } = await ask(CreateTopics, 7, { topics: [topic] })
    expect(topics).toMatchObject([{ errorCode: errors.NONE }])
    return topics[0]?.topicId ?? ''
  }

  /** Produces one batch to one partition and gives the answer for it. */
  const produce = async (name: string, records: Buffer | null, { version = 9, index = 0, acks = -1 } = {}) => {
    const body = await ask(Produce, version, produceRequest([{ name, index, records }], acks))
    return body.responses[0]?.partitionResponses[0]
  }

  /** Fetches from one partition and gives the answer for it. */
  const fetch = async (
    topic: string,
    fetchOffset: bigint,
    { version = 11, partition = 0, ...limits }: FetchOptions = {},
  ) => {
    const body = await ask(Fetch, version, fetchRequest([{ topic, partition, fetchOffset }], limits))
    return body.responses[0]?.partitions[0]
  }

  /** The values of all records from an offset on. */
  const values = async (topic: string, fetchOffset = 0n, partition = 0): Promise<readonly string[]> => {
    const fetched = await fetch(topic, fetchOffset, { partition })
    return recordsOf(fetched?.records ?? Buffer.alloc(0)).map(({ value }) => String(value))
  }

  /** The rows of a topic's first journal. */
  const rows = async (topicId: string): Promise<number> => {
    const range = { after: '', before: 'checkpoint', limit: 1000, consistent: true }
    return (await items.query(journalPartition({ topicId, index: 0 }), range)).items.length
  }

  return { context, items, objects, logs, broker, send, ask, lines, createTopic, produce, fetch, values, rows }
}

type FetchOptions = FetchLimits & { readonly version?: number; readonly partition?: number }

type Configs = Readonly<Record<string, string>>

type ProducedPart = {
  readonly name?: string
  readonly topicId?: string
  readonly index: number
  readonly records: Buffer | null
}

export const produceRequest = (parts: readonly ProducedPart[], acks = -1): RequestInput<typeof Produce> => ({
  acks,
  timeoutMs: 5000,
  topicData: parts.map(({ name = '', topicId = zeroUuid, index, records }) => ({
    name,
    topicId,
    partitionData: [{ index, records }],
  })),
})

type FetchedPart = {
  readonly topic?: string
  readonly topicId?: string
  readonly partition: number
  readonly fetchOffset: bigint
}

type FetchLimits = { readonly maxBytes?: number; readonly partitionMaxBytes?: number; readonly isolationLevel?: number }

export const fetchRequest = (
  parts: readonly FetchedPart[],
  { maxBytes = 50_000_000, partitionMaxBytes = 1_048_576, isolationLevel = 0 }: FetchLimits = {},
): RequestInput<typeof Fetch> => ({
  maxWaitMs: 0,
  minBytes: 1,
  maxBytes,
  isolationLevel,
  topics: parts.map(({ topic = '', topicId = zeroUuid, partition, fetchOffset }) => ({
    topic,
    topicId,
    partitions: [{ partition, fetchOffset, partitionMaxBytes }],
  })),
})

export const connection: Connection = { advertised: { host: 'kafka.test', port: 9092 }, clientAddress: '127.0.0.1' }

/** A request as it comes out of the stream: without its size. */
export const requestFrame = <A extends Api>(api: A, version: number, request: RequestInput<A>): Buffer =>
  Buffer.concat(writeRequest(api, version, { correlationId: 7, clientId: 'suite' }, request)).subarray(4)
