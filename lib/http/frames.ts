import { isIP } from 'node:net'
import type { Broker, Connection } from '../broker/broker.ts'
import { isOutage } from '../journal/outage.ts'
import { type Door, doorOf, servedApi } from '../protocol/apis.ts'
import { cutFrames } from '../protocol/frame.ts'
import { readRequestHeader } from '../protocol/header.ts'
import { ApiVersions } from '../protocol/messages/api-versions.ts'
import { MalformedFrame, Reader } from '../protocol/reader.ts'
import type { BodyLimits } from './body-limits.ts'
import { type Answer, problemAnswer, replyTooLarge } from './exchange.ts'

/** What is posted to a door, and what is known of whoever sends it. */
export type FramesRequest = {
  readonly method: string
  readonly door: Door
  readonly contentType: string | undefined
  /** The header `x-kafka-advertise`: `host:port` that clients shall connect to. */
  readonly advertise: string | undefined
  /** Where this request was sent to: advertised when nothing else is asked for. */
  readonly host: string
  readonly clientAddress: string
  readonly body: Buffer
  /** When the door stops waiting. */
  readonly untilMs?: number
}

/** The answer, and for the log what was asked: the keys of the APIs, in order. */
export type FramesAnswer = Answer & { readonly apiKeys: readonly number[] }

/**
 * Kafka over HTTPS: the body is one or more request frames with their sizes, the answer has their replies in the same
 * form and order, or is 204 where none is due (acks=0). A TCP stream and a body are the same bytes.
 *
 * Nothing is done before the whole body is known to be frames of this door: whatever is refused with a 4xx did nothing,
 * but for a frame whose inside is malformed, which ends the body as it ends a TCP connection. After any status but 200
 * and 204 a gateway closes its client's connection. 5xx says nothing about what became of the frames.
 */
export const answerFrames = async (
  broker: () => Promise<Broker>,
  request: FramesRequest,
  limits: BodyLimits,
): Promise<FramesAnswer> => {
  const refusal = refusalOf(request, limits)
  if (refusal) return { ...refusal, apiKeys: [] }
  const advertised = advertisedOf(request)
  if (advertised === undefined) return { ...malformed(badAdvertise), apiKeys: [] }
  let apiKeys: readonly number[] = []
  try {
    const frames = cutFrames(request.body, limits.maxRequestBytes)
    const headers = frames.map((frame) => readRequestHeader(new Reader(frame)))
    apiKeys = headers.map(({ apiKey }) => apiKey)
    if (frames.length === 0) return { ...malformed('The body is empty: it must be one frame or more.'), apiKeys }
    for (const { apiKey, apiVersion } of headers) {
      const problem = frameProblem(request.door, apiKey, apiVersion)
      if (problem !== undefined) return { ...problem, apiKeys }
    }
    const connection: Connection = {
      advertised,
      clientAddress: request.clientAddress,
      ...(request.untilMs !== undefined && { untilMs: request.untilMs }),
      ...(limits.maxReplyBytes !== undefined && { maxReplyBytes: limits.maxReplyBytes }),
    }
    const replies = await (await broker())(frames, connection)
    return { ...answerOf(Buffer.concat(replies.flat()), limits), apiKeys }
  } catch (error) {
    if (error instanceof MalformedFrame) return { ...malformed(`This body is not Kafka's: ${error.message}.`), apiKeys }
    if (isOutage(error)) return { ...unavailable(), apiKeys }
    throw error
  }
}

const frameType = 'application/octet-stream'

const refusalOf = ({ method, contentType, body }: FramesRequest, limits: BodyLimits): Answer | undefined => {
  if (method !== 'POST') {
    return problemAnswer({ code: 'METHOD_NOT_ALLOWED', detail: 'Frames are posted.', headers: { allow: 'POST' } })
  }
  // A door passes other types on as text, which is not these bytes any more. And no web page can send this one here
  // unasked, as it could without a type.
  if (contentType?.split(';')[0]?.trim().toLowerCase() !== frameType) {
    return problemAnswer({ code: 'UNSUPPORTED_MEDIA_TYPE', detail: `Frames are sent as ${frameType}.` })
  }
  return body.length > limits.maxRequestBytes ? tooLarge(body.length, limits.maxRequestBytes) : undefined
}

const tooLarge = (sizeBytes: number, limitBytes: number): Answer =>
  problemAnswer({
    code: 'TOO_LARGE',
    detail: `The body has ${sizeBytes} bytes; this door takes at most ${limitBytes}.`,
    hint: `Send fewer frames at once, or have producers send less: max.request.size below ${limitBytes}.`,
    limitBytes,
  })

const malformed = (detail: string, hint?: string): Answer =>
  problemAnswer({ code: 'INVALID_REQUEST', detail, ...(hint !== undefined && { hint }) })

const unavailable = (): Answer =>
  problemAnswer({
    code: 'UNAVAILABLE',
    detail: 'The stores do not answer. What became of the frames is not known.',
    hint: 'Send them again, with the same producer id, epoch and sequences.',
  })

const frameProblem = (door: Door, apiKey: number, apiVersion: number): Answer | undefined => {
  // Clients ask wherever they are what is served; a version that is not known yet has an answer of its own.
  if (apiKey === ApiVersions.key) return undefined
  const right = doorOf(apiKey)
  if (right === undefined) return malformed(`API ${apiKey} is not served over HTTPS.`)
  if (right !== door) {
    const detail = `API ${apiKey} is answered at /kafka/${right}, not at /kafka/${door}.`
    return malformed(detail, `POST this frame to /kafka/${right}.`)
  }
  const isServed = servedApi(apiKey, apiVersion) !== undefined
  return isServed ? undefined : malformed(`API ${apiKey} is not served in version ${apiVersion}.`)
}

const answerOf = (body: Buffer, { maxReplyBytes = Number.POSITIVE_INFINITY }: BodyLimits): Answer => {
  if (body.length > maxReplyBytes) return replyTooLarge(body.length, maxReplyBytes)
  if (body.length === 0) return { status: 204, headers: {}, body }
  return { status: 200, headers: { 'content-type': frameType }, body }
}

const badAdvertise = 'x-kafka-advertise must be host:port, as in kafka.example.org:9092.'

/** As asked for, otherwise where the request was sent to. Undefined where neither can be advertised. */
const advertisedOf = ({ advertise, host }: FramesRequest): Connection['advertised'] | undefined => {
  if (advertise !== undefined) return addressOf(advertise)
  return addressOf(host) ?? addressOf(`${host}:${httpsPort}`)
}

const httpsPort = 443
const maxPort = 65_535
/** What may be in a name; longer ones do not exist (RFC 1035). */
const hostName = /^[A-Za-z0-9_]([A-Za-z0-9._-]{0,253}[A-Za-z0-9_.])?$/

const addressOf = (text: string): Connection['advertised'] | undefined => {
  const [, ipv6, name, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  const isHost = ipv6 === undefined ? hostName.test(name ?? '') : isIP(ipv6) === 6
  if (!isHost || !(port >= 1 && port <= maxPort)) return undefined
  return { host: ipv6 ?? name ?? '', port }
}
