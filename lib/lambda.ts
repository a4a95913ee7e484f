import { accessFrom } from './access.ts'
import { describe } from './broker/failures.ts'
import { realClock } from './clock.ts'
import { type Environment, type Settings, settingsFrom } from './environment.ts'
import { openFunction } from './function-instance.ts'
import { type Admitted, authenticate } from './http/auth.ts'
import { functionBodyLimits } from './http/body-limits.ts'
import { type Answer, problemAnswer } from './http/exchange.ts'
import { answerFrames } from './http/frames.ts'
import { requestIdHeader } from './http/http-problem.ts'
import { type DoorRequest, type LambdaEvent, type LambdaResult, requestFrom, resultOf } from './http/lambda-event.ts'
import { unauthenticatedAt } from './http/v3-error.ts'
import type { Instance } from './instance.ts'
import type { Pass } from './maintenance/pass.ts'
import type { Door } from './protocol/apis.ts'
import type { StoreCounts } from './store/meter.ts'
import { requestUsd } from './store/price.ts'

/** As much of Lambda's context as is read. */
export type LambdaContext = {
  readonly awsRequestId: string
  readonly getRemainingTimeInMillis: () => number
}

/** What a function serves of the HTTP API, as an app over its instance. */
type MakeApp = (
  instance: Instance,
) => Promise<{ readonly request: (url: string, init: RequestInit) => Response | Promise<Response> }>

export type FunctionOptions = {
  readonly environment: Environment
  /** Opens what the function works with. When it throws, the next request tries again. */
  readonly open?: (settings: Settings, log: (line: string) => void) => Promise<Instance>
  /** Takes one line for each request, and those that a person should see. */
  readonly writeLine?: (line: string) => void
}

type Handler = (event: LambdaEvent, context: LambdaContext) => Promise<LambdaResult>

/**
 * The function behind a door: Kafka's frames at `/kafka/<door>`, and its part of the HTTP API. Everything is awaited
 * before it returns: what goes on would freeze with the function and wake up hours later.
 */
export const doorFunction = (door: Door, makeApp: MakeApp, options: FunctionOptions): Handler => {
  const { environment, writeLine = toStandardOutput } = options
  const instance = openOnce(options)
  const apps = new WeakMap<Instance, ReturnType<MakeApp>>()
  // Made when it is first asked for: frames, which are in a hurry, do without it.
  const appOf = (over: Instance): ReturnType<MakeApp> => {
    const app = apps.get(over) ?? makeApp(over)
    apps.set(over, app)
    return app
  }
  const answer = async (
    event: LambdaEvent,
    request: DoorRequest,
    context: LambdaContext,
    seen: Seen,
  ): Promise<Answer> => {
    // The one thing that anybody may ask, because it says nothing.
    if (request.path === '/healthz' && request.method === 'GET') return healthy
    const admission = authenticate(accessFrom(environment), {
      authorization: request.headers['authorization'],
      iamCaller: request.iamCaller,
    })
    if (!admission.admitted) return unauthenticatedAt(request.path, admission.answer)
    seen.admitted = admission
    if (request.path !== `/kafka/${door}`) return answerApi(await appOf(await instance()), request, decodesPath(event))
    const answered = await answerFrames(async () => (await instance()).broker, framesIn(door, request, context), limits)
    seen.apiKeys = answered.apiKeys
    return answered
  }
  return async (event, context) => {
    const startMs = realClock.now()
    const request = requestFrom(event)
    const seen: Seen = {}
    const usedBefore = await instance.usage()
    let answered: Answer
    try {
      answered = await answer(event, request, context, seen)
    } catch (error) {
      writeLine(lineOf({ level: 'error', requestId: context.awsRequestId, error: describe(error) }))
      answered = problemAnswer({ code: 'INTERNAL', detail: 'The function failed at this request; its log says why.' })
    }
    // The HTTP API gives its answers names of its own, which are in its log too.
    const answerId = answered.headers[requestIdHeader]
    const headers = { [requestIdHeader]: context.awsRequestId, ...answered.headers }
    const result = resultOf({ ...answered, headers })
    const ms = realClock.now() - startMs
    const stores = difference(usedBefore, await instance.usage())
    writeLine(
      lineOf({
        level: 'info',
        requestId: context.awsRequestId,
        answerId,
        door,
        method: request.method,
        // Only its beginning: names, keys and mistakes come after it.
        path: seen.admitted && request.path.split('/').slice(0, 3).join('/'),
        principal: seen.admitted?.principal,
        apiKeys: seen.apiKeys,
        status: result.statusCode,
        requestBytes: request.body.length,
        replyBytes: answered.body.length,
        ms,
        stores,
        usd: requestUsd(stores, { ms, memoryMb: memoryMbIn(environment) }),
      }),
    )
    return result
  }
}

/** What becomes known of a request while it is answered. */
type Seen = { admitted?: Admitted; apiKeys?: readonly number[] }

