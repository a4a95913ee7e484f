import type { Context } from 'hono'
import type { Answer } from './exchange.ts'
import { type HttpProblem, type ProblemCode, problems } from './http-problem.ts'
import { problemType } from './problem.ts'

/** What Confluent's REST API says of errors, in place of a problem. */
export type RestError = { readonly error_code: number; readonly message: string }

/** Both paths under which Confluent's REST API is: clients of a server of one's own use the first, all others the second. */
export const restPrefixes = ['/v3', '/kafka/v3'] as const

const isRestPath = (path: string): boolean =>
  restPrefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`))

/** Its codes, where they are not the status itself. */
const restCodes: Partial<Readonly<Record<ProblemCode, number>>> = {
  UNAUTHENTICATED: 40101,
  FORBIDDEN: 40301,
  TOPIC_NOT_FOUND: 40403,
  THROTTLED: 42901,
}
/** What Kafka refuses, where the request itself is sound. */
const refusedByKafka = 40002

export const restErrorOf = ({ code, message, options: { hint, kafka } }: HttpProblem): RestError => ({
  error_code: code === 'INVALID_REQUEST' && kafka !== undefined ? refusedByKafka : codeOf(code),
  message: hint === undefined ? message : `${message} ${hint}`,
})

const codeOf = (code: ProblemCode): number => restCodes[code] ?? problems[code].status

/** What a door answers to who is not let in, in the form that the path has. */
export const unauthenticatedAt = (path: string, answer: Answer): Answer => {
  if (!isRestPath(path) || answer.headers['content-type'] !== problemType) return answer
  const body: RestError = { error_code: codeOf('UNAUTHENTICATED'), message: problems.UNAUTHENTICATED.title }
  const headers = { ...answer.headers, 'content-type': 'application/json' }
  return { ...answer, headers, body: Buffer.from(JSON.stringify(body)) }
}

/** The answer to a request that failed, in the form that its path has. */
export const errorAnswer = (c: Context, problem: HttpProblem): Response =>
  isRestPath(c.req.path)
    ? c.json(restErrorOf(problem), problems[problem.code].status, problem.headers)
    : problem.answer(c)
