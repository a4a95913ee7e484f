import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'

/** What a client is told when something is wrong (RFC 9457). */
export type Problem = {
  readonly status: ContentfulStatusCode
  /** Never changes once it is used; clients compare it. */
  readonly code: string
  readonly title: string
  readonly detail: string
  readonly hint?: string
  /** Whether the same request may succeed later. */
  readonly retryable: boolean
}

export const problem = (c: Context, problem: Problem): Response => {
  const type = `urn:wadi:error:${problem.code.toLowerCase().replaceAll('_', '-')}`
  return c.body(JSON.stringify({ type, ...problem }), problem.status, { 'content-type': 'application/problem+json' })
}
