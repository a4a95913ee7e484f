import { acceptBatch } from '../broker/accept-batch.ts'
import { type ErrorName, errorOf } from '../broker/failures.ts'
import type { Lane } from '../journal/lane.ts'
import type { Batch, Verdict } from '../log/append.ts'
import { configOf } from '../log/config.ts'
import { partitionOf } from '../log/state.ts'
import { shardOf, type Topic } from '../log/topic.ts'
import { buildBatch, type NewBatch, type NewRecord } from '../protocol/build-batch.ts'
import type { HttpApi } from './api.ts'
import { choosePartitions } from './choose-partitions.ts'
import { kafkaProblem, problemOf } from './failure.ts'
import { HttpProblem } from './http-problem.ts'
import type { Conditions, Identity } from './identity.ts'
import { type Incoming, requireFormat } from './incoming.ts'
import { storedTimestamps } from './stored-write.ts'

/** Where a record has come to stand. `timestamp` is null where the stored one is gone already. */
export type Appended = {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number | null
}

/** Records of one topic, in the order in which they were sent, each with its place in the request. */
export type TopicRecords = {
  readonly topic: Topic
  readonly records: readonly { readonly record: Incoming; readonly place: number }[]
}

type Placed = { readonly record: NewRecord; readonly place: number }

/** A batch that was checked, with what stands in it. */
type Checked = { readonly batch: Batch; readonly records: readonly Placed[]; readonly logAppendTimeMs: bigint }

/** What goes into one journal with one row. */
type ShardWrite = { readonly topic: Topic; readonly lane: Lane; readonly batches: readonly Checked[] }

type Outcome = { readonly write: ShardWrite } & (
  | { readonly appended: ReadonlyMap<number, Appended> }
  | { readonly problem: HttpProblem }
)

/**
 * Appends records: those of one journal with one row, all or nothing. Everything is checked before anything is sent.
 * Throws a problem unless all of them were appended; what was appended all the same stands in the problem.
 */
export const appendRecords = async (
  api: HttpApi,
  topics: readonly TopicRecords[],
  identity: Identity,
  conditions: Conditions,
): Promise<readonly Appended[]> => {
  const { clock, limits } = api.call
  const nowMs = clock.now()
  const writes = (await Promise.all(topics.map((one) => writesOf(api, one, { identity, conditions, nowMs })))).flat()
  if (conditions.size > 0) requireOneShard(writes, conditions)
  const untilMs = nowMs + limits.maxProduceMs
  const outcomes = await Promise.all(writes.map((write) => send(api, write, { identity, conditions, untilMs })))
  const failed = outcomes.flatMap((outcome) => ('problem' in outcome ? [outcome] : []))
  if (failed.length > 0) throw joined(outcomes, failed)
  const appended = new Map(outcomes.flatMap((outcome) => ('appended' in outcome ? [...outcome.appended] : [])))
  return [...appended].sort(([a], [b]) => a - b).map(([, one]) => one)
}

type Terms = { readonly identity: Identity; readonly conditions: Conditions; readonly nowMs: number }

const writesOf = async (
  { call }: HttpApi,
  { topic, records }: TopicRecords,
  { identity, conditions, nowMs }: Terms,
): Promise<readonly ShardWrite[]> => {
  const config = configOf(topic)
  for (const { record } of records) requireFormat(record, config.valueFormat)
  const partitions = await choosePartitions(
    call,
    topic,
    records.map(({ record }) => record),
    { identity, conditions },
  )
  const byPartition = new Map<number, Placed[]>()
  for (const [i, { record, place }] of records.entries()) {
    const { key, value, headers, timestamp = BigInt(nowMs) } = record
    const placed = { record: { key, value, headers, timestamp }, place }
    const partition = partitions[i] ?? 0
    const others = byPartition.get(partition)
    if (others) others.push(placed)
    else byPartition.set(partition, [placed])
  }
  const shards = new Map<number, Checked[]>()
  for (const [partition, placed] of byPartition) {
    const batches = batchesOf(topic, partition, placed, { identity, nowMs })
    const shard = shardOf(topic, partition)
    shards.set(shard, [...(shards.get(shard) ?? []), ...batches])
  }
  return [...shards].map(([index, batches]) => ({
    topic,
    lane: call.logs.lane({ topicId: topic.id, index }),
    batches,
  }))
}

