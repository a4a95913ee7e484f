import { setTimeout as pause } from 'node:timers/promises'
import { at } from '../../lib/protocol/batch.ts'
import { errors } from '../../lib/protocol/errors.ts'
import { readResponse, writeRequest } from '../../lib/protocol/header.ts'
import { InitProducerId } from '../../lib/protocol/messages/init-producer-id.ts'
import { Produce } from '../../lib/protocol/messages/produce.ts'
import { type RawClient, rawClient } from '../gateway/raw-client.ts'
import type { Random } from '../simulation/random.ts'
import { batchOf } from '../support/batches.ts'
import { type Ledger, type Place, recordValue } from './soak-judge.ts'

export type ProducerOptions = {
  readonly name: string
  readonly kind: Ledger['kind']
  /** Servers of one cluster: it is with one at a time, and goes to the next when that one does not answer. */
  readonly ports: readonly number[]
  readonly topic: string
  readonly partitions: number
  readonly random: Random
  /** Whether it may make more records now. */
  readonly pace: () => Pace
  readonly onAcknowledged: (told: Acknowledged) => void
  /** Ends it, whatever is still on its way: nobody will answer any more. */
  readonly abandoned: AbortSignal
}

export type Acknowledged = {
  readonly producer: RawProducer
  readonly records: number
  /** When the first and the last try were sent. */
  readonly firstSentMs: number
  readonly lastSentMs: number
}

/** `wait`: enough is sent for now · `end`: for ever. */
export type Pace = 'go' | 'wait' | 'end'

type Batch = {
  readonly partition: number
  readonly bytes: Buffer
  readonly numbers: readonly number[]
  readonly mustBeRefused: boolean
  firstSentMs: number
  lastSentMs: number
  tries: number
}

const produceVersion = 9
const initVersion = 4
const header = { clientId: 'soak' }
/** What Java's producer has in flight to a broker. */
const maxInFlight = 5
const maxRecords = 20
const maxPaddingBytes = 600
/** An answer is waited for this long, at least and at most: tries of one batch overlap. */
const [leastPatienceMs, mostPatienceMs] = [400, 5000]
/** Who may not send for now asks again after this. */
const idleMs = 10
/** A batch that is refused again and again, with nothing before it on its way, is refused for good. */
const maxRefusals = 20

/** Nothing may be known of the batch after these; Kafka's clients send it again. */
const uncertain: ReadonlySet<number> = new Set([
  errors.REQUEST_TIMED_OUT,
  errors.NOT_LEADER_OR_FOLLOWER,
  errors.UNKNOWN_TOPIC_OR_PARTITION,
  errors.KAFKA_STORAGE_ERROR,
  // The batch before it may have got no answer.
  errors.OUT_OF_ORDER_SEQUENCE_NUMBER,
])

/** A producer that writes down what it is told. An idempotent one has five batches in flight, a plain one has one. */
export class RawProducer implements Ledger {
  readonly name: string
  readonly kind: Ledger['kind']
  readonly acknowledged = new Map<number, Place | undefined>()
  readonly refused = new Set<number>()
  readonly problems: string[] = []
  made = 0
  /** Requests, and how many of them got no answer or one that tells nothing. */
  tries = 0
  indeterminate = 0
  /** Where it is connected. */
  port: number
  readonly #options: ProducerOptions
  #producerId = -1n
  /** Tries of which it is known what became of them, or that nothing is. */
  #known = 0
  #unanswered: Batch[] = []
  readonly #sequences: number[]

  constructor(options: ProducerOptions) {
    this.name = options.name
    this.kind = options.kind
    this.#options = options
    this.port = options.ports[options.random.int(options.ports.length)] ?? 0
    this.#sequences = Array.from({ length: options.partitions }, () => 0)
  }

