import type { Context } from 'hono'
import type { ErrorName } from '../broker/failures.ts'
import { errors } from '../protocol/errors.ts'
import { type Problem, problemJson, problemType } from './problem.ts'

/** Every code with the status it has, in the order of the statuses. */
export const problems = {
  INVALID_REQUEST: { status: 400, title: 'Invalid request', retryable: false },
  UNAUTHENTICATED: { status: 401, title: 'Unauthenticated', retryable: false },
  FORBIDDEN: { status: 403, title: 'Forbidden', retryable: false },
  NOT_FOUND: { status: 404, title: 'Not found', retryable: false },
  TOPIC_NOT_FOUND: { status: 404, title: 'Topic not found', retryable: false },
  GROUP_NOT_FOUND: { status: 404, title: 'Group not found', retryable: false },
  OFFSET_OUT_OF_RANGE: { status: 404, title: 'Offset out of range', retryable: false },
  METHOD_NOT_ALLOWED: { status: 405, title: 'Method not allowed', retryable: false },
  NOT_ACCEPTABLE: { status: 406, title: 'Not acceptable', retryable: false },
  TOPIC_DIFFERS: { status: 409, title: 'Topic differs', retryable: false },
  FENCED: { status: 409, title: 'Fenced', retryable: false },
  OUT_OF_ORDER: { status: 409, title: 'Sequence out of order', retryable: false },
  NOT_EMPTY: { status: 409, title: 'Not empty', retryable: false },
  CURSOR_EXPIRED: { status: 410, title: 'Cursor expired', retryable: false },
  CONDITION_FAILED: { status: 412, title: 'Condition failed', retryable: false },
  TOO_LARGE: { status: 413, title: 'Too large', retryable: false },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'Unsupported media type', retryable: false },
  SCHEMA_INVALID: { status: 422, title: 'Invalid value', retryable: false },
  KEY_REUSED: { status: 422, title: 'Idempotency key reused', retryable: false },
  UNREADABLE: { status: 422, title: 'Unreadable records', retryable: false },
  THROTTLED: { status: 429, title: 'Throttled', retryable: true },
  INTERNAL: { status: 500, title: 'Internal error', retryable: true },
  UNAVAILABLE: { status: 503, title: 'Unavailable', retryable: true },
  TIMED_OUT: { status: 504, title: 'Timed out, outcome unknown', retryable: true },
} as const satisfies Readonly<Record<string, Pick<Problem, 'status' | 'title' | 'retryable'>>>

export type ProblemCode = keyof typeof problems

type ProblemOptions = Pick<Problem, 'hint' | 'errors'> & {
  readonly kafka?: ErrorName
  /** Members that only this problem has, such as the current end. */
  readonly members?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  readonly cause?: unknown
}

/** Thrown by whoever cannot go on with a request; answered as a problem. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem'
  readonly code: ProblemCode
  readonly options: ProblemOptions

  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail, { cause: options.cause })
    this.code = code
    this.options = options
  }

  told(requestId?: string): Problem {
    const { hint, errors: placed, kafka, members } = this.options
    return {
      ...problems[this.code],
      code: this.code,
      detail: this.message,
      ...(hint !== undefined && { hint }),
      ...(kafka !== undefined && { kafkaCode: errors[kafka] }),
      ...(placed !== undefined && { errors: placed }),
      ...members,
      ...(requestId !== undefined && { requestId }),
    }
  }

  get headers(): Readonly<Record<string, string>> {
    return { ...(laterCodes.includes(this.code) && { 'retry-after': retryAfterSeconds }), ...this.options.headers }
  }

  answer(c: Context): Response {
    const told = this.told(c.res.headers.get(requestIdHeader) ?? undefined)
    return c.body(problemJson(told), told.status, { 'content-type': problemType, ...this.headers })
  }
}

const laterCodes: readonly ProblemCode[] = ['UNAVAILABLE', 'THROTTLED']
/** Stores that do not answer, a server that starts, and a group that has lent too much, are asked again after this. */
const retryAfterSeconds = '1'

/** The header that names a request in answers and in the server's log. */
export const requestIdHeader = 'x-request-id'
