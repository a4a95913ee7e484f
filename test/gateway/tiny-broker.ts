import type { Broker, Reply } from '../../lib/broker/broker.ts'
import type { RequestInput } from '../../lib/protocol/declare.ts'
import { readRequest, readRequestHeader, writeRequest, writeResponse } from '../../lib/protocol/header.ts'
import { Fetch } from '../../lib/protocol/messages/fetch.ts'
import { ListOffsets } from '../../lib/protocol/messages/list-offsets.ts'
import { Produce } from '../../lib/protocol/messages/produce.ts'
import { Reader } from '../../lib/protocol/reader.ts'

/** A broker of one partition per topic that knows no topics beforehand: just enough to see what the gateway does. */
export type TinyBroker = {
  readonly broker: Broker
  /** The frames of every call, by correlation id. */
  readonly calls: readonly (readonly number[])[]
  /** Appends bytes to a topic, as another client would. */
  readonly append: (topic: string, records: Buffer) => void
  readonly watch: (grown: (topic: string) => void) => () => void
}

export type TinyBrokerOptions = {
  /** Awaited before every answer. */
  readonly before?: (correlationId: number) => Promise<void>
}

/** A ListOffsets with this correlation id is something the broker throws at. */
export const poison = 666

export const tinyBroker = ({ before }: TinyBrokerOptions = {}): TinyBroker => {
  const topics = new Map<string, Buffer[]>()
  const watchers = new Set<(topic: string) => void>()
  const calls: number[][] = []

  const append = (topic: string, records: Buffer): void => {
    topics.set(topic, [...(topics.get(topic) ?? []), records])
    for (const watcher of watchers) watcher(topic)
  }

  const answer = async (frame: Buffer, call: number[]): Promise<Reply> => {
    const reader = new Reader(frame)
    const { apiKey, apiVersion, correlationId } = readRequestHeader(reader)
    call.push(correlationId)
    await before?.(correlationId)
    if (correlationId === poison) throw new Error('the handler broke')
    if (apiKey === Produce.key) {
      const { acks, topicData } = readRequest(Produce, apiVersion, reader)
      for (const { name, partitionData } of topicData) {
        for (const { records } of partitionData) append(name, records ?? Buffer.alloc(0))
      }
      return acks === 0 ? [] : writeResponse(Produce, apiVersion, correlationId, { responses: [] })
    }
    if (apiKey === Fetch.key) {
      const { topics: asked } = readRequest(Fetch, apiVersion, reader)
      const responses = asked.map(({ topic, topicId, partitions }) => ({
        topic,
        topicId,
        partitions: partitions.map(({ partition, fetchOffset }) => ({
          partitionIndex: partition,
          errorCode: fetchOffset < 0n ? 1 : 0,
          highWatermark: 0n,
          records: (topics.get(topic) ?? []).slice(Number(fetchOffset)),
        })),
      }))
      return writeResponse(Fetch, apiVersion, correlationId, { responses })
    }
    return writeResponse(ListOffsets, apiVersion, correlationId, { topics: [] })
  }

  const broker: Broker = async (frames) => {
    const call: number[] = []
    calls.push(call)
    const replies: Reply[] = []
    for (const frame of frames) replies.push(await answer(frame, call))
    return replies
  }

  const watch = (grown: (topic: string) => void): (() => void) => {
    watchers.add(grown)
    return () => watchers.delete(grown)
  }
  return { broker, calls, append, watch }
}

/** A frame with its size that appends `records`, which need not be any. */
export const produceFrame = (correlationId: number, topic: string, records: Buffer, acks = 1): Buffer =>
  Buffer.concat(
    writeRequest(
      Produce,
      7,
      { correlationId, clientId: 'test' },
      { acks, timeoutMs: 1000, topicData: [{ name: topic, partitionData: [{ index: 0, records }] }] },
    ),
  )

/** A frame with its size whose answer is a few bytes. */
export const smallFrame = (correlationId: number): Buffer =>
  Buffer.concat(writeRequest(ListOffsets, 1, { correlationId, clientId: 'test' }, { replicaId: -1, topics: [] }))

export const fetchFrame = (
  correlationId: number,
  topic: string,
  { offset = 0n, ...fields }: Partial<Pick<RequestInput<typeof Fetch>, 'maxWaitMs' | 'minBytes'>> & { offset?: bigint },
): Buffer =>
  Buffer.concat(
    writeRequest(
      Fetch,
      11,
      { correlationId, clientId: 'test' },
      {
        maxWaitMs: 5000,
        minBytes: 1,
        ...fields,
        topics: [{ topic, partitions: [{ partition: 0, fetchOffset: offset, partitionMaxBytes: 1 << 20 }] }],
      },
    ),
  )
