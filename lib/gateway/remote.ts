import type { Broker, Connection, Reply } from '../broker/broker.ts'
import { type Door, doorOf } from '../protocol/apis.ts'
import { errors } from '../protocol/errors.ts'
import { readRequest, readRequestHeader, writeRequest, writeResponse } from '../protocol/header.ts'
import { ApiVersions } from '../protocol/messages/api-versions.ts'
import { Produce } from '../protocol/messages/produce.ts'
import { MalformedFrame, Reader, zeroUuid } from '../protocol/reader.ts'
import type { Timer, Watch } from './wait.ts'

/** The headers that prove who is asking, for a POST of this body. */
export type Credential = (request: { readonly url: string; readonly body: Buffer }) => Promise<Headers>
type Headers = Readonly<Record<string, string>>

export type RemoteOptions = {
  /** Of the API: frames are posted to `<url>/kafka/<door>`. */
  readonly url: string
  readonly timer: Timer
  /** Chance, from 0 to less than 1. */
  readonly random: () => number
}

/** A call was answered with a status that answers no frames; what became of its frames is not known unless it says so. */
export class RemoteRefused extends Error {
  override readonly name = 'RemoteRefused'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** There is no answer at all: nobody is there, or it takes too long. */
export class RemoteSilent extends Error {
  override readonly name = 'RemoteSilent'
}

/** A function takes 6 MB of payload, and bytes grow by a third on their way to it. */
const maxBodyBytes = 4 * 1024 * 1024
/** No door waits longer than 30 s for its function. */
const maxCallMs = 35_000
/** Tries of a call that the door has turned away before anything was done. */
const maxTries = 6
const firstPauseMs = 100
const maxPauseMs = 5000

/**
 * Kafka behind HTTPS: a call posts its frames, each with its size, and gets the replies in the same form and order. All
 * frames of a call must be for one door. Calls of one connection must not overlap, or the order of its requests is lost.
 */
export class Remote {
  readonly #options: RemoteOptions
  readonly #watchers = new Set<(topicIdOrName: string) => void>()

  constructor(options: RemoteOptions) {
    this.#options = options
  }

