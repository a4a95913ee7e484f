import { describeGroup, isSubscribed } from '../../lib/group/describe.ts'
import type { ClassicGroup } from '../../lib/group/group.ts'
import { servedApi, servedApis } from '../../lib/protocol/apis.ts'
import { cutFrames, FrameCutter } from '../../lib/protocol/frame.ts'
import { readRequest, readRequestHeader, readResponse, writeRequest, writeResponse } from '../../lib/protocol/header.ts'
import { Fetch } from '../../lib/protocol/messages/fetch.ts'
import { MalformedFrame, Reader } from '../../lib/protocol/reader.ts'
import { Writer } from '../../lib/protocol/writer.ts'
import { chance } from '../gateway/chance.ts'
import { fuzzFrame, writeAnyResponse } from '../gateway/fuzz-frames.ts'
import { codecTarget, mustBe, type Target, unlessRefused } from './target.ts'

const nowMs = 1_700_000_000_000
const topicIds = ['q2bDzq5yQ0ezBUGvKs0Avg', 'AAAAAAAAAAAAAAAAAAAAAQ'] as const

/** Frames of every served API and version, through the codec. */
const requests: Target = codecTarget({
  name: 'request',
  share: 240,
  valid: (random) => fuzzFrame(random, topicIds, nowMs),
  refusals: [MalformedFrame],
  read: (frame) => {
    const reader = new Reader(frame)
    const header = readRequestHeader(reader)
    const api = servedApi(header.apiKey, header.apiVersion)
    if (api === undefined) throw new MalformedFrame('it is not served')
    return { api, header, body: readRequest(api, header.apiVersion, reader) }
  },
  write: ({ api, header, body }) => Buffer.concat(writeRequest(api, header.apiVersion, header, body)).subarray(4),
})

/** Replies with a byte in front that says the version: a gateway reads those to Fetch, clients all of them. */
const versioned = (bytes: Buffer, first: number, last: number): number => first + ((bytes[0] ?? 0) % (last - first + 1))

const fetchReplies: Target = codecTarget({
  name: 'reply to Fetch',
  share: 60,
  valid: (random) => {
    const { first, last } = Fetch.versions
    const version = first + random.below(last - first + 1)
    return Buffer.concat([Buffer.of(version - first), writeAnyResponse(Fetch, version, { random, topicIds, nowMs })])
  },
  refusals: [MalformedFrame],
  read: (input) => {
    const version = versioned(input, Fetch.versions.first, Fetch.versions.last)
    return { version, ...readResponse(Fetch, version, input.subarray(1)) }
  },
  write: ({ version, correlationId, body }) =>
    Buffer.concat([
      Buffer.of(version - Fetch.versions.first),
      Buffer.concat(writeResponse(Fetch, version, correlationId, body)).subarray(4),
    ]),
})

/** Two bytes in front choose the API and the version. */
const replies: Target = codecTarget({
  name: 'reply',
  share: 60,
  valid: (random) => {
    const index = random.below(servedApis.length)
    const { api } = served(index)
    const { first, last } = api.versions
    const version = first + random.below(last - first + 1)
    return Buffer.concat([
      Buffer.of(index, version - first),
      writeAnyResponse(api, version, { random, topicIds, nowMs }),
    ])
  },
  refusals: [MalformedFrame],
  read: (input) => {
    const index = (input[0] ?? 0) % servedApis.length
    const { api } = served(index)
    const version = versioned(input.subarray(1), api.versions.first, api.versions.last)
    return { index, api, version, ...readResponse(api, version, input.subarray(2)) }
  },
  write: ({ index, api, version, correlationId, body }) =>
    Buffer.concat([
      Buffer.of(index, version - api.versions.first),
      Buffer.concat(writeResponse(api, version, correlationId, body)).subarray(4),
    ]),
})

const served = (index: number) => {
  const one = servedApis[index]
  if (one === undefined) throw new Error('there is an API of every index')
  return one
}

const maxFrameBytes = 10_000

/** A stream of frames, cut at random: its first two bytes are the seed of the cuts. */
const streams: Target = {
  name: 'stream of frames',
  share: 40,
  valid: (random) => {
    const frames = Array.from({ length: 1 + random.below(6) }, () => {
      const body = random.bytes(4 + random.below(random.oneIn(10) ? 3000 : 60))
      const size = Buffer.alloc(4)
      size.writeInt32BE(body.length)
      return Buffer.concat([size, body])
    })
    return Buffer.concat([random.bytes(2), ...frames])
  },
  run: (input) => {
    const bytes = input.subarray(2)
    let whole: readonly Buffer[] | undefined
    const isWhole = unlessRefused([MalformedFrame], () => {
      whole = cutFrames(bytes, maxFrameBytes)
    })
    const random = chance((input[0] ?? 0) * 256 + (input[1] ?? 0))
    const cutter = new FrameCutter(maxFrameBytes)
    const frames: Buffer[] = []
    const isCut = unlessRefused([MalformedFrame], () => {
      for (let position = 0; position < bytes.length; ) {
        const end = position + 1 + random.below(random.oneIn(2) ? 8 : 2000)
        frames.push(...cutter.push(bytes.subarray(position, end)))
        mustBe(cutter.pendingBytes <= maxFrameBytes + 4, 'no more than a frame is kept')
        position = end
      }
    })
    if (isWhole) mustBe(isCut && cutter.pendingBytes === 0, 'a stream is whole however it is cut')
    if (whole !== undefined) {
      mustBe(Buffer.concat(frames).equals(Buffer.concat(whole)), 'frames are the same however they are cut')
    }
    return isWhole
  },
  check: (valid) => mustBe(cutFrames(valid.subarray(2), maxFrameBytes).length > 0, 'a valid stream has frames'),
}

const member = {
  memberId: 'm',
  instanceId: null,
  clientId: 'c',
  clientHost: 'h',
  sessionTimeoutMs: 1,
  rebalanceTimeoutMs: 1,
  joined: false,
  synced: true,
  seenMs: 0,
}

const groupWith = (metadata: Buffer): ClassicGroup => ({
  type: 'classic',
  life: 'life',
  fence: 0,
  emptySinceMs: undefined,
  state: 'Stable',
  generation: 1,
  protocolType: 'consumer',
  protocol: 'range',
  leader: 'm',
  members: [{ ...member, protocols: [{ name: 'range', metadata }], assignment: metadata }],
  pending: [],
  notBeforeMs: 0,
  deadlineMs: 0,
})

/** What a member of a classic group says that it subscribes to: nobody but the members vouches for it. */
const subscriptions: Target = {
  name: 'subscription',
  share: 80,
  valid: (random) => {
    const writer = new Writer()
    writer.int16(random.below(4))
    const topics = ['orders', ...Array.from({ length: random.below(5) }, () => `t${random.below(100)}`)]
    writer.count(topics.length)
    for (const topic of topics) writer.string(topic)
    writer.nullableBytes(random.oneIn(2) ? null : random.bytes(8))
    return writer.toBuffer()
  },
  run: (input) => {
    const group = groupWith(input)
    describeGroup(group)
    return isSubscribed(group, 'orders') === true
  },
  check: (valid) => mustBe(isSubscribed(groupWith(valid), 'orders') === true, 'a subscription is understood'),
}

export const protocolTargets: readonly Target[] = [requests, fetchReplies, replies, streams, subscriptions]
