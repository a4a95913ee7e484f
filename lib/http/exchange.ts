import { problems } from './http-problem.ts'
import { problemJson, problemType } from './problem.ts'

/** An answer without hono and without the web's classes, whose loading a function would have to wait for. */
export type Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** With what only doors can have. */
const doorProblems = {
  ...problems,
  REPLY_TOO_LARGE: { status: 500, title: 'Reply too large', retryable: false },
} as const

type Told = {
  readonly code: keyof typeof doorProblems
  readonly detail: string
  readonly hint?: string
  readonly limitBytes?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** The same form as every other problem. */
export const problemAnswer = ({ code, detail, hint, limitBytes, headers }: Told): Answer => {
  const { status } = doorProblems[code]
  const more = { ...(hint !== undefined && { hint }), ...(limitBytes !== undefined && { limitBytes }) }
  const body = problemJson({ ...doorProblems[code], code, detail, ...more })
  return { status, headers: { ...headers, 'content-type': problemType }, body: Buffer.from(body) }
}

/** An answer that does not fit through its door. */
export const replyTooLarge = (sizeBytes: number, limitBytes: number): Answer =>
  problemAnswer({
    code: 'REPLY_TOO_LARGE',
    detail: `The answer has ${sizeBytes} bytes; this door carries at most ${limitBytes}.`,
    hint: 'Ask for less at once.',
    limitBytes,
  })