/** The fold remembers so many batches of a producer (KIP-98): of more, a repeat would not be known. */
const maxIdentifiedBatches = 5
/** What a batch has beside its records, and a record beside its key, its value and its headers. */
const batchOverheadBytes = 61
const recordOverheadBytes = 32

/** As few batches as the topic's limit allows; which depends on the records alone, so that a repeat has the same. */
const batchesOf = (
  topic: Topic,
  partition: number,
  placed: readonly Placed[],
  { identity, nowMs }: Pick<Terms, 'identity' | 'nowMs'>,
): readonly Checked[] => {
  const config = configOf(topic)
  const groups: Placed[][] = []
  let leftBytes = 0
  for (const one of placed) {
    const bytes = sizeOf(one.record)
    if (groups.length === 0 || bytes > leftBytes) {
      groups.push([])
      leftBytes = config.maxMessageBytes - batchOverheadBytes
    }
    leftBytes -= bytes
    groups.at(-1)?.push(one)
  }
  if (identity.kind !== 'none' && groups.length > maxIdentifiedBatches) {
    const limitBytes = maxIdentifiedBatches * config.maxMessageBytes
    const detail = `With an identity a request has at most ${limitBytes} bytes for each partition.`
    const hint = `Send batches of at most ${limitBytes} bytes, each with its own identity.`
    throw new HttpProblem('TOO_LARGE', detail, { hint, members: { limitBytes } })
  }
  let sequence = identity.kind === 'producer' ? identity.baseSequence : 0
  return groups.map((group) => {
    const batch = buildBatch({ records: nonEmpty(group), ...identified(identity, sequence) })
    sequence = (sequence + group.length) % sequences
    const accepted = acceptBatch(partition, batch, { config, nowMs, zstdAllowed: true })
    if ('refused' in accepted) throw refusedBatch(topic, accepted.refused, accepted.message, config.maxMessageBytes)
    return { batch: accepted.batch, records: group, logAppendTimeMs: accepted.logAppendTimeMs }
  })
}

/** After 2³¹ − 1 comes 0. */
const sequences = 2 ** 31

const sizeOf = ({ key, value, headers = [] }: NewRecord): number =>
  headers.reduce(
    (sum, header) => sum + Buffer.byteLength(header.key) + (header.value?.length ?? 0) + recordOverheadBytes,
    recordOverheadBytes + (key?.length ?? 0) + (value?.length ?? 0),
  )

const nonEmpty = (group: readonly Placed[]): NewBatch['records'] => {
  const [first, ...more] = group.map(({ record }) => record)
  if (first === undefined) throw new Error('a group begins with a record')
  return [first, ...more]
}

const identified = (identity: Identity, baseSequence: number) => {
  switch (identity.kind) {
    case 'none':
      return {}
    case 'key':
      return { producerId: identity.producerId, producerEpoch: 0, baseSequence }
    case 'producer':
      return { producerId: identity.producerId, producerEpoch: identity.producerEpoch, baseSequence }
  }
}

const refusedBatch = (topic: Topic, kafka: ErrorName, message: string | null, limitBytes: number): HttpProblem => {
  if (kafka !== 'MESSAGE_TOO_LARGE') return kafkaProblem(kafka, message)
  const detail = `A record for "${topic.name}" is too large: ${message}.`
  const hint = `The topic's maxMessageBytes is ${limitBytes}.`
  return new HttpProblem('TOO_LARGE', detail, { hint, kafka, members: { limitBytes } })
}

const requireOneShard = (writes: readonly ShardWrite[], conditions: Conditions): void => {
  const [write, ...more] = writes
  const isElsewhere = [...conditions.keys()].some(
    (partition) => write && shardOf(write.topic, partition) !== write.lane.journal.shard.index,
  )
  if (more.length > 0 || isElsewhere) {
    const detail = 'If-Match can be kept within one journal only: what it names and what is written are in several.'
    throw new HttpProblem('INVALID_REQUEST', detail, { hint: 'Write to the partition that If-Match names.' })
  }
}

