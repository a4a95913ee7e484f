import { defaultLimits } from '../../lib/broker/context.ts'
import { makeBroker } from '../../lib/broker/make-broker.ts'
import { Groups } from '../../lib/group/groups.ts'
import { LogBytes } from '../../lib/journal/bytes.ts'
import type { Clock } from '../../lib/journal/clock.ts'
import { Logs } from '../../lib/journal/logs.ts'
import { Topics } from '../../lib/journal/topics.ts'
import { servedApi } from '../../lib/protocol/apis.ts'
import { readResponse, writeRequest } from '../../lib/protocol/header.ts'
import { CreateTopics } from '../../lib/protocol/messages/create-topics.ts'
import { MalformedFrame } from '../../lib/protocol/reader.ts'
import type { Items } from '../../lib/store/items.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import type { Objects } from '../../lib/store/objects.ts'
import { fuzzFrame, fuzzTopics } from '../gateway/fuzz-frames.ts'
import { LawBroken, mustBe, type Target, unlessRefusedLater } from './target.ts'

const startMs = 1_700_000_000_000

/** Time that passes as soon as somebody waits for it. */
export const hastyClock = (): Clock => {
  let nowMs = startMs
  let ids = 0
  return {
    now: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms
    },
    random: () => 0.5,
    randomId: () => String(ids++).padStart(16, 'A'),
  }
}

/** A broker over stores that others may have filled, and a client of it. What no client may cause is in `lines`. */
export const brokerOver = (items: Items, objects: Objects, clock: Clock) => {
  const topics = new Topics(items, clock)
  const bytes = new LogBytes(objects)
  const logs = new Logs({ items, objects, clock, instance: 'one' })
  const lines: string[] = []
  const broker = makeBroker({
    topics,
    logs,
    bytes,
    groups: new Groups({ items, objects, clock }, topics),
    items,
    clock,
    limits: defaultLimits,
    defaults: { autoCreateTopics: false, numPartitions: 1 },
    nodeId: 1,
    rack: null,
    log: (line) => lines.push(line),
  })
  /** The reply to a frame, both without their sizes. */
  const send = async (frame: Buffer): Promise<Buffer> =>
    Buffer.concat((await broker([frame], connection)).flat()).subarray(4)
  return { topics, bytes, logs, lines, send }
}

const memoryBroker = async () => {
  const clock = hastyClock()
  const { lines, send: ask } = brokerOver(memoryItems(), memoryObjects(clock.now), clock)
  const send = async (frame: Buffer): Promise<Buffer> => {
    const reply = await ask(frame)
    const [line] = lines
    if (line !== undefined) throw new LawBroken(`it logged: ${line}`)
    return reply
  }
  const wanted = fuzzTopics.map((name) => ({
    name,
    numPartitions: 3,
    replicationFactor: 1,
    assignments: [],
    configs: [],
  }))
  const header = { correlationId: 1, clientId: 'fuzz' }
  const create = writeRequest(CreateTopics, 7, header, { topics: wanted, timeoutMs: 1000 })
  const created = readResponse(CreateTopics, 7, await send(Buffer.concat(create).subarray(4))).body
  return { send, topicIds: created.topics.map(({ topicId }) => topicId) }
}

const connection = { advertised: { host: 'localhost', port: 9092 }, clientAddress: '127.0.0.1' }

type World = Awaited<ReturnType<typeof memoryBroker>>

/** A world serves so many requests: what they leave behind must not slow down those that follow. */
const requestsPerWorld = 400

/**
 * Requests that are answered by a whole broker: what it has stored because of those before decides too. Its answer can
 * be read, and nothing is logged that no client may cause.
 */
const makeTarget = (): Target => {
  let world: Promise<World> | undefined
  let served = 0
  /** Of the topics in every world, whose clocks draw the same: known as soon as there is one. */
  let ids: readonly string[] = []
  const currentWorld = (): Promise<World> => {
    if (world === undefined || ++served > requestsPerWorld) {
      served = 0
      world = memoryBroker()
    }
    return world
  }
  const run = async (input: Buffer): Promise<boolean> => {
    const { send, topicIds } = await currentWorld()
    ids = topicIds
    try {
      return await unlessRefusedLater([MalformedFrame], async () => readReply(input, await send(input)))
    } catch (error) {
      world = undefined
      throw error
    }
  }
  return {
    name: 'broker',
    share: 8,
    valid: (random) => fuzzFrame(random, ids, startMs),
    run,
    check: async (valid) => mustBe(await run(valid), 'a valid request is answered'),
  }
}

/** Replies can be read by whoever asked. */
const readReply = (request: Buffer, reply: Buffer): void => {
  if (reply.length === 0) return
  const [apiKey, version] = [request.readInt16BE(0), request.readInt16BE(2)]
  const api = servedApi(apiKey, version)
  if (api !== undefined) readResponse(api, version, reply)
}

export const brokerTarget: Target = makeTarget()
