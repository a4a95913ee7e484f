import { once } from 'node:events'
import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { Tally } from '../simulation/paths.ts'
import type { Random } from '../simulation/random.ts'

/** How likely each fault is for a request, from 0 to 1. */
export type FaultRates = Partial<Readonly<Record<FaultClass, number>>>

type FaultClass =
  /** The request was applied, and the connection is cut instead of an answer. */
  | 'answer dropped'
  /** The connection is cut, and nothing was applied. */
  | 'request dropped'
  /** Applied twice, as routers and libraries repeat; the second answer counts. */
  | 'request doubled'
  /** Applied, and answered with 500. */
  | 'answered 500 after'
  /** Not applied, and answered with 500. */
  | 'answered 500 before'
  /** The client has long gone when it is applied. */
  | 'request late'
  /** The client has long gone when the answer comes. */
  | 'answer late'

export type FaultProxy = {
  readonly url: string
  readonly faults: Tally
  readonly requests: () => number
  readonly close: () => Promise<void>
}

type Answer = { readonly status: number; readonly headers: IncomingMessage['headers']; readonly body: Buffer }

/** A server in front of another one, which passes on what it is asked, or not, or twice. */
export const faultProxy = async (target: string, rates: FaultRates, random: Random): Promise<FaultProxy> => {
  const agent = new Agent({ keepAlive: true, maxSockets: maxConnections })
  const faults = new Tally()
  let requests = 0
  const proxy = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request)
    requests += 1
    const fault = drawn(rates, random)
    if (fault !== undefined) faults.hit(fault)
    const pass = (): Promise<Answer> => passOn(target, agent, request, body)
    switch (fault) {
      case undefined:
        return send(response, await pass())
      case 'request dropped':
        return void response.destroy()
      case 'answer dropped':
        await pass()
        return void response.destroy()
      case 'request doubled':
        await pass()
        return send(response, await pass())
      case 'answered 500 before':
        return fail(response)
      case 'answered 500 after':
        await pass()
        return fail(response)
      case 'request late':
        await pause(random.spread(leastLateMs, mostLateMs))
        return send(response, await pass())
      case 'answer late': {
        const answered = await pass()
        await pause(random.spread(leastLateMs, mostLateMs))
        return send(response, answered)
      }
    }
  }
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const address = proxy.address()
  if (address === null || typeof address === 'string') throw new Error('a proxy without a port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    faults,
    requests: () => requests,
    close: async () => {
      proxy.close()
      proxy.closeAllConnections()
      agent.destroy()
      await once(proxy, 'close')
    },
  }
}

const maxConnections = 256
/** From before a client's patience ends until long after. */
const [leastLateMs, mostLateMs] = [50, 3000]

const drawn = (rates: FaultRates, random: Random): FaultClass | undefined => {
  let left = random.next()
  for (const name of classes) {
    left -= rates[name] ?? 0
    if (left < 0) return name
  }
  return undefined
}

const classes: readonly FaultClass[] = [
  'answer dropped',
  'request dropped',
  'request doubled',
  'answered 500 after',
  'answered 500 before',
  'request late',
  'answer late',
]

const passOn = async (target: string, agent: Agent, request: IncomingMessage, body: Buffer): Promise<Answer> => {
  const { method, url = '/', headers } = request
  const passed = httpRequest(new URL(url, target), { agent, method, headers })
  passed.end(body)
  const [answered]: IncomingMessage[] = await once(passed, 'response')
  if (answered === undefined) throw new Error('no answer')
  return { status: answered.statusCode ?? 0, headers: answered.headers, body: await buffer(answered) }
}

const send = (response: ServerResponse, { status, headers, body }: Answer): void => {
  const { 'transfer-encoding': _, connection: __, ...kept } = headers
  response.writeHead(status, { ...kept, 'content-length': body.length })
  response.end(body)
}

const fail = (response: ServerResponse): void => {
  response.writeHead(500, { 'content-type': 'text/plain' })
  response.end('made by the proxy')
}