const send = async (
  api: HttpApi,
  write: ShardWrite,
  terms: Omit<Terms, 'nowMs'> & { readonly untilMs: number },
): Promise<Outcome> => {
  const { identity, conditions, untilMs } = terms
  const { lane } = write
  const batches = write.batches.map(({ batch }) => batch)
  const isConditional = identity.kind !== 'none' || conditions.size > 0
  try {
    const allOrNone = isConditional ? { allOrNone: { expectedEnds: conditions } } : {}
    const answer = await lane.append({ batches, leaderEpoch: undefined, ...allOrNone }, untilMs)
    if (answer.outcome === 'unknown') return { write, problem: kafkaProblem('REQUEST_TIMED_OUT', null) }
    const appended = new Map<number, Appended>()
    for (const [i, verdict] of answer.verdicts.entries()) {
      const checked = write.batches[i]
      if (checked === undefined) continue
      if (verdict.outcome === 'refused') return { write, problem: refusedWrite(verdict, identity) }
      for (const [place, one] of await placesOf(api, write, checked, verdict, identity)) appended.set(place, one)
    }
    return { write, appended }
  } catch (error) {
    if (error instanceof HttpProblem) return { write, problem: error }
    const kafka = errorOf(error)
    if (kafka === 'UNKNOWN_SERVER_ERROR' || kafka === 'KAFKA_STORAGE_ERROR') throw error
    return { write, problem: problemOf(error, 'POST') }
  }
}

type Refused = Extract<Verdict, { readonly outcome: 'refused' }>

const refusedWrite = ({ error, otherEnd }: Refused, identity: Identity): HttpProblem => {
  if (otherEnd !== undefined) {
    const { partition, endOffset } = otherEnd
    const detail = `Partition ${partition} ends at ${endOffset}: somebody else was first.`
    const members = { partition, endOffset: Number(endOffset) }
    const hint = `Look at what has come, then send it with If-Match: "${partition}:${endOffset}".`
    return new HttpProblem('CONDITION_FAILED', detail, { hint, members })
  }
  return identity.kind === 'key' && error === 'DUPLICATE_SEQUENCE_NUMBER' ? keyReused() : kafkaProblem(error, null)
}

const keyReused = (): HttpProblem =>
  new HttpProblem('KEY_REUSED', 'This Idempotency-Key came with other records before.', {
    hint: 'A key stands for one request: repeat that one, or take another key.',
  })

const placesOf = async (
  { call }: HttpApi,
  { topic, lane }: ShardWrite,
  { batch, records, logAppendTimeMs }: Checked,
  { outcome, baseOffset }: Exclude<Verdict, Refused>,
  identity: Identity,
): Promise<readonly (readonly [number, Appended])[]> => {
  const stored =
    outcome === 'duplicate' && identity.kind === 'key'
      ? await storedTimestamps(
          call,
          lane,
          batch,
          baseOffset,
          records.map(({ record }) => record),
        )
      : undefined
  if (stored === 'others') throw keyReused()
  return records.map(({ record, place }, i) => {
    const sent = logAppendTimeMs >= 0n ? logAppendTimeMs : record.timestamp
    const timestamp = outcome === 'next' ? sent : stored?.[i]
    const told = timestamp === undefined ? null : Number(timestamp)
    return [place, { topic: topic.name, partition: batch.partition, offset: Number(baseOffset) + i, timestamp: told }]
  })
}

/** One problem for all that failed: where anything is not known, that nothing is. */
const joined = (outcomes: readonly Outcome[], failed: readonly { readonly problem: HttpProblem }[]): HttpProblem => {
  const worst = failed.find(({ problem }) => problem.code === 'TIMED_OUT') ?? failed[0]
  if (worst === undefined) throw new Error('something failed')
  if (outcomes.length === 1) return worst.problem
  const partitions = outcomes.flatMap((outcome) =>
    outcome.write.batches.map(({ batch: { partition } }) => {
      const topic = outcome.write.topic.name
      return 'problem' in outcome
        ? { topic, partition, code: outcome.problem.code }
        : { topic, partition, endOffset: Number(endIn(outcome.write.lane, partition)) }
    }),
  )
  const { code, message, options } = worst.problem
  return new HttpProblem(code, message, { ...options, members: { ...options.members, partitions } })
}

const endIn = (lane: Lane, partition: number): bigint =>
  lane.known ? partitionOf(lane.known, partition).endOffset : 0n
