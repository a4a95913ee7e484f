import { batchesIn, readBatchHeader } from '../protocol/batch.ts'
import type { ResponseOf } from '../protocol/declare.ts'
import { errors } from '../protocol/errors.ts'
import { Fetch } from '../protocol/messages/fetch.ts'
import { type BatchRecord, recordsIn } from '../protocol/record.ts'
import { isPassing, type KafkaCluster, Passing, Refused } from './cluster.ts'
import { byTopic, nameOf, partitionsOf, type TopicPartition } from './offsets.ts'

export type ConsumedRecord = BatchRecord & TopicPartition & { readonly timestampType: 'create' | 'append' }

/** Where to read on. */
export type Position = TopicPartition & { readonly offset: bigint }

export type FetchSettings = {
  readonly maxWaitMs: number
  readonly isolation: 'read_committed' | 'read_uncommitted'
  /** Skips what cannot be read, where others end. */
  readonly skipsDamage: boolean
}

type Fetched = {
  readonly records: readonly ConsumedRecord[]
  /** Where to read on, of partitions that gave something. */
  readonly positions: readonly Position[]
  /** Whose offsets are not there. */
  readonly outOfRange: readonly TopicPartition[]
}

/** Later versions name topics by their ids. */
const lastVersionWithNames = 12
const maxBytes = 50 * 1024 * 1024
const partitionMaxBytes = 1024 * 1024

type PartitionAnswer = ResponseOf<typeof Fetch>['responses'][number]['partitions'][number]

/** Reads from partitions of whoever leads them. */
export class Fetcher {
  readonly #cluster: KafkaCluster
  readonly #settings: FetchSettings
  readonly #leaders = new Map<string, number>()

  constructor(cluster: KafkaCluster, settings: FetchSettings) {
    this.#cluster = cluster
    this.#settings = settings
  }

  /** What there is behind these positions; waits a little for the first of it. */
  fetch(positions: readonly Position[], maxWaitMs = this.#settings.maxWaitMs): Promise<Fetched> {
    return this.#cluster.patiently(() => this.#try(positions, maxWaitMs))
  }

  async #try(positions: readonly Position[], maxWaitMs: number): Promise<Fetched> {
    if (positions.some((one) => !this.#leaders.has(nameOf(one)))) await this.#learnLeaders(positions)
    const byLeader = Map.groupBy(positions, (one) => this.#leaders.get(nameOf(one)) ?? -1)
    try {
      const all = await Promise.all([...byLeader].map(([id, own]) => this.#ask(id, own, maxWaitMs)))
      return {
        records: all.flatMap(({ records }) => records),
        positions: all.flatMap((one) => one.positions),
        outOfRange: all.flatMap(({ outOfRange }) => outOfRange),
      }
    } catch (error) {
      if (!(error instanceof Refused)) this.#leaders.clear()
      throw error
    }
  }

  async #learnLeaders(positions: readonly Position[]): Promise<void> {
    const topics = [...new Set(positions.map(({ topic }) => topic))]
    for (const one of await partitionsOf(this.#cluster, topics)) this.#leaders.set(nameOf(one), one.leaderId)
  }

  async #ask(leaderId: number, positions: readonly Position[], maxWaitMs: number): Promise<Fetched> {
    const topics = [...byTopic(positions)].map(([topic, own]) => ({
      topic,
      partitions: own.map(({ partition, offset }) => ({ partition, fetchOffset: offset, partitionMaxBytes })),
    }))
    const isolationLevel = this.#settings.isolation === 'read_committed' ? 1 : 0
    const request = { maxWaitMs, minBytes: 1, maxBytes, isolationLevel, topics }
    // Whoever waits for records makes nobody else wait.
    const connection = await this.#cluster.node(leaderId, 'fetch')
    const answer = await connection.ask(Fetch, request, { maxVersion: lastVersionWithNames, waitMs: maxWaitMs })
    if (answer.errorCode !== errors.NONE) throw new Passing(answer.errorCode)
    const records: ConsumedRecord[] = []
    const next: Position[] = []
    const outOfRange: TopicPartition[] = []
    for (const { topic, partitions } of answer.responses) {
      for (const one of partitions) {
        const partition = one.partitionIndex
        const position = positions.find((asked) => asked.topic === topic && asked.partition === partition)
        if (position === undefined) continue
        if (one.errorCode === errors.OFFSET_OUT_OF_RANGE) outOfRange.push({ topic, partition })
        else if (isPassing(one.errorCode) || one.errorCode === errors.UNKNOWN_TOPIC_OR_PARTITION) {
          throw new Passing(one.errorCode)
        } else if (one.errorCode !== errors.NONE) throw new Refused(one.errorCode, null)
        else {
          const read = this.#read(one, position)
          records.push(...read.records)
          if (read.next > position.offset) next.push({ topic, partition, offset: read.next })
        }
      }
    }
    return { records, positions: next, outOfRange }
  }

  #read(
    { records: bytes, abortedTransactions }: PartitionAnswer,
    { topic, partition, offset }: Position,
  ): { readonly records: readonly ConsumedRecord[]; readonly next: bigint } {
    const records: ConsumedRecord[] = []
    let next = offset
    if (bytes === null) return { records, next }
    const aborted = (abortedTransactions ?? []).toSorted((a, b) => Number(a.firstOffset - b.firstOffset))
    const open = new Set<bigint>()
    for (const at of batchesIn(bytes)) {
      const header = readBatchHeader(bytes, at)
      const last = header.baseOffset + BigInt(header.lastOffsetDelta)
      while (aborted[0] !== undefined && aborted[0].firstOffset <= last) open.add(aborted.shift()?.producerId ?? -1n)
      const isAborted = header.isTransactional && open.has(header.producerId)
      // A marker ends the transaction of its producer.
      if (header.isControl) open.delete(header.producerId)
      else if (!isAborted) {
        const { timestampType } = header
        try {
          for (const record of recordsIn(bytes.subarray(at))) {
            if (record.offset >= offset) records.push({ ...record, topic, partition, timestampType })
          }
        } catch (error) {
          if (!this.#settings.skipsDamage) throw error
        }
      }
      next = last + 1n
    }
    return { records, next }
  }
}
