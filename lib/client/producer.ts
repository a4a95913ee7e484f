import { realClock } from '../clock.ts'
import { buildBatch, type NewRecord } from '../protocol/build-batch.ts'
import type { Codec } from '../protocol/compression.ts'
import { errors } from '../protocol/errors.ts'
import { InitProducerId } from '../protocol/messages/init-producer-id.ts'
import { Produce } from '../protocol/messages/produce.ts'
import { partitionOfKey } from '../protocol/partitioner.ts'
import { type KafkaCluster, Passing, Refused, requireNone, requireSettled } from './cluster.ts'
import { partitionsOf } from './offsets.ts'

export type ProducerSettings = {
  readonly acks: -1 | 0 | 1
  readonly codec: Codec
  /** Of one batch, before compression. */
  readonly maxBatchBytes: number
  /** How long a record is tried: Kafka's `delivery.timeout.ms`. */
  readonly deliveryTimeoutMs: number
}

/** Where a record stands; −1 for an offset that nobody was told. */
type Sent = { readonly partition: number; readonly offset: bigint }

export type Outcome = Sent | { readonly failure: Error }

type Leader = { readonly partition: number; readonly leaderId: number }
/** What a broker knows an idempotent producer by, and what each partition has got of it. */
type Session = {
  readonly identity: { readonly producerId: bigint; readonly producerEpoch: number }
  readonly sequences: Map<number, number>
}
type Placed = { readonly record: NewRecord; readonly place: number }

/** Later versions name topics by their ids. */
const lastVersionWithNames = 12
const requestTimeoutMs = 30_000
const sequences = 2 ** 31

/**
 * Sends records to one topic, each once: with acks=all it is an idempotent producer (KIP-98). Of a partition one batch is
 * on its way at a time; one call of `send` after the other.
 */
export class KafkaProducer {
  readonly #cluster: KafkaCluster
  readonly #topic: string
  readonly #settings: ProducerSettings
  #session: Promise<Session> | undefined
  #leaders: readonly Leader[] = []

  constructor(cluster: KafkaCluster, topic: string, settings: ProducerSettings) {
    this.#cluster = cluster
    this.#topic = topic
    this.#settings = settings
  }

  /** What became of each, in their order. Records without a key go to one partition together. */
  async send(records: readonly NewRecord[]): Promise<readonly Outcome[]> {
    const { deliveryTimeoutMs } = this.#settings
    const outcomes = new Map<number, Outcome>()
    if (this.#leaders.length === 0) await this.#cluster.patiently(() => this.#learnLeaders(), deliveryTimeoutMs)
    const count = this.#leaders.length
    const free = Math.floor(realClock.random() * count)
    const placed = records.map((record, place) => ({ record, place }))
    const chosen = Map.groupBy(placed, ({ record: { key } }) => (key === null ? free : partitionOfKey(key, count)))
    const sending = [...chosen].map(async ([partition, own]) => {
      for (const batch of this.#batchesOf(own)) {
        for (const [place, outcome] of await this.#deliver(partition, batch)) outcomes.set(place, outcome)
      }
    })
    await Promise.all(sending)
    return records.map((_, place) => outcomes.get(place) ?? { failure: new Error('nothing became of it') })
  }

  async #learnLeaders(): Promise<void> {
    const partitions = await partitionsOf(this.#cluster, [this.#topic], true)
    if (partitions.length === 0) throw new Passing(errors.UNKNOWN_TOPIC_OR_PARTITION)
    this.#leaders = partitions.toSorted((a, b) => a.partition - b.partition)
  }

  #openSession(): Promise<Session> {
    const opening = this.#newSession()
    opening.catch(() => {
      this.#session = undefined
    })
    this.#session = opening
    return opening
  }

  async #newSession(): Promise<Session> {
    return this.#cluster.patiently(async () => {
      const request = { transactionalId: null, transactionTimeoutMs: requestTimeoutMs }
      const answer = await (await this.#cluster.any()).ask(InitProducerId, request)
      requireNone(answer)
      const { producerId, producerEpoch } = answer
      return { identity: { producerId, producerEpoch }, sequences: new Map() }
    })
  }

  #batchesOf(placed: readonly Placed[]): readonly (readonly [Placed, ...(readonly Placed[])])[] {
    const batches: [Placed, ...Placed[]][] = []
    let bytes = 0
    for (const one of placed) {
      const size = sizeOf(one.record)
      const last = batches.at(-1)
      if (last === undefined || bytes + size > this.#settings.maxBatchBytes) {
        batches.push([one])
        bytes = size
      } else {
        last.push(one)
        bytes += size
      }
    }
    return batches
  }

  async #deliver(
    partition: number,
    placed: readonly [Placed, ...(readonly Placed[])],
  ): Promise<readonly (readonly [number, Outcome])[]> {
    const [first, ...others] = placed.map(({ record }) => record)
    if (first === undefined) return []
    const opening = this.#settings.acks === -1 ? (this.#session ?? this.#openSession()) : undefined
    const session = await opening
    const baseSequence = session?.sequences.get(partition) ?? 0
    const batch = buildBatch({
      records: [first, ...others],
      codec: this.#settings.codec,
      ...(session && { ...session.identity, baseSequence }),
    })
    try {
      const base = await this.#cluster.patiently(
        () => this.#produce(partition, batch),
        this.#settings.deliveryTimeoutMs,
      )
      session?.sequences.set(partition, (baseSequence + placed.length) % sequences)
      return placed.map(({ place }, i) => [place, { partition, offset: base < 0n ? -1n : base + BigInt(i) }])
    } catch (error) {
      if (!(error instanceof Error)) throw error
      // Whether it was written may not be known: what follows needs a new identity, whose sequences begin again.
      if (this.#session === opening) this.#session = undefined
      return placed.map(({ place }) => [place, { failure: error }])
    }
  }

  async #produce(partition: number, records: Buffer): Promise<bigint> {
    const { acks } = this.#settings
    const leaderId = this.#leaders.find((one) => one.partition === partition)?.leaderId ?? -1
    const topicData = [{ name: this.#topic, partitionData: [{ index: partition, records }] }]
    const request = { acks, timeoutMs: requestTimeoutMs, topicData }
    try {
      const connection = await this.#cluster.node(leaderId)
      if (acks === 0) {
        connection.tell(Produce, request, lastVersionWithNames)
        return -1n
      }
      const { responses } = await connection.ask(Produce, request, { maxVersion: lastVersionWithNames })
      const answer = responses[0]?.partitionResponses[0]
      if (answer === undefined) throw new Error('a broker answers what it is asked')
      if (answer.errorCode === errors.DUPLICATE_SEQUENCE_NUMBER) return -1n
      if (answer.errorCode === errors.UNKNOWN_TOPIC_OR_PARTITION) throw new Passing(answer.errorCode)
      requireSettled(answer.errorCode)
      if (answer.errorCode !== errors.NONE) throw new Refused(answer.errorCode, answer.errorMessage)
      return answer.baseOffset
    } catch (error) {
      if (!(error instanceof Refused)) await this.#learnLeaders().catch(() => {})
      throw error
    }
  }
}

/** What a record has beside its key, its value and its headers. */
const recordOverheadBytes = 32

const sizeOf = ({ key, value, headers = [] }: NewRecord): number =>
  headers.reduce(
    (sum, header) => sum + Buffer.byteLength(header.key) + (header.value?.length ?? 0) + recordOverheadBytes,
    recordOverheadBytes + (key?.length ?? 0) + (value?.length ?? 0),
  )
