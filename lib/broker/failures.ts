import { NewerGroupFormat } from '../group/group-bytes.ts'
import { JournalGone } from '../journal/journal.ts'
import { isDamage, isOutage } from '../journal/outage.ts'
import { DamagedAtRest, NewerFormat } from '../log/at-rest.ts'
import { CorruptBatch } from '../protocol/batch.ts'
import { CorruptCompression } from '../protocol/compression-limits.ts'
import type { errors } from '../protocol/errors.ts'
import { MalformedFrame } from '../protocol/reader.ts'
import type { BrokerContext } from './context.ts'

/** Kafka's name of an error. */
export type ErrorName = keyof typeof errors

/**
 * Does the part of a request that may fail alone: a topic, a partition. The only place that catches: what is thrown
 * becomes an error of Kafka's, and what no client can have caused is logged whole, once.
 */
export const attempt = async <Result>(
  { log }: Pick<BrokerContext, 'log'>,
  work: () => Promise<Result>,
  failed: (error: ErrorName) => Result,
): Promise<Result> => {
  try {
    return await work()
  } catch (error) {
    const name = errorOf(error)
    if (name === 'KAFKA_STORAGE_ERROR' || name === 'UNKNOWN_SERVER_ERROR') log(describe(error))
    return failed(name)
  }
}

/** What Kafka would say of something that was thrown. */
export const errorOf = (error: unknown): ErrorName => {
  if (error instanceof JournalGone) return 'UNKNOWN_TOPIC_OR_PARTITION'
  // The request was read before: what is malformed here was read from the stores.
  const damages = [DamagedAtRest, MalformedFrame]
  if (isDamage(error) || damages.some((damage) => error instanceof damage)) return 'KAFKA_STORAGE_ERROR'
  // Nothing is known: never a definite error, the client tries again.
  if (isOutage(error)) return 'REQUEST_TIMED_OUT'
  // Another instance may have been upgraded already.
  if (error instanceof NewerFormat) return 'NOT_LEADER_OR_FOLLOWER'
  if (error instanceof NewerGroupFormat) return 'NOT_COORDINATOR'
  if (error instanceof CorruptBatch || error instanceof CorruptCompression) return 'CORRUPT_MESSAGE'
  return 'UNKNOWN_SERVER_ERROR'
}

/** An error with its stack and all its causes. */
export const describe = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const own = error.stack ?? `${error.name}: ${error.message}`
  return error.cause === undefined ? own : `${own}\n  because ${describe(error.cause)}`
}
