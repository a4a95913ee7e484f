import { realClock } from '../clock.ts'
import { settingsFrom } from '../environment.ts'
import { parseExact } from '../http/json.ts'
import type { Surroundings } from './command.ts'
import { credentialFor, isSigned, type RequestCredential } from './credential.ts'
import { CommandError, type Exit, exits } from './failures.ts'
import { type ClientFlags, type ServerAddress, serverAddress } from './server-address.ts'

export type Request = {
  readonly method?: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE'
  /** Below the server's URL; names in it are encoded. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Sent as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Whether the same again does no harm where nobody knows what became of it; by itself true of GET, PUT and PATCH. */
  readonly isRepeatable?: boolean
  /** How long the server may wait with its answer, on top of everything else. */
  readonly waitMs?: number
  /** Ends the request. */
  readonly stopping?: AbortSignal
}

export type Answer<Body> = { readonly status: number; readonly headers: Headers; readonly body: Body }

/** What a server has refused; `code` never changes. */
export class ServerRefused extends CommandError {
  readonly status: number
  readonly code: string
  readonly problem: Readonly<Record<string, unknown>>

  constructor(status: number, problem: Readonly<Record<string, unknown>>) {
    super(messageOf(status, problem), exitOf(status))
    this.status = status
    this.code = String(problem['code'] ?? status)
    this.problem = problem
  }
}

const firstPauseMs = 200
const maxPauseMs = 5000

/** A server over HTTP. A request is tried until it is answered, or until its time is over. */
export class Client {
  readonly address: ServerAddress
  readonly #credential: RequestCredential
  #hasAnswered = false

  constructor(address: ServerAddress, environment: Surroundings['environment']) {
    this.address = address
    this.#credential = credentialFor(address.url, address, settingsFrom(environment))
  }

  /** A server that was there may come back; one that never was there is told at once. */
  get hasAnswered(): boolean {
    return this.#hasAnswered
  }

  /** The body of the answer. Throws `CommandError`, of which `ServerRefused` is one. */
  async ask<Body>(request: Request): Promise<Body> {
    return (await this.answer<Body>(request)).body
  }

  /** The same with the answer's status. */
  async answer<Body>(request: Request): Promise<Answer<Body>> {
    const { method = 'GET', waitMs = 0, stopping } = request
    const isRepeatable = request.isRepeatable ?? (method !== 'POST' && method !== 'DELETE')
    const untilMs = realClock.now() + this.address.timeoutMs + waitMs
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(maxPauseMs, 2 * pauseMs)) {
      const outcome = await this.#try(request, untilMs)
      if ('body' in outcome) {
        // Reason for `as`: what the routes answer is checked where they are, against the schemas these types follow from.
        return outcome as Answer<Body>
      }
      stopping?.throwIfAborted()
      const mayRepeat = outcome.isUndone || (isRepeatable && outcome.isPassing)
      const sleepMs = Math.max(outcome.pauseMs, pauseMs * (0.5 + realClock.random() / 2))
      if (!mayRepeat || realClock.now() + sleepMs >= untilMs) throw outcome.error
      await realClock.sleep(sleepMs, stopping)
      stopping?.throwIfAborted()
    }
  }

  async #try(request: Request, untilMs: number): Promise<Answer<unknown> | Failed> {
    const init = await this.#initOf(request, untilMs)
    try {
      const response = await fetch(this.#urlOf(request), init)
      const text = await response.text()
      const { status, headers, ok } = response
      const body = jsonIn(text)
      // Whoever stands before a server says in other words that it is not there now.
      if (status < 500 && body === noJson) return this.#stranger(`status ${status}, no JSON`)
      this.#hasAnswered = true
      if (!ok) return failedWith(response, text)
      return { status, headers, body }
    } catch (error) {
      if (request.stopping?.aborted) return { error, isUndone: false, isPassing: false, pauseMs: 0 }
      return this.#silence(error, request)
    }
  }

  #urlOf({ path, query = {} }: Request): string {
    const url = new URL(`${this.address.url}${path}`)
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value))
    }
    return url.href
  }

  async #initOf(request: Request, untilMs: number): Promise<RequestInit> {
    const { method = 'GET', body, stopping } = request
    const contentType = body === undefined ? undefined : 'application/json'
    const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body))
    const inTime = AbortSignal.timeout(Math.max(1, untilMs - realClock.now()))
    const proof = await this.#proof({ method, url: this.#urlOf(request), contentType, body: bytes })
    return {
      method,
      ...(bytes.length > 0 && { body: new Uint8Array(bytes) }),
      headers: {
        accept: 'application/json',
        ...(contentType !== undefined && { 'content-type': contentType }),
        ...request.headers,
        ...proof,
      },
      redirect: 'error',
      signal: stopping === undefined ? inTime : AbortSignal.any([inTime, stopping]),
    }
  }

  async #proof(request: Parameters<RequestCredential>[0]): Promise<Readonly<Record<string, string>>> {
    try {
      return await this.#credential(request)
    } catch (error) {
      const { url, iam } = this.address
      if (!isSigned(url, iam)) throw error
      const todo = 'log in to AWS (aws sso login, AWS_PROFILE, AWS_REGION), or give --api-key'
      throw new CommandError(`the request cannot be signed: ${whyOf(error)}: ${todo}`, exits.auth, { cause: error })
    }
  }

  #silence(error: unknown, { method = 'GET' }: Request): Failed {
    const { url, toldBy, timeoutMs } = this.address
    if (error instanceof Error && error.name === 'TimeoutError') {
      const unknown = method === 'GET' ? '' : '; whether it was done is not known'
      const told = `${url} does not answer within ${timeoutMs / 1000} s${unknown}`
      return { error: new CommandError(told, exits.timeout), isUndone: false, isPassing: false, pauseMs: 0 }
    }
    if (isAnswer(error)) return this.#stranger(whyOf(error), error)
    const start = 'start one with `wadi dev`, or tell where one is with --url or WADI_URL'
    const todo = toldBy === undefined ? start : `check ${toldBy}; \`wadi dev\` starts a server on this machine`
    const told = new CommandError(`there is no server at ${url} (${whyOf(error)}): ${todo}`, exits.error, {
      cause: error,
    })
    return { error: told, isUndone: false, isPassing: this.#hasAnswered, pauseMs: 0 }
  }

  /** Who answers, but not as a server would: asking again would be answered alike. */
  #stranger(why: string, cause?: unknown): Failed {
    const { url, toldBy = '--url or WADI_URL' } = this.address
    const told = new CommandError(`${url} answers, but is no Wadi (${why}): check ${toldBy}`, exits.error, { cause })
    return { error: told, isUndone: false, isPassing: false, pauseMs: 0 }
  }
}

