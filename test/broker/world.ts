import type { Connection } from '../../lib/broker/broker.ts'
import { type BrokerContext, defaultLimits } from '../../lib/broker/context.ts'
import { makeBroker } from '../../lib/broker/make-broker.ts'
import { realClock } from '../../lib/clock.ts'
import { LogBytes } from '../../lib/journal/bytes.ts'
import { Logs } from '../../lib/journal/logs.ts'
import { Topics } from '../../lib/journal/topics.ts'
import type { Api, RequestInput, ResponseOf } from '../../lib/protocol/declare.ts'
import { readResponse, writeRequest } from '../../lib/protocol/header.ts'
import type { Items } from '../../lib/store/items.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import type { Objects } from '../../lib/store/objects.ts'

type Options = Partial<BrokerContext> & { readonly objects?: Objects }

/** A broker over memory stores, unless others are given, and a client that speaks frames to it. */
export const brokerWorld = (options: Options = {}) => {
  const items: Items = options.items ?? memoryItems()
  const clock = options.clock ?? realClock
  const objects = options.objects ?? memoryObjects(clock.now)
  const logs = options.logs ?? new Logs({ items, objects, clock, instance: 'one' })
  const lines: string[] = []
  const context: BrokerContext = {
    topics: new Topics(items, clock),
    logs,
    bytes: new LogBytes(objects),
    items,
    clock,
    limits: defaultLimits,
    defaults: { autoCreateTopics: true, numPartitions: 1 },
    nodeId: 1,
    rack: null,
    log: (line) => lines.push(line),
    ...options,
  }
  const broker = makeBroker(context)

  /** The replies to frames of one call, without their sizes. */
  const send = async (frames: readonly Buffer[]): Promise<readonly Buffer[]> => {
    const replies = await broker(frames, connection)
    return replies.map((reply) => Buffer.concat(reply).subarray(4))
  }

  const ask = async <A extends Api>(api: A, version: number, request: RequestInput<A>): Promise<ResponseOf<A>> => {
    const [reply = Buffer.alloc(0)] = await send([requestFrame(api, version, request)])
    return readResponse(api, version, reply).body
  }

  return { context, items, objects, logs, broker, send, ask, lines }
}

export const connection: Connection = { advertised: { host: 'kafka.test', port: 9092 }, clientAddress: '127.0.0.1' }

/** A request as it comes out of the stream: without its size. */
export const requestFrame = <A extends Api>(api: A, version: number, request: RequestInput<A>): Buffer =>
  Buffer.concat(writeRequest(api, version, { correlationId: 7, clientId: 'suite' }, request)).subarray(4)