/** The function behind the schedule: one pass. It answers with what the pass did. */
export const maintenanceFunction = (options: FunctionOptions) => {
  const { writeLine = toStandardOutput } = options
  const instance = openOnce(options)
  return async (_event: unknown, context: LambdaContext): Promise<Readonly<Record<string, number>>> => {
    const startMs = realClock.now()
    const opened = await instance()
    const usedBefore = opened.usage()
    const remainingMs = context.getRemainingTimeInMillis()
    const marginMs = Math.min(maintenanceMarginMs, remainingMs / 2)
    const pass = await opened.maintainHinted({ remainingMs: remainingMs - marginMs })
    const stores = difference(usedBefore, opened.usage())
    const ms = realClock.now() - startMs
    const did = difference(undefined, pass)
    const usd = requestUsd(stores, { ms, memoryMb: memoryMbIn(options.environment) })
    writeLine(lineOf({ level: 'info', requestId: context.awsRequestId, maintenance: did, ms, stores, usd }))
    // A call that fails is what an alarm can count; the next one does what this one has not.
    if (pass.errors > 0) throw new Error(`maintenance failed in ${pass.errors} places, which earlier lines name`)
    return pass
  }
}

/** What is begun at the last moment, a flush or a merge, is ended in this time. */
const maintenanceMarginMs = 60_000

type OpenOnce = (() => Promise<Instance>) & { readonly usage: () => Promise<StoreCounts | undefined> }

/** Opened at the first request and kept while the function is warm. */
const openOnce = ({ environment, open = openFunction, writeLine = toStandardOutput }: FunctionOptions): OpenOnce => {
  let opened: Promise<Instance> | undefined
  const log = (message: string): void => writeLine(lineOf({ level: 'warn', message }))
  const instance = (): Promise<Instance> => {
    opened ??= open(settingsFrom({ WADI_STORE: 'aws', ...environment }), log).catch((error) => {
      opened = undefined
      throw error
    })
    return opened
  }
  return Object.assign(instance, { usage: async () => (await opened)?.usage() })
}

const limits = functionBodyLimits

const framesIn = (door: Door, request: DoorRequest, context: LambdaContext) => ({
  method: request.method,
  door,
  contentType: request.headers['content-type'],
  advertise: request.headers['x-kafka-advertise'],
  host: request.host,
  clientAddress: request.clientAddress,
  body: request.body,
  untilMs: realClock.now() + Math.min(context.getRemainingTimeInMillis() - marginMs, longestMs),
})

/** From the last moment at which something is tried to the end of the function: what is under way is answered. */
const marginMs = 4000
/** The doors wait 29 and 30 seconds from the moment at which they have the request, and a cold start is in that time. */
const longestMs = 20_000

const answerApi = async (
  app: Awaited<ReturnType<MakeApp>>,
  request: DoorRequest,
  isDecoded: boolean,
): Promise<Answer> => {
  const { method, query, headers, body } = request
  const path = pathInUrl(request.path, isDecoded)
  const url = `https://function${path}${query === '' ? '' : `?${query}`}`
  // A URL resolves dots between slashes, to a path that the door has not seen, and that it may have forbidden.
  if (URL.parse(url)?.pathname !== path)
    return problemAnswer({ code: 'INVALID_REQUEST', detail: 'A path has no dots between slashes.' })
  const hasBody = method !== 'GET' && method !== 'HEAD'
  const response = await app.request(url, { method, headers, ...(hasBody && { body }) })
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: Buffer.from(await response.arrayBuffer()),
  }
}

/**
 * Whether the door has decoded the path: an HTTP API has, a REST API and a function URL hand it over as it was sent. An
 * HTTP API allows and forbids by path, so what it has decoded must never be decoded again: `%41` in it is no `A`. Taking
 * one for the other the safe way round, a name with such a character is not found.
 */
const decodesPath = (event: LambdaEvent): boolean =>
  'rawPath' in event && !/\.lambda-url\./.test(event.requestContext.domainName ?? '')

/**
 * The path such that a URL's parser has nothing left to make of it: whatever it would take for a separator or delete (a
 * backslash, a tab, the end of a line, `?` and `#`) is encoded, and so it is a character of a name.
 */
const pathInUrl = (path: string, isDecoded: boolean): string =>
  path.toWellFormed().replace(isDecoded ? notInNames : notInUrls, encodeURIComponent)

const notInNames = /[^\w.~!$&'()*+,;=:@/-]/gu
const notInUrls = /[^\w.~!$&'()*+,;=:@/%-]/gu

const healthy: Answer = {
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from('{"status":"ok"}'),
}

/** Past everything that would rewrite it: a line is JSON already. */
const toStandardOutput = (line: string): void => {
  process.stdout.write(line)
}

/** What the runtime says of itself. */
const memoryMbIn = (environment: Environment): number => Number(environment['AWS_LAMBDA_FUNCTION_MEMORY_SIZE'] || 0)

const lineOf = (fields: Readonly<Record<string, unknown>>): string => `${JSON.stringify(fields)}\n`

/** What one request asked of the stores: a function has one at a time. What was not asked is left out. */
const difference = (
  before: StoreCounts | undefined,
  after: StoreCounts | Pass | undefined,
): Readonly<Record<string, number>> => {
  const earlier: Readonly<Record<string, number>> = { ...before }
  const counts = Object.entries({ ...after }).map(([name, count]) => [name, count - (earlier[name] ?? 0)] as const)
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}
