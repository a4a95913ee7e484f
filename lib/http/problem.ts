import type { ContentfulStatusCode } from 'hono/utils/http-status'

/** What a client is told when something is wrong (RFC 9457). */
export type Problem = {
  readonly status: ContentfulStatusCode
  /** Never changes once it is used; clients compare it. */
  readonly code: string
  readonly title: string
  readonly detail: string
  readonly hint?: string
  /** The limit that a request is above. */
  readonly limitBytes?: number
  /** Whether the same request may succeed later. */
  readonly retryable: boolean
  /** Kafka's code, where Kafka has one for this. */
  readonly kafkaCode?: number
  /** What is wrong, place by place. */
  readonly errors?: readonly PlacedError[]
  /** Names the request in the server's log too. */
  readonly requestId?: string
}

/** `path` as in a JSON Pointer (RFC 6901). */
export type PlacedError = { readonly path: string; readonly message: string }

export const problemType = 'application/problem+json'

export const problemJson = (problem: Problem): string =>
  JSON.stringify({ type: `urn:wadi:error:${problem.code.toLowerCase().replaceAll('_', '-')}`, ...problem })
