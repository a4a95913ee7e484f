import type { ErrorName, FailedRecord, Group, Lease, LeaseGroup, LeaseRange, Moment, Step } from './group.ts'
import { leaseOf, repeatOf } from './lease.ts'
import { deadIn, isIn, isSamePlace, maxAttempts, restMs, withLease } from './lease-group.ts'

/** What a worker says of a lease: up to where it is done, and what of that failed. */
export type Acknowledgement = {
  /** The first offset that is not done, by topic id and partition; undefined: all that the lease has is done. */
  readonly upTo: ReadonlyMap<string, ReadonlyMap<number, number>> | undefined
  readonly failed: readonly Failure[]
}

export type Failure = {
  readonly topicId: string
  readonly index: number
  readonly offset: number
  readonly error: string
  /** Whether it may be handed out again. */
  readonly retry: boolean
}

/** Records of a group that failed and are not dead letters yet, and the characters that are kept of what was said. */
export const maxFailed = 256
export const maxErrorCharacters = 200

export type Noted =
  /** No lease: it is done, and this is a repeat. */
  | { readonly error: 'NONE'; readonly lease: Lease | undefined }
  | { readonly error: ErrorName; readonly message?: string }

export type Acknowledged =
  | {
      readonly error: 'NONE'
      /** Whether the lease goes on, and the ranges that it still has. */
      readonly hasMore: boolean
      readonly left: readonly LeaseRange[]
      /** Records that are not handed out any more. */
      readonly dead: readonly FailedRecord[]
    }
  | { readonly error: ErrorName; readonly message?: string }

/**
 * The first half of an acknowledgement: what failed is in the document, held by its lease, before any offset behind it
 * is committed. So none is lost between the two. Safe to repeat.
 */
export const noteFailures = (group: Group | undefined, token: string, ack: Acknowledgement): Step<Noted> => {
  const lease = leaseOf(group, token)
  if (lease === undefined || group?.type !== 'lease') {
    const error = repeatOf(group, token)
    return { group, reply: error === 'NONE' ? { error, lease: undefined } : { error } }
  }
  const problem = problemOf(group, lease, ack)
  if (problem !== undefined) return { group, reply: { error: 'INVALID_REQUEST', message: problem } }
  const added = ack.failed.flatMap((failure): readonly FailedRecord[] => {
    const range = lease.ranges.find((one) => isIn(one, failure))
    const isKnown = group.failed.some((record) => isSamePlace(record, failure) && record.lease === lease.number)
    if (range === undefined || isKnown) return []
    const { topicId, index, offset, error } = failure
    return [
      { topicId, name: range.name, index, offset, attempts: 1, error, lease: lease.number, dueMs: 0, isDead: false },
    ]
  })
  if (added.length === 0) return { group, reply: { error: 'NONE', lease } }
  // After offsets have been moved back, a record may come and fail once more.
  const others = group.failed.filter((record) => !added.some((one) => isSamePlace(one, record)))
  if (others.length + added.length > maxFailed) return { group, reply: { error: 'THROTTLING_QUOTA_EXCEEDED' } }
  return { group: { ...group, failed: [...others, ...added] }, reply: { error: 'NONE', lease } }
}

/** What a repeat says that is done already is no problem. */
const problemOf = (group: LeaseGroup, lease: Lease, ack: Acknowledgement): string | undefined => {
  for (const { topicId, name, index, upTo } of lease.ranges) {
    const done = ack.upTo?.get(topicId)?.get(index) ?? 0
    if (done > upTo) return `Of partition ${index} of "${name}" the lease has what comes before ${upTo}, not ${done}.`
  }
  for (const failure of ack.failed) {
    const { index, offset } = failure
    const isOwn = lease.ranges.some((one) => isIn(one, failure))
    if (!isOwn && !group.failed.some((one) => isSamePlace(one, failure))) {
      return `The lease does not have offset ${offset} of partition ${index}.`
    }
    if (!covers(ack, failure)) return `Offset ${offset} of partition ${index} failed, but is not among what is done.`
  }
  return undefined
}

const covers = ({ upTo }: Acknowledgement, { topicId, index, offset }: Omit<Failure, 'error' | 'retry'>): boolean =>
  upTo === undefined || offset < (upTo.get(topicId)?.get(index) ?? 0)

/** Where a range is done. */
const doneIn = ({ upTo }: Acknowledgement, range: LeaseRange): number =>
  upTo === undefined ? range.upTo : Math.max(range.from, upTo.get(range.topicId)?.get(range.index) ?? 0)

/** What is to be committed between the two halves: partitions of which something is done. */
export const commitsOf = (lease: Lease, ack: Acknowledgement): readonly (LeaseRange & { readonly done: number })[] =>
  lease.ranges.map((range) => ({ ...range, done: doneIn(ack, range) })).filter(({ from, done }) => done > from)

/** The second half, when the offsets are committed: the lease has what is left, and what failed waits for its turn. */
export const acknowledge = (
  group: Group | undefined,
  token: string,
  ack: Acknowledgement,
  { nowMs }: Moment,
): Step<Acknowledged> => {
  const lease = leaseOf(group, token)
  if (lease === undefined || group?.type !== 'lease') {
    const error = repeatOf(group, token)
    const dead = group?.type === 'lease' ? deadIn(group.failed) : []
    return { group, reply: error === 'NONE' ? { error, hasMore: false, left: [], dead } : { error } }
  }
  const failed = group.failed.flatMap((record): readonly FailedRecord[] => {
    if (record.lease !== lease.number) return [record]
    if (!covers(ack, record)) return [record]
    const failure = ack.failed.find((one) => isSamePlace(one, record))
    if (failure === undefined) return []
    const { error, retry } = failure
    const isDead = !retry || record.attempts >= maxAttempts
    return [{ ...record, error, isDead, lease: null, dueMs: nowMs + restMs(record.attempts) }]
  })
  const ranges = lease.ranges
    .map((range) => ({ ...range, from: doneIn(ack, range) }))
    .filter(({ from, upTo }) => from < upTo)
  const after = withLease({ ...group, failed }, { ...lease, ranges }, nowMs)
  return {
    group: after,
    reply: { error: 'NONE', hasMore: leaseOf(after, token) !== undefined, left: ranges, dead: deadIn(failed) },
  }
}
