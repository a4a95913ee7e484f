import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import type { LambdaResult } from '../../lib/http/lambda-event.ts'
import type { LambdaEnvironment } from './lambda-environment.ts'
import { bodyOf, type DoorKind, doorLimits, doorSays, eventOf } from './lambda-events.ts'

export type LambdaHostOptions = {
  readonly kind: DoorKind
  /** Which function answers. */
  readonly route: (path: string, method: string) => string
  /** A cold start of a function. */
  readonly start: (name: string) => Promise<LambdaEnvironment>
  /** Whether the door asks for IAM's signature. It believes every one. */
  readonly iam?: boolean
  /** Instead of the door's own patience, which would make a test wait. */
  readonly waitMs?: number
  /** The function's timeout; then its environment ends. */
  readonly timeoutMs?: number
}

export type LambdaHost = AsyncDisposable & {
  readonly url: string
  /** Environments that were started, by function. */
  readonly started: ReadonlyMap<string, number>
  /** What went on after answers. */
  readonly floating: () => readonly string[]
  /** Settles when no environment is at work. */
  readonly idle: () => Promise<void>
}

/** What an event and a result may have, as JSON. */
const payloadBytes = 6 * 1024 * 1024
const defaultTimeoutMs = 29_000

type Environment = LambdaEnvironment & { isBusy: boolean }

/** Functions behind a door of one kind, on a free port of the loopback interface, with the limits of both. */
export const startLambdaHost = async (options: LambdaHostOptions): Promise<LambdaHost> => {
  const { kind, route, start, iam = false, timeoutMs = defaultTimeoutMs } = options
  const { bodyBytes, waitMs } = { ...doorLimits[kind], ...(options.waitMs !== undefined && { waitMs: options.waitMs }) }
  const environments = new Map<string, Environment[]>()
  const all: Environment[] = []
  const starting = new Set<Promise<LambdaEnvironment>>()
  const atWork = new Set<Promise<unknown>>()
  const started = new Map<string, number>()

  /** One that is idle, otherwise a new one: concurrency is environments. It is taken. */
  const take = async (name: string): Promise<Environment> => {
    const idle = environments.get(name)?.find(({ isBusy }) => !isBusy)
    if (idle !== undefined) {
      idle.isBusy = true
      return idle
    }
    started.set(name, (started.get(name) ?? 0) + 1)
    const cold = start(name)
    starting.add(cold)
    try {
      const environment: Environment = { ...(await cold), isBusy: true }
      environments.set(name, [...(environments.get(name) ?? []), environment])
      all.push(environment)
      return environment
    } finally {
      starting.delete(cold)
    }
  }

  const work = async (name: string, event: unknown): Promise<unknown> => {
    const environment = await take(name)
    const late = timer(timeoutMs)
    try {
      const invoked = environment.invoke(event, { timeoutMs })
      return await Promise.race([invoked, late.passed.then(() => Promise.reject(new Error('the function timed out')))])
    } catch (error) {
      // What failed is not used again.
      const others = (environments.get(name) ?? []).filter((one) => one !== environment)
      environments.set(name, others)
      await environment.end()
      throw error
    } finally {
      late.clear()
      environment.isBusy = false
    }
  }

  const invoke = (name: string, event: unknown): Promise<unknown> => {
    const working = work(name, event)
    const settled: Promise<unknown> = working.catch(() => {}).then(() => atWork.delete(settled))
    atWork.add(settled)
    return working
  }

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request)
    const say = ([status, message]: readonly [number, string]): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ message }))
    }
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
    const { method = '', url = '' } = request
    const isSigned = headers['authorization']?.startsWith('AWS4-HMAC-SHA256 ') ?? false
    if (iam && !isSigned) return say(doorSays[kind].forbidden)
    const userArn = iam ? 'arn:aws:iam::123456789012:user/somebody' : undefined
    const event = eventOf(kind, { method, url, headers, body, sourceIp: '203.0.113.7', userArn })
    const sent = JSON.stringify(event)
    if (body.length > bodyBytes || sent.length > payloadBytes) return say(doorSays[kind].tooLarge)
    const patience = timer(waitMs)
    const invoked = invoke(route(url.split('?')[0] ?? '', method), JSON.parse(sent))
    try {
      const outcome = await Promise.race([invoked.catch(() => 'broken' as const), patience.passed])
      if (outcome === 'late') return say(doorSays[kind].late)
      if (outcome === 'broken' || JSON.stringify(outcome).length > payloadBytes) return say(doorSays[kind].broken)
      // Every function of ours answers so; what it is not, the client would see.
      const result = outcome as LambdaResult
      const bytes = bodyOf(result)
      response.writeHead(result.statusCode, { ...result.headers, 'x-amzn-requestid': randomUUID() }).end(bytes)
    } finally {
      patience.clear()
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error) => response.destroy(error))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the host listens on no port')
  const idle = async (): Promise<void> => {
    while (atWork.size > 0) await Promise.all(atWork)
  }
  return {
    url: `http://127.0.0.1:${address.port}`,
    started,
    floating: () => all.flatMap(({ floating }) => floating),
    idle,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      // Who is late has to be ended too.
      await Promise.allSettled(starting)
      await Promise.all([new Promise((resolve) => server.close(resolve)), ...all.map((one) => one.end())])
    },
  }
}

const timer = (ms: number): { readonly passed: Promise<'late'>; readonly clear: () => void } => {
  const { promise, resolve } = Promise.withResolvers<'late'>()
  const timeout = setTimeout(() => resolve('late'), ms)
  return { passed: promise, clear: () => clearTimeout(timeout) }
}
