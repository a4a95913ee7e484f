import { type ErrorName, errorOf } from '../broker/failures.ts'
import { errors } from '../protocol/errors.ts'
import { HttpProblem, type ProblemCode } from './http-problem.ts'

const unknownOutcome = 'The stores did not answer in time: whether it happened is not known.'
const repeatHint = 'Repeat it with the same identity (Idempotency-Key, or Producer-Id with its sequence).'

/** What clients are told of an error of Kafka's, by its name. */
const told: Partial<Readonly<Record<ErrorName, ProblemCode>>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'TOPIC_NOT_FOUND',
  UNKNOWN_TOPIC_ID: 'TOPIC_NOT_FOUND',
  OFFSET_OUT_OF_RANGE: 'OFFSET_OUT_OF_RANGE',
  MESSAGE_TOO_LARGE: 'TOO_LARGE',
  RECORD_LIST_TOO_LARGE: 'TOO_LARGE',
  INVALID_TIMESTAMP: 'SCHEMA_INVALID',
  INVALID_RECORD: 'SCHEMA_INVALID',
  INVALID_PRODUCER_EPOCH: 'FENCED',
  PRODUCER_FENCED: 'FENCED',
  FENCED_LEADER_EPOCH: 'UNAVAILABLE',
  OUT_OF_ORDER_SEQUENCE_NUMBER: 'OUT_OF_ORDER',
  DUPLICATE_SEQUENCE_NUMBER: 'OUT_OF_ORDER',
  UNKNOWN_PRODUCER_ID: 'OUT_OF_ORDER',
  GROUP_ID_NOT_FOUND: 'GROUP_NOT_FOUND',
  NON_EMPTY_GROUP: 'NOT_EMPTY',
  TOPIC_AUTHORIZATION_FAILED: 'FORBIDDEN',
  GROUP_AUTHORIZATION_FAILED: 'FORBIDDEN',
  CLUSTER_AUTHORIZATION_FAILED: 'FORBIDDEN',
  REQUEST_TIMED_OUT: 'TIMED_OUT',
  NOT_LEADER_OR_FOLLOWER: 'UNAVAILABLE',
  NOT_COORDINATOR: 'UNAVAILABLE',
  THROTTLING_QUOTA_EXCEEDED: 'THROTTLED',
  KAFKA_STORAGE_ERROR: 'INTERNAL',
  CORRUPT_MESSAGE: 'INTERNAL',
  UNKNOWN_SERVER_ERROR: 'INTERNAL',
}

/** Throws what a broker's handler has answered, unless it has answered that all is well. */
export const requireDone = (
  answer: { readonly errorCode: number; readonly errorMessage?: string | null } | undefined,
): void => {
  if (answer === undefined) throw new Error('a handler answers everything it is asked')
  if (answer.errorCode !== 0) throw kafkaProblem(errorOfCode(answer.errorCode), answer.errorMessage ?? null)
}

/** Kafka's error by its code. */
export const errorOfCode = (code: number): ErrorName =>
  errorNames.find((name) => errors[name] === code) ?? 'UNKNOWN_SERVER_ERROR'

// Reason for `as`: the keys of an object come back as any strings.
const errorNames = Object.keys(errors) as readonly ErrorName[]

/** An error that a broker's handler has answered. */
export const kafkaProblem = (kafka: ErrorName, detail: string | null): HttpProblem => {
  const code = told[kafka] ?? 'INVALID_REQUEST'
  if (code === 'TIMED_OUT') return new HttpProblem(code, detail ?? unknownOutcome, { kafka, hint: repeatHint })
  return new HttpProblem(code, detail ?? kafka, { kafka })
}

/** What a client is told of something that was thrown: never its insides. */
export const problemOf = (error: unknown, method: string): HttpProblem => {
  const kafka = errorOf(error)
  const code = told[kafka] ?? 'INTERNAL'
  switch (code) {
    case 'TOPIC_NOT_FOUND':
      return new HttpProblem(code, 'The topic does not exist any more.', { kafka, cause: error })
    case 'TIMED_OUT': {
      if (method !== 'GET' && method !== 'HEAD') return kafkaProblem(kafka, null)
      return new HttpProblem('UNAVAILABLE', 'The stores did not answer in time.', { kafka, cause: error })
    }
    case 'UNAVAILABLE':
      return new HttpProblem(code, 'This instance cannot serve that now.', { kafka, cause: error })
    default:
      return new HttpProblem('INTERNAL', 'The server failed at this request; its log says why.', { cause: error })
  }
}
