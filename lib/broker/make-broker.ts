import { clusterIdOf } from '../journal/cluster.ts'
import { ProducerIds } from '../journal/producer-ids.ts'
import { refuseApiVersions, servedApi } from '../protocol/apis.ts'
import { type RequestHeader, readRequest, readRequestHeader, writeResponse } from '../protocol/header.ts'
import { ApiVersions } from '../protocol/messages/api-versions.ts'
import { Produce } from '../protocol/messages/produce.ts'
import { MalformedFrame, Reader } from '../protocol/reader.ts'
import { Admission, type Turn } from './admission.ts'
import type { Broker, Connection, Reply } from './broker.ts'
import type { BrokerContext, Call } from './context.ts'
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
  const callOf = (connection: Connection, { apiVersion, clientId }: RequestHeader): Call => ({
    ...context,
    producerIds,
    clusterId,
    connection,
    version: apiVersion,
    clientId,
  })

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
        else if (first) replies.push(await answer(first, callOf(connection, first.header)))
      }
    } catch (error) {
      if (!(error instanceof MalformedFrame)) context.log(describe(error))
      throw error
    }
    return replies
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
