import { checkpoint } from '../../lib/journal/checkpoint.ts'
import { shardsOf } from '../../lib/journal/topics.ts'
import { partitionOf } from '../../lib/log/state.ts'
import { flush } from '../../lib/maintenance/flush.ts'
import { mergeSegments } from '../../lib/maintenance/merge.ts'
import { at, crcMatches, lengthPrefixBytes } from '../../lib/protocol/batch.ts'
import type { Codec } from '../../lib/protocol/compression.ts'
import { readResponse, writeRequest } from '../../lib/protocol/header.ts'
import { Produce } from '../../lib/protocol/messages/produce.ts'
import type { Items } from '../../lib/store/items.ts'
import { journalPartition } from '../../lib/store/keys.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import type { Objects } from '../../lib/store/objects.ts'
import { batch } from '../support/batches.ts'
import { brokerOver, hastyClock } from './broker-target.ts'

/** A batch as a client was told that it is there. */
export type Written = { readonly baseOffset: bigint; readonly count: number; readonly bytes: Buffer }

/** Something that is stored, with the positions in it that matter more than others. */
export type Stored = {
  readonly kind: 'row' | 'checkpoint item' | 'checkpoint' | 'wal' | 'seg'
  readonly key: string
  readonly bytes: Buffer
  /** Of the first bytes of batches. */
  readonly headers: readonly number[]
}

export type Cluster = {
  readonly items: Items
  readonly objects: Objects
  readonly stored: readonly Stored[]
  /** By topic and partition. */
  readonly written: ReadonlyMap<string, readonly Written[]>
}

export const flipTopics = ['small', 'large'] as const
export const partitions = 2

const codecs: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd', 'none']

/** Two topics whose records are everywhere that records can be: in rows, uploads, segments, merged ones, behind checkpoints. */
export const flipCluster = async (): Promise<Cluster> => {
  const clock = hastyClock()
  const [items, objects] = [memoryItems(), memoryObjects(clock.now)]
  const { topics, logs, bytes, send } = brokerOver(items, objects, clock)
  for (const name of flipTopics) await topics.create({ name, partitions, shards: 1, configs: {} })
  const written = new Map<string, Written[]>()
  let serial = 0
  const produce = async (topic: string, index: number, valueBytes: number): Promise<void> => {
    serial++
    // Every batch has times of its own, by which it can be found.
    await clock.sleep(10)
    const records = 1 + (serial % 3)
    const codec = codecs[serial % codecs.length] ?? 'none'
    const value = `${serial} `.repeat(valueBytes / 4)
    const sent = batch({ records, value, codec, timestamp: BigInt(clock.now()) })
    const topicData = [{ name: topic, partitionData: [{ index, records: sent }] }]
    const header = { correlationId: 1, clientId: 'flips' }
    const frame = Buffer.concat(writeRequest(Produce, 9, header, { acks: -1, timeoutMs: 1000, topicData })).subarray(4)
    const { body } = readResponse(Produce, 9, await send(frame))
    const answer = body.responses[0]?.partitionResponses[0]
    if (answer?.errorCode !== 0) throw new Error('a batch was refused')
    const those = written.get(`${topic}/${index}`) ?? []
    written.set(`${topic}/${index}`, [...those, { baseOffset: answer.baseOffset, count: records, bytes: sent }])
  }
  const stored: Stored[] = []
  for (const topic of flipTopics) {
    const [shard] = shardsOf((await topics.find(topic)) ?? { id: '', shards: 0 })
    if (shard === undefined) throw new Error('the topic was made')
    const lane = logs.lane(shard)
    const valueBytes = topic === 'small' ? 60 : 20_000
    const fill = async (batches: number): Promise<void> => {
      for (let i = 0; i < batches; i++) await produce(topic, i % partitions, i % 5 === 0 ? valueBytes : 40)
    }
    for (let flushes = 0; flushes < 4; flushes++) {
      await fill(10)
      await flush(lane, objects, bytes)
      await lane.change(
        ({ leader }) => ({ kind: 'lead', node: 1, epoch: (leader?.epoch ?? 0) + 1 }),
        clock.now() + 1000,
      )
    }
    await mergeSegments(lane, objects, bytes, await lane.state('confirmed'), 2)
    await fill(4)
    await checkpoint(lane.journal, await lane.confirmedView())
    await fill(8)
    const { segments, tail } = partitionOf(await lane.state('confirmed'), 0)
    if (segments.length === 0 || tail.length === 0) throw new Error('records are in segments and in the tail')
    stored.push(...(await storedOf(items, objects, journalPartition(shard), shard.topicId)))
  }
  return { items, objects, stored, written }
}

const storedOf = async (
  items: Items,
  objects: Objects,
  journal: string,
  topicId: string,
): Promise<readonly Stored[]> => {
  const page = await items.query(journal, { after: '', before: '\uffff', limit: 1000, consistent: true })
  const rows = page.items.map(({ sort, body }): Stored => {
    const kind = sort === 'checkpoint' ? 'checkpoint item' : 'row'
    return { kind, key: `${journal}/${sort}`, bytes: body, headers: [] }
  })
  const listed = await objects.list(`${topicId}/`, '')
  const found = await Promise.all(
    listed.map(async ({ key }): Promise<Stored> => {
      const bytes = await objects.read(key)
      if (key.includes('/ckpt/')) return { kind: 'checkpoint', key, bytes, headers: [] }
      return { kind: key.includes('/wal/') ? 'wal' : 'seg', key, bytes, headers: headersIn(bytes) }
    }),
  )
  return [...rows, ...found]
}

/** Where a batch begins: the checksum behind it is that of a batch. */
const headersIn = (bytes: Buffer): readonly number[] => {
  const found: number[] = []
  for (let position = 0; position + at.records <= bytes.length; position++) {
    if (bytes.readInt8(position + at.magic) !== 2) continue
    const sizeBytes = lengthPrefixBytes + bytes.readInt32BE(position + at.length)
    const isWhole = sizeBytes >= at.records && sizeBytes <= bytes.length - position
    if (isWhole && crcMatches(bytes, position)) found.push(position)
  }
  return found
}