  /** Runs until it may make no more and everything is answered. */
  async run(): Promise<void> {
    const { ports, random, abandoned } = this.#options
    while (!abandoned.aborted && !(await this.#withServer())) {
      this.indeterminate += this.tries - this.#known
      this.#known = this.tries
      if (this.problems.length > 0) return
      this.port = random.pick([this.port, ...ports])
      await pause(random.between(5, 100))
    }
    if (this.#unanswered.length > 0) this.problems.push(`${this.#unanswered.length} batches were never answered`)
  }

  /** True when everything is done; false when it is better to go on with a new connection. */
  async #withServer(): Promise<boolean> {
    let client: RawClient
    try {
      client = await rawClient(this.port)
    } catch {
      return false
    }
    try {
      if (this.kind === 'idempotent' && this.#producerId < 0n) await this.#begin(client)
      return await this.#sendAll(client)
    } catch {
      // It was closed, by the server's end or by our own impatience.
      return false
    } finally {
      client.socket.destroy()
    }
  }

  async #begin(client: RawClient): Promise<void> {
    const request = { transactionalId: null, transactionTimeoutMs: 0 }
    await client.send(
      Buffer.concat(writeRequest(InitProducerId, initVersion, { ...header, correlationId: 0 }, request)),
    )
    const { body } = readResponse(InitProducerId, initVersion, await this.#answer(client))
    if (body.errorCode !== errors.NONE) throw new Error(`InitProducerId: ${body.errorCode}`)
    this.#producerId = body.producerId
  }

  async #sendAll(client: RawClient): Promise<boolean> {
    for (const batch of this.#unanswered) await this.#send(client, batch)
    const inFlight = this.kind === 'idempotent' ? maxInFlight : 1
    for (;;) {
      while (this.#unanswered.length < inFlight && this.#options.pace() === 'go') {
        const batch = this.#make()
        this.#unanswered.push(batch)
        await this.#send(client, batch)
        if (this.#options.random.chance(0.3)) break
      }
      const [first] = this.#unanswered
      if (first === undefined) {
        if (this.#options.pace() === 'end') return true
        if (client.socket.destroyed) return false
        await pause(idleMs)
        continue
      }
      if (!this.#settle(first, await this.#answer(client))) return false
    }
  }

  async #answer(client: RawClient): Promise<Buffer> {
    const patienceMs = this.#options.random.spread(leastPatienceMs, mostPatienceMs)
    const impatience = setTimeout(() => client.socket.destroy(), patienceMs)
    try {
      const [frame = Buffer.alloc(0)] = await client.frames(1)
      return frame
    } finally {
      clearTimeout(impatience)
    }
  }

  async #send(client: RawClient, batch: Batch): Promise<void> {
    const { topic } = this.#options
    const topicData = [{ name: topic, partitionData: [{ index: batch.partition, records: batch.bytes }] }]
    const request = { acks: -1, timeoutMs: 10_000, topicData }
    batch.lastSentMs = performance.now()
    if (batch.tries === 0) batch.firstSentMs = batch.lastSentMs
    batch.tries += 1
    this.tries += 1
    await client.send(
      Buffer.concat(writeRequest(Produce, produceVersion, { ...header, correlationId: this.tries }, request)),
    )
  }

  /** Answers come in the order of the requests. False: what is unanswered has to be sent again. */
  #settle(batch: Batch, frame: Buffer): boolean {
    const { body } = readResponse(Produce, produceVersion, frame)
    const answer = body.responses[0]?.partitionResponses[0]
    if (answer === undefined) throw new Error('an answer without a partition')
    const { errorCode, baseOffset } = answer
    if (uncertain.has(errorCode)) {
      if (errorCode === errors.OUT_OF_ORDER_SEQUENCE_NUMBER && batch.tries > maxRefusals)
        this.problems.push(`${this.name}.${batch.numbers[0]} is out of order, with nothing before it on its way`)
      return false
    }
    this.#known += 1
    this.#unanswered.shift()
    const isStored = errorCode === errors.NONE || errorCode === errors.DUPLICATE_SEQUENCE_NUMBER
    if (isStored === batch.mustBeRefused)
      this.problems.push(`${this.name}.${batch.numbers[0]} was answered with error ${errorCode}`)
    if (isStored) this.#acknowledge(batch, errorCode === errors.NONE ? baseOffset : undefined)
    else for (const number of batch.numbers) this.refused.add(number)
    return this.problems.length === 0
  }

  #acknowledge({ partition, numbers, firstSentMs, lastSentMs }: Batch, baseOffset: bigint | undefined): void {
    for (const [i, number] of numbers.entries()) {
      const place = baseOffset === undefined ? undefined : { partition, offset: baseOffset + BigInt(i) }
      this.acknowledged.set(number, place)
    }
    this.#options.onAcknowledged({ producer: this, records: numbers.length, firstSentMs, lastSentMs })
  }

  #make(): Batch {
    const { partitions, random } = this.#options
    const partition = random.int(partitions)
    // Sequences of what is refused would be missing in those of an idempotent producer.
    const mustBeRefused = this.kind === 'plain' && random.chance(0.03)
    const numbers = Array.from({ length: 1 + random.int(maxRecords) }, () => this.made++)
    const record = (number: number) => ({
      key: Buffer.from(`${this.name}-${partition + partitions * random.int(2)}`),
      value: Buffer.from(recordValue(this.name, number, 'x'.repeat(Math.floor(random.spread(1, maxPaddingBytes))))),
      timestamp: BigInt(Date.now()),
    })
    const [first = 0, ...rest] = numbers
    const producer =
      this.kind === 'plain'
        ? {}
        : { producerId: this.#producerId, producerEpoch: 0, baseSequence: this.#sequences[partition] ?? 0 }
    const bytes = batchOf([record(first), ...rest.map(record)], producer)
    if (this.kind === 'idempotent') this.#sequences[partition] = (this.#sequences[partition] ?? 0) + numbers.length
    if (mustBeRefused) {
      bytes.writeUInt32BE(~bytes.readUInt32BE(at.crc) >>> 0, at.crc)
      for (const number of numbers) this.refused.add(number)
    }
    return { partition, bytes, numbers, mustBeRefused, firstSentMs: 0, lastSentMs: 0, tries: 0 }
  }
}