  /** Answers as whoever the credential stands for. Throws `RemoteRefused` and `RemoteSilent`. */
  brokerFor(credential: Credential): Broker {
    return async (frames, connection) => {
      const [first] = frames
      const door = first && doorOf(first.readInt16BE(0))
      if (door === undefined) throw new MalformedFrame(`API ${first?.readInt16BE(0)} is not served`)
      const replies: Reply[] = []
      for (const body of bodiesOf(frames)) replies.push(...(await this.#ask(door, body, { credential, connection })))
      if (door === 'produce') this.#ring(frames)
      return replies
    }
  }

  /** Whether the credential is accepted. Throws when nobody can tell now. */
  async accepts(credential: Credential, connection: Connection): Promise<boolean> {
    const anything = Buffer.concat(writeRequest(ApiVersions, 0, { correlationId: 0, clientId: null }, {})).subarray(4)
    try {
      await this.#ask('admin', [anything], { credential, connection })
      return true
    } catch (error) {
      if (error instanceof RemoteRefused && (error.status === 401 || error.status === 403)) return false
      throw error
    }
  }

  /** Tells of topics that were written to through here. */
  readonly watch: Watch = (grown) => {
    this.#watchers.add(grown)
    return () => this.#watchers.delete(grown)
  }

  async #ask(door: Door, frames: readonly Buffer[], by: Asking): Promise<readonly Reply[]> {
    try {
      const answer = await this.#post(door, Buffer.concat(frames.flatMap(withSize)), by)
      return repliesIn(answer, frames, `${this.#options.url} answered what no Wadi answers`)
    } catch (error) {
      const isTooLarge = error instanceof RemoteRefused && error.status === 413
      if (!isTooLarge || door !== 'produce') throw error
      const [first, ...others] = frames
      if (first === undefined) throw error
      if (others.length === 0) return [refuseProduce(first, error.message)]
      const replies: Reply[] = []
      for (const frame of frames) replies.push(...(await this.#ask(door, [frame], by)))
      return replies
    }
  }

  async #post(door: Door, body: Buffer, { credential, connection }: Asking): Promise<Buffer> {
    const { timer, random } = this.#options
    const url = `${this.#options.url.replace(/\/$/, '')}/kafka/${door}`
    const { host, port } = connection.advertised
    for (let tries = 1, pauseMs = firstPauseMs; ; tries++, pauseMs = Math.min(maxPauseMs, 2 * pauseMs)) {
      const { status, retryAfter, answer } = await answerOf(url, {
        method: 'POST',
        body: new Uint8Array(body.buffer, body.byteOffset, body.length),
        headers: {
          'content-type': 'application/octet-stream',
          // A REST API gives bytes only to those who say that they want them.
          accept: 'application/octet-stream',
          'x-kafka-advertise': host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
          ...(await credential({ url, body })),
        },
        redirect: 'error',
        signal: AbortSignal.timeout(maxCallMs),
      })
      if (status === 200 || status === 204) return answer
      // Turned away for coming too often: nothing was done, so the same again is safe.
      if (status !== 429 || tries === maxTries) throw refusedBy(url, status, answer)
      const toldMs = 1000 * Number(retryAfter ?? 0)
      await timer.sleep(Math.min(maxPauseMs, Math.max(toldMs || 0, pauseMs * (0.5 + random()))))
    }
  }

  #ring(frames: readonly Buffer[]): void {
    const grown = new Set(frames.flatMap((frame) => topicsOf(frame)))
    for (const topic of grown) for (const watcher of this.#watchers) watcher(topic)
  }
}

/** Throws `RemoteSilent`: what became of the frames is not known. */
const answerOf = async (url: string, init: RequestInit) => {
  try {
    const response = await fetch(url, init)
    const answer = Buffer.from(await response.arrayBuffer())
    return { status: response.status, retryAfter: response.headers.get('retry-after'), answer }
  } catch (error) {
    const why = error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : error
    throw new RemoteSilent(`${url} does not answer: ${why}`, { cause: error })
  }
}

type Asking = { readonly credential: Credential; readonly connection: Connection }

const refusedBy = (url: string, status: number, answer: Buffer): RemoteRefused => {
  const told = detailOf(answer)
  const advice = status === 401 || status === 403 ? '; check the API key or the AWS credentials' : ''
  return new RemoteRefused(status, `${url} answered ${status}${told === '' ? '' : `: ${told}`}${advice}`)
}

const maxDetailLength = 300

const detailOf = (answer: Buffer): string => {
  try {
    const told: unknown = JSON.parse(answer.toString())
    if (typeof told !== 'object' || told === null) return ''
    const words = 'detail' in told ? told.detail : 'message' in told ? told.message : ''
    return String(words).slice(0, maxDetailLength)
  } catch {
    return ''
  }
}

const withSize = (frame: Buffer): readonly Buffer[] => {
  const size = Buffer.allocUnsafe(4)
  size.writeInt32BE(frame.length)
  return [size, frame]
}

/** Frames in bodies that a function can take, as far as single frames allow it. */
const bodiesOf = (frames: readonly Buffer[]): readonly (readonly Buffer[])[] => {
  const bodies: Buffer[][] = []
  let leftBytes = 0
  for (const frame of frames) {
    const last = bodies.at(-1)
    if (last && frame.length + 4 <= leftBytes) last.push(frame)
    else {
      bodies.push([frame])
      leftBytes = maxBodyBytes
    }
    leftBytes -= frame.length + 4
  }
  return bodies
}

/** Throws `RemoteSilent` where the answer is not the replies to these frames: what became of them is not known. */
const repliesIn = (answer: Buffer, frames: readonly Buffer[], otherwise: string): readonly Reply[] => {
  const replies = cutReplies(answer)
  const matched = replies && matchReplies(frames, replies)
  if (matched === undefined) throw new RemoteSilent(otherwise)
  return matched
}

/** Whole replies with their sizes; undefined where the body is not made of them. */
const cutReplies = (body: Buffer): readonly Buffer[] | undefined => {
  const replies: Buffer[] = []
  for (let position = 0; position < body.length; ) {
    const end = body.length - position < 8 ? Number.NaN : position + 4 + body.readInt32BE(position)
    if (!(end >= position + 8 && end <= body.length)) return undefined
    replies.push(body.subarray(position, end))
    position = end
  }
  return replies
}

/** In a request after API key and version, in a reply after its size. */
const correlationIdPosition = 4

/** A request that wants no answer (acks 0) has none; all others have theirs in order, or none of them is one. */
const matchReplies = (frames: readonly Buffer[], replies: readonly Buffer[]): readonly Reply[] | undefined => {
  let next = 0
  const matched = frames.map((frame): Reply | undefined => {
    const reply = replies[next]
    const asked = frame.readInt32BE(correlationIdPosition)
    if (reply?.readInt32BE(correlationIdPosition) !== asked) return wantsNoReply(frame) ? [] : undefined
    next++
    return [reply]
  })
  const found = matched.filter((reply) => reply !== undefined)
  return next === replies.length && found.length === frames.length ? found : undefined
}

/** Looked into only where a reply is missing. */
const wantsNoReply = (frame: Buffer): boolean => produceOf(frame)?.request.acks === 0

const produceOf = (frame: Buffer) => {
  const reader = new Reader(frame)
  const { apiKey, apiVersion, correlationId } = readRequestHeader(reader)
  if (apiKey !== Produce.key) return undefined
  return { apiVersion, correlationId, request: readRequest(Produce, apiVersion, reader) }
}

const topicsOf = (frame: Buffer): readonly string[] =>
  produceOf(frame)?.request.topicData.map(({ name, topicId }) => (topicId === zeroUuid ? name : topicId)) ?? []

/** Clients that can split a batch do so after this error, and others tell their users. */
const refuseProduce = (frame: Buffer, errorMessage: string): Reply => {
  const produce = produceOf(frame)
  if (produce === undefined || produce.request.acks === 0) return []
  const { apiVersion, correlationId, request } = produce
  const failed = { errorCode: errors.MESSAGE_TOO_LARGE, errorMessage, baseOffset: -1n, logAppendTimeMs: -1n }
  const responses = request.topicData.map(({ name, topicId, partitionData }) => ({
    name,
    topicId,
    partitionResponses: partitionData.map(({ index }) => ({ ...failed, index, logStartOffset: -1n, recordErrors: [] })),
  }))
  return writeResponse(Produce, apiVersion, correlationId, { responses })
}