/** As the flags of a command say. */
export const clientFor = (flags: ClientFlags, around: Surroundings): Client =>
  new Client(serverAddress(flags, around), around.environment)

/** A part of a path. */
export const inPath = (name: string): string => encodeURIComponent(name)

type Failed = {
  readonly error: unknown
  /** Nothing was done: it may be tried again, whatever it was. */
  readonly isUndone: boolean
  /** Another try may succeed, and what became of this one is not known. */
  readonly isPassing: boolean
  /** How long the server wants to be left alone. */
  readonly pauseMs: number
}

const failedWith = (response: Response, text: string): Failed => {
  const problem = problemIn(text)
  return {
    error: new ServerRefused(response.status, problem),
    isUndone: response.status === 429,
    isPassing: problem['retryable'] === true || response.status === 502 || response.status === 503,
    pauseMs: Math.min(maxPauseMs, 1000 * (Number(response.headers.get('retry-after')) || 0)),
  }
}

const noJson = Symbol('no JSON')

/** What a body says; undefined where there is none, as in some answers. */
const jsonIn = (text: string): unknown => {
  try {
    return text === '' ? undefined : parseExact(text)
  } catch {
    return noJson
  }
}

const problemIn = (text: string): Readonly<Record<string, unknown>> => {
  try {
    const problem: unknown = JSON.parse(text)
    return typeof problem === 'object' && problem !== null ? { ...problem } : {}
  } catch {
    return {}
  }
}

const exitOf = (status: number): Exit => {
  if (status === 401 || status === 403) return exits.auth
  if (status === 404 || status === 410) return exits.notFound
  if (status === 409 || status === 412) return exits.conflict
  if (status === 429) return exits.throttled
  return status === 408 || status === 504 ? exits.timeout : exits.error
}

/** What, why, what to do; then the code and the request's name in the server's log. */
const messageOf = (status: number, problem: Readonly<Record<string, unknown>>): string => {
  // Doors of AWS have a message of their own.
  const what = problem['detail'] ?? problem['message'] ?? `the server answered ${status}`
  const placed = Array.isArray(problem['errors']) ? problem['errors'] : []
  const errors = placed.map(({ path, message }) => `\n  ${path}: ${message}`).join('')
  const hint = problem['hint'] === undefined ? adviceOf(status) : ` ${inCommands(String(problem['hint']))}`
  const request = problem['requestId'] === undefined ? '' : `, request ${problem['requestId']}`
  return `${what}${hint}${errors}\n  ${problem['code'] ?? status}${request}`
}

/** What a server advises to send, as what to type. */
const inCommands = (hint: string): string =>
  hint
    .replace(
      /Create it with PUT \/v1\/topics\/(\S+)\.$/,
      '`wadi topic create $1` creates it, `wadi topic ls` lists others.',
    )
    .replace(/Change it with PATCH \/v1\/topics\/(\S+)\.$/, '`wadi topic alter $1` changes it.')

const adviceOf = (status: number): string =>
  status === 401 || status === 403 ? ' Check --api-key or WADI_API_KEY, or the AWS credentials.' : ''

/** Whether somebody answered, with what no server of HTTP answers, or by sending elsewhere. */
const isAnswer = (error: unknown): boolean => {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && (cause.name === 'HTTPParserError' || cause.message === 'unexpected redirect')
}

const whyOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  if (!(cause instanceof Error)) return error.message
  // Of several addresses that were tried, Node tells only the code.
  return cause.message || ('code' in cause ? String(cause.code) : error.message)
}
