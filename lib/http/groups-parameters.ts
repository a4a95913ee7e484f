import * as z from 'zod/mini'
import type { ErrorName } from '../broker/failures.ts'
import type { LeaseRange } from '../group/group.ts'
import { isGroupId } from '../group/groups.ts'
import { kafkaProblem } from './failure.ts'
import { HttpProblem } from './http-problem.ts'
import { described, maxPartitionIndex } from './parameters.ts'

export const groupParams = () =>
  z.strictObject({ group: described(z.string().check(z.maxLength(1024)), 'The id of the group.', 'billing') })

export const requireGroupId = (groupId: string): string => {
  if (isGroupId(groupId)) return groupId
  throw new HttpProblem('INVALID_REQUEST', 'A group’s id has 1 to 1024 bytes.', { kafka: 'INVALID_GROUP_ID' })
}

const minLeaseMs = 1000
const maxLeaseMs = 12 * 3_600_000
export const defaultLeaseMs = 30_000

export const leaseMs = () =>
  described(
    z.optional(z.int().check(z.minimum(minLeaseMs), z.maximum(maxLeaseMs))),
    `After so many ms somebody else may take over, ${defaultLeaseMs} by default.`,
    60_000,
  )

const maxTokenCharacters = 100

export const leaseToken = () =>
  described(
    z.string().check(z.maxLength(maxTokenCharacters)),
    'The "lease" of the answer to a poll.',
    '7-k3JhQ0xZ2vLm9TbA',
  )

export const topicName = () => z.string().check(z.maxLength(249))
export const partition = () => z.int().check(z.minimum(0), z.maximum(maxPartitionIndex))
export const offset = () => z.int().check(z.minimum(0))

/** Offsets by topic and partition. */
export const placesSchema = z.record(z.string(), z.record(z.string(), z.int()))

export const placesOf = <Range extends Pick<LeaseRange, 'name' | 'index'>>(
  ranges: readonly Range[],
  offsetOf: (range: Range) => number,
): Readonly<Record<string, Readonly<Record<string, number>>>> => {
  const topics = new Map<string, Map<string, number>>()
  for (const range of ranges) {
    const offsets = topics.get(range.name) ?? new Map<string, number>()
    topics.set(range.name, offsets.set(String(range.index), offsetOf(range)))
  }
  return Object.fromEntries([...topics].map(([name, offsets]) => [name, Object.fromEntries(offsets)]))
}

/** What is told of an error that a group has answered. */
export const groupProblem = (error: ErrorName, message: string | null = null): HttpProblem => {
  switch (error) {
    case 'INCONSISTENT_GROUP_PROTOCOL':
      return new HttpProblem('NOT_EMPTY', 'The group is in use by members of Kafka’s protocol.', {
        kafka: error,
        hint: 'A group has one kind of consumers at a time: stop the others, or take another group.',
      })
    case 'FENCED_MEMBER_EPOCH':
      return new HttpProblem('FENCED', 'This lease is not current: it was given back, or somebody took over.', {
        kafka: error,
        hint: 'Poll again: what was not acknowledged is handed out once more.',
      })
    case 'GROUP_MAX_SIZE_REACHED':
      return new HttpProblem('THROTTLED', 'The group has lent as much as it can at once.', {
        kafka: error,
        hint: 'Acknowledge what you have, then poll again.',
      })
    case 'THROTTLING_QUOTA_EXCEEDED':
      return new HttpProblem('THROTTLED', 'Too many records of the group have failed and wait for another try.', {
        kafka: error,
        hint: 'Nothing was acknowledged. Wait until some were tried again, or send "retry": false for those beyond help.',
      })
    case 'UNKNOWN_MEMBER_ID':
    case 'NON_EMPTY_GROUP':
      return new HttpProblem('NOT_EMPTY', 'The group is in use: it has members or leases.', {
        kafka: 'NON_EMPTY_GROUP',
        hint: 'Stop its consumers and wait until their sessions or leases have ended.',
      })
    case 'REQUEST_TIMED_OUT': {
      const detail = 'The stores did not answer in time: whether it happened is not known.'
      return new HttpProblem('TIMED_OUT', detail, { kafka: error, hint: 'Repeat it: that does no harm.' })
    }
    default:
      return kafkaProblem(error, message)
  }
}
