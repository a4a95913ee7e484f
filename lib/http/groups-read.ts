import type { FailedRecord, LeaseRange } from '../group/group.ts'
import { shardOfPartition } from '../journal/topics.ts'
import { configOf, type ValueFormat } from '../log/config.ts'
import type { Topic } from '../log/topic.ts'
import type { BatchRecord } from '../protocol/record.ts'
import type { HttpApi } from './api.ts'
import { HttpProblem } from './http-problem.ts'
import { outgoingFrom } from './outgoing.ts'
import { PartitionReader, recordAt, UnreadableBatch } from './partition-reader.ts'
import { recordJson } from './record-json.ts'

export type ReadLimits = { readonly limit: number; readonly maxBytes: number }

/** A record to hand out, as JSON. */
export type Handed = { readonly topicId: string; readonly partition: number; readonly json: string }

/** Partitions that one lease has. */
const maxRanges = 64
const chunkBytes = 256 * 1024

export type Candidate = { readonly topic: Topic; readonly index: number; readonly from: bigint }

export type ReadRanges = { readonly ranges: readonly LeaseRange[]; readonly records: readonly Handed[] }

/** The next records of one partition after the other, until there are enough. */
export const readRanges = async (
  api: HttpApi,
  candidates: readonly Candidate[],
  { limit, maxBytes }: ReadLimits,
): Promise<ReadRanges> => {
  const { call } = api
  const ranges: LeaseRange[] = []
  const records: Handed[] = []
  let jsonBytes = 0
  let problem: HttpProblem | undefined
  for (const { topic, index, from } of candidates) {
    if (records.length >= limit || jsonBytes >= maxBytes || ranges.length >= maxRanges) break
    const lane = call.logs.lane(shardOfPartition(topic, index))
    const reader = new PartitionReader(lane, call.bytes, index, from, Math.min(maxBytes, chunkBytes))
    const first = records.length
    try {
      for (;;) {
        await reader.look(() => {})
        const { head } = reader
        if (head === undefined || records.length >= limit) break
        const json = handedJson(api, topic, index, head, 1)
        jsonBytes += Buffer.byteLength(json)
        if (records.length > 0 && jsonBytes > maxBytes) break
        records.push({ topicId: topic.id, partition: index, json })
        reader.take()
      }
    } catch (error) {
      if (!(error instanceof UnreadableBatch)) throw error
      problem = unreadable(topic, error)
    }
    if (records.length === first) continue
    const { id: topicId, name } = topic
    ranges.push({ topicId, name, index, from: Number(from), upTo: Number(reader.position) })
  }
  // What can be read comes first: the others have nothing to do with it.
  if (ranges.length === 0 && problem !== undefined) throw problem
  return { ranges, records }
}

const handedJson = (
  { maxAnswerBytes }: HttpApi,
  topic: Topic,
  index: number,
  record: BatchRecord,
  attempt: number,
): string => {
  const told = { topic: topic.name, ...outgoingFrom(index, record, formatOf(topic)), attempt }
  return recordJson(told, record, maxAnswerBytes)
}

const formatOf = (topic: Topic): ValueFormat => configOf(topic).valueFormat

const unreadable = ({ name }: Topic, { partition, endOffset, message }: UnreadableBatch): HttpProblem => {
  const detail = `The records before offset ${endOffset} of partition ${partition} of "${name}" cannot be read: ${message}.`
  return new HttpProblem('UNREADABLE', detail, {
    hint: `They are as their producer sent them. Pass them with PUT …/offsets { "to": "p${partition}:${endOffset}", "topics": ["${name}"] }.`,
    kafka: 'CORRUPT_MESSAGE',
    members: { topic: name, partition, endOffset: Number(endOffset) },
  })
}

/** One record; undefined where it is not there any more, or cannot be read any more. */
export const readOne = async (
  { call }: HttpApi,
  topic: Topic,
  index: number,
  offset: number,
): Promise<BatchRecord | undefined> => {
  try {
    return await recordAt(call.logs.lane(shardOfPartition(topic, index)), call.bytes, index, BigInt(offset))
  } catch (error) {
    if (error instanceof UnreadableBatch) return undefined
    throw error
  }
}

export type ReadFailed = {
  readonly found: readonly (Handed & { readonly record: FailedRecord })[]
  /** They were deleted since. */
  readonly gone: readonly FailedRecord[]
}

/** Records that failed before, until there are enough. */
export const readFailed = async (
  api: HttpApi,
  topics: readonly Topic[],
  due: readonly FailedRecord[],
  { limit, maxBytes }: ReadLimits,
): Promise<ReadFailed> => {
  const found: (Handed & { readonly record: FailedRecord })[] = []
  const gone: FailedRecord[] = []
  let jsonBytes = 0
  for (const record of due) {
    if (found.length >= limit) break
    const topic = topics.find(({ id }) => id === record.topicId)
    if (topic === undefined) continue
    const stored = await readOne(api, topic, record.index, record.offset)
    if (stored === undefined) {
      gone.push(record)
      continue
    }
    const json = handedJson(api, topic, record.index, stored, record.attempts + 1)
    jsonBytes += Buffer.byteLength(json)
    if (found.length > 0 && jsonBytes > maxBytes) break
    found.push({ topicId: topic.id, partition: record.index, json, record })
  }
  return { found, gone }
}
