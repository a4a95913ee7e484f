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
   * written to them; the next time after twice as long, and so on, from one Fetch of a client to its next.
   */
  readonly pollMs: number
  /** The longest such pause. */
  readonly maxPollMs?: number
  /** A Fetch that finds nothing is held this long although its client would wait less: where every call has its price. */
  readonly minHoldMs?: number
}

/** Answers one client's Fetch after the other. `ask` asks the broker; as soon as `release` is aborted the last reply must do. */
export type AnswerFetch = (frame: Buffer, ask: () => Promise<Reply>, release: AbortSignal) => Promise<Reply>

/** Where a poll is a call over HTTPS with a price: a consumer with nothing to read makes about two in four or five seconds. */
export const pricedCalls = { pollMs: 250, maxPollMs: 2500, minHoldMs: 4000 }

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
  readonly #maxPollMs: number
  readonly #minHoldMs: number
  readonly #stopWatching: () => void
  /** How to wake those who wait for a topic, by its id or name, whichever they know. */
  readonly #waiting = new Map<string, Set<() => void>>()

  constructor({ timer, watch, pollMs, maxPollMs = maxHoldMs, minHoldMs = 0 }: FetchWaitOptions) {
    this.#timer = timer
    this.#pollMs = pollMs
    this.#maxPollMs = maxPollMs
    this.#minHoldMs = minHoldMs
    this.#stopWatching = watch((topic) => {
      for (const wake of this.#waiting.get(topic) ?? []) wake()
    })
  }

  /** What is returned throws what `ask` throws, and `MalformedFrame`. */
  forClient(): AnswerFetch {
    const pace = { pollMs: this.#pollMs }
    return (frame, ask, release) => {
      const wanted = wantedBy(frame)
      return wanted === undefined ? ask() : this.#answer(wanted, { ask, release, pace })
    }
  }

  async #answer(wanted: Wanted, { ask, release, pace }: Waiting): Promise<Reply> {
    const untilMs = this.#timer.now() + Math.min(Math.max(wanted.maxWaitMs, this.#minHoldMs), maxHoldMs)
    let bell = new AbortController()
    const leave = this.#enter(wanted.topics, release, () => bell.abort())
    try {
      for (let settleMs = 0; ; settleMs = Math.min(maxSettleMs, 2 * settleMs + 1)) {
        // Before asking, so that growth while the broker is asked is not missed.
        bell = new AbortController()
        const reply = await ask()
        const found = foundIn(reply, wanted)
        if (found !== 'nothing') pace.pollMs = this.#pollMs
        const leftMs = untilMs - this.#timer.now()
        if (leftMs <= 0 || release.aborted || found === 'enough') return reply
        const pauseMs = Math.min(leftMs, pace.pollMs)
        pace.pollMs = Math.min(this.#maxPollMs, 2 * pace.pollMs)
        await this.#timer.sleep(pauseMs, bell.signal)
        // The client asks again at once, and whatever is there by then is in that answer.
        if (found === 'nothing' && !bell.signal.aborted && pauseMs === leftMs) return reply
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

type Waiting = {
  readonly ask: () => Promise<Reply>
  readonly release: AbortSignal
  /** The client's. */
  readonly pace: { pollMs: number }
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

/**
 * Whether a reply has as many bytes of records as are wanted, or tells of an error or another history, which is enough
 * at once. Large ones are not looked into: that would copy them.
 */
const foundIn = (reply: Reply, { version, minBytes, emptyReplyBytes }: Wanted): 'enough' | 'some' | 'nothing' => {
  const replyBytes = reply.reduce((sum, { length }) => sum + length, 0)
  if (replyBytes > emptyReplyBytes + minBytes) return 'enough'
  const { body } = readResponse(Fetch, version, Buffer.concat(reply).subarray(sizeBytes))
  const partitions = body.responses.flatMap((response) => response.partitions)
  const isNews = partitions.some(({ errorCode, divergingEpoch }) => errorCode !== 0 || divergingEpoch.endOffset >= 0n)
  if (body.errorCode !== 0 || isNews) return 'enough'
  const recordBytes = partitions.reduce((sum, { records }) => sum + (records?.length ?? 0), 0)
  if (recordBytes >= minBytes) return 'enough'
  return recordBytes > 0 ? 'some' : 'nothing'
}

/** Of the size that goes before a frame. */
const sizeBytes = 4
