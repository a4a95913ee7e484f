import type { Reply } from '../broker/broker.ts'
import { servedApi } from '../protocol/apis.ts'
import { readRequest, readRequestHeader, readResponse } from '../protocol/header.ts'
import { Fetch } from '../protocol/messages/fetch.ts'
import { Reader } from '../protocol/reader.ts'

/** Time, as much of it as the gateway needs. `sleep` ends early when `wake` is aborted. */
export interface Timer {
  now(): number
  sleep(ms: number, wake?: AbortSignal): Promise<void>
}

/** Tells of topics that have grown, by id and by name. Returns how to stop it. */
export type Watch = (grown: (topicIdOrName: string) => void) => () => void

export type FetchWaitOptions = {
  readonly timer: Timer
  readonly watch: Watch
  /**
   * After so long a waiting Fetch is asked again although nothing was heard of its topics, because others may have
   * written to them; the next time after twice as long, and so on.
   */
  readonly pollMs: number
}

/** However long a client would wait: requests behind the Fetch wait with it, and a closing consumer does. */
const maxHoldMs = 5_000

/** A Fetch that wants many bytes is asked at most so often while they trickle in; the first time at once. */
const maxSettleMs = 64

/**
 * The only place that waits for records. A broker answers a Fetch at once; here it is asked again
 * until it has the bytes that the client wants, or the client's time is over.
 */
export class FetchWait {
  readonly #timer: Timer
  readonly #pollMs: number
  readonly #stopWatching: () => void
  /** How to wake those who wait for a topic, by its id or name, whichever they know. */
  readonly #waiting = new Map<string, Set<() => void>>()

  constructor({ timer, watch, pollMs }: FetchWaitOptions) {
    this.#timer = timer
    this.#pollMs = pollMs
    this.#stopWatching = watch((topic) => {
      for (const wake of this.#waiting.get(topic) ?? []) wake()
    })
  }

  /**
   * The reply to a Fetch. `ask` asks the broker; as soon as `release` is aborted the last reply must do.
   * Throws what `ask` throws, and `MalformedFrame`.
   */
  async answer(frame: Buffer, ask: () => Promise<Reply>, release: AbortSignal): Promise<Reply> {
    const wanted = wantedBy(frame)
    if (wanted === undefined) return ask()
    const untilMs = this.#timer.now() + Math.min(wanted.maxWaitMs, maxHoldMs)
    let bell = new AbortController()
    const leave = this.#enter(wanted.topics, release, () => bell.abort())
    try {
      for (let settleMs = 0, pollMs = this.#pollMs; ; settleMs = Math.min(maxSettleMs, 2 * settleMs + 1), pollMs *= 2) {
        // Before asking, so that growth while the broker is asked is not missed.
        bell = new AbortController()
        const reply = await ask()
        const leftMs = untilMs - this.#timer.now()
        if (leftMs <= 0 || release.aborted || isEnough(reply, wanted)) return reply
        await this.#timer.sleep(Math.min(leftMs, pollMs), bell.signal)
        if (bell.signal.aborted && settleMs > 0)
          await this.#timer.sleep(Math.min(settleMs, untilMs - this.#timer.now()), release)
      }
    } finally {
      leave()
    }
  }

  stop(): void {
    this.#stopWatching()
  }

  #enter(topics: readonly string[], release: AbortSignal, wake: () => void): () => void {
    for (const topic of topics) {
      const waiting = this.#waiting.get(topic) ?? new Set()
      this.#waiting.set(topic, waiting.add(wake))
    }
    release.addEventListener('abort', wake)
    return () => {
      release.removeEventListener('abort', wake)
      for (const topic of topics) {
        const waiting = this.#waiting.get(topic)
        if (waiting?.delete(wake) && waiting.size === 0) this.#waiting.delete(topic)
      }
    }
  }
}

type Wanted = {
  readonly version: number
  readonly maxWaitMs: number
  readonly minBytes: number
  /** By id or by name, as the version has it. */
  readonly topics: readonly string[]
  /** What a reply without any records may take at most. */
  readonly emptyReplyBytes: number
}

/** What a Fetch waits for; undefined when it does not wait: it says so, asks for nothing, or is not served (the broker refuses it). */
const wantedBy = (frame: Buffer): Wanted | undefined => {
  const reader = new Reader(frame)
  const { apiKey, apiVersion } = readRequestHeader(reader)
  if (servedApi(apiKey, apiVersion) === undefined) return undefined
  const { maxWaitMs, minBytes, topics } = readRequest(Fetch, apiVersion, reader)
  if (maxWaitMs <= 0 || minBytes <= 0 || topics.every(({ partitions }) => partitions.length === 0)) return undefined
  const emptyReplyBytes = topics.reduce(
    (sum, { partitions }) => sum + emptyTopicBytes + partitions.length * emptyPartitionBytes,
    emptyTopicBytes,
  )
  const names = topics.map(({ topic, topicId }) => (topic === '' ? topicId : topic))
  return { version: apiVersion, maxWaitMs, minBytes, topics: names, emptyReplyBytes }
}

/** A name of at most 249 characters, or an id, and lengths; a partition's fields and tags without records and aborted transactions. */
const emptyTopicBytes = 270
const emptyPartitionBytes = 160

/** Whether a reply has enough bytes of records, or tells of an error or another history at once. Large ones are not looked into: that would copy them. */
const isEnough = (reply: Reply, { version, minBytes, emptyReplyBytes }: Wanted): boolean => {
  const replyBytes = reply.reduce((sum, { length }) => sum + length, 0)
  if (replyBytes > emptyReplyBytes + minBytes) return true
  const { body } = readResponse(Fetch, version, Buffer.concat(reply).subarray(sizeBytes))
  const partitions = body.responses.flatMap((response) => response.partitions)
  const isNews = partitions.some(({ errorCode, divergingEpoch }) => errorCode !== 0 || divergingEpoch.endOffset >= 0n)
  if (body.errorCode !== 0 || isNews) return true
  return partitions.reduce((sum, { records }) => sum + (records?.length ?? 0), 0) >= minBytes
}

/** Of the size that goes before a frame. */
const sizeBytes = 4
