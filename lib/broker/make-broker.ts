import { clusterIdOf } from '../journal/cluster.ts'
import { ProducerIds } from '../journal/producer-ids.ts'
import { refuseApiVersions, servedApi } from '../protocol/apis.ts'
import { type RequestHeader, readRequest, readRequestHeader, writeResponse } from '../protocol/header.ts'
import { ApiVersions } from '../protocol/messages/api-versions.ts'
import { Produce } from '../protocol/messages/produce.ts'
import { MalformedFrame, Reader } from '../protocol/reader.ts'
import { Admission, type Turn } from './admission.ts'
import type { Broker, Connection, Reply } from './broker.ts'
import { type BrokerContext, type BrokerLimits, type Call, roomFor } from './context.ts'
import { describe } from './failures.ts'
import { type ProduceRequest, produceTogether } from './handlers/produce.ts'
import { routes } from './routes.ts'

/**
 * A broker over these stores. Frames of one call are handled in order; Produce frames in a row share their rows. Calls
 * of one connection may overlap where they are of Produce frames only: those are admitted in the order of the calls.
 */
export const makeBroker = (context: BrokerContext): Broker => {
  const producerIds = new ProducerIds(context.items, context.clock)
  let clusterIdKnown: Promise<string> | undefined
  const clusterId = (): Promise<string> => {
    clusterIdKnown ??= clusterIdOf(context.items, context.clock).catch((error) => {
      clusterIdKnown = undefined
      throw error
    })
    return clusterIdKnown
  }
  const { leadership, nodeId } = context
  const callOf = (connection: Connection, { apiVersion, clientId }: RequestHeader, repliedBytes = 0): Call => {
    const roomBytes = roomFor(connection) - repliedBytes
    return {
      ...context,
      limits: limitsFor(context, connection, roomBytes),
      producerIds,
      clusterId,
      nodeId: leadership?.nodes.self ?? nodeId,
      connection: leadership ? { ...connection, advertised: leadership.nodes.address } : connection,
      version: apiVersion,
      roomBytes,
      clientId,
    }
  }

  const admission = new Admission()
  const produce = (frames: readonly Frame[], connection: Connection): Promise<readonly Reply[]> =>
    admission.inTurn(connection, (turn) => answerProduce(frames, (header) => callOf(connection, header), turn))

  return async (frames, connection) => {
    const requests = frames.map(readFrame)
    const replies: Reply[] = []
    try {
      while (replies.length < requests.length) {
        const rest = requests.slice(replies.length)
        const end = rest.findIndex((request) => request.header.apiKey !== Produce.key)
        const produced = rest.slice(0, end < 0 ? rest.length : end)
        const [first] = rest
        if (produced.length > 0) replies.push(...(await produce(produced, connection)))
        else if (first) replies.push(await answer(first, callOf(connection, first.header, sizeOf(replies))))
      }
    } catch (error) {
      if (!(error instanceof MalformedFrame)) context.log(describe(error))
      throw error
    }
    return replies
  }
}

const sizeOf = (replies: readonly Reply[]): number => replies.flat().reduce((sum, buffer) => sum + buffer.length, 0)

/** The broker's own limits, and what is left of the time and the room that the connection has. */
const limitsFor = ({ limits, clock }: BrokerContext, { untilMs }: Connection, roomBytes: number): BrokerLimits => {
  // Negative when the time is over: with 0 a write would still begin within the same millisecond.
  const leftMs = untilMs === undefined ? Number.POSITIVE_INFINITY : untilMs - clock.now()
  return {
    maxFetchBytes: Math.max(0, Math.min(limits.maxFetchBytes, roomBytes)),
    maxProduceMs: Math.min(limits.maxProduceMs, leftMs),
    maxChangeMs: Math.min(limits.maxChangeMs, leftMs),
  }
}

type Frame = { readonly reader: Reader; readonly header: RequestHeader }

const readFrame = (frame: Buffer): Frame => {
  const reader = new Reader(frame)
  return { reader, header: readRequestHeader(reader) }
}

const answer = async ({ reader, header }: Frame, call: Call): Promise<Reply> => {
  const { apiKey, apiVersion, correlationId } = header
  if (servedApi(apiKey, apiVersion) === undefined) {
    if (apiKey === ApiVersions.key) return refuseApiVersions(correlationId)
    throw unserved(header)
  }
  const route = routes.get(apiKey)
  if (route === undefined) throw unserved(header)
  return route.answer(reader, header, call)
}

const unserved = ({ apiKey, apiVersion }: RequestHeader): MalformedFrame =>
  new MalformedFrame(`API ${apiKey} is not served in version ${apiVersion}`)

const answerProduce = async (
  frames: readonly Frame[],
  callOf: (header: RequestHeader) => Call,
  turn: Turn,
): Promise<readonly Reply[]> => {
  const requests = frames.map(({ reader, header }): ProduceRequest => {
    if (servedApi(header.apiKey, header.apiVersion) === undefined) throw unserved(header)
    return { request: readRequest(Produce, header.apiVersion, reader), call: callOf(header) }
  })
  const bodies = await produceTogether(requests, turn)
  return frames.map(({ header }, i): Reply => {
    const body = bodies[i]
    return body ? writeResponse(Produce, header.apiVersion, header.correlationId, body) : []
  })
}
