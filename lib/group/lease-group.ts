import type { FailedRecord, Lease, LeaseGroup, LeaseRange } from './group.ts'

/** A lease as its holder names it. */
export const tokenOf = (number: number, life: string): string => `${number}-${life}`

/** How often a record is handed out before it is dead, and how long after each failure it rests. */
export const maxAttempts = 5
const restsMs = [1000, 10_000, 60_000, 600_000] as const

export const restMs = (attempts: number): number => restsMs[attempts - 1] ?? restsMs[restsMs.length - 1] ?? 0

export const hasEnded = ({ untilMs }: Lease, nowMs: number): boolean => nowMs >= untilMs

/** The group as somebody who may take over what has ended sees it. */
export const withoutEnded = (group: LeaseGroup, nowMs: number): LeaseGroup =>
  withoutLeases(group, (lease) => hasEnded(lease, nowMs))

/** The group as somebody who holds no lease may change its offsets: whoever is lent something next knows of it. */
export const opened = (group: LeaseGroup, nowMs: number): LeaseGroup => {
  const present = withoutEnded(group, nowMs)
  return present.members.length > 0 || present.isOpen ? present : { ...present, isOpen: true }
}

/**
 * Without these leases. What they had goes to somebody else, who must not meet their late commits: the fence rises. A
 * record that was handed out for the last time and has not come back is dead.
 */
export const withoutLeases = (group: LeaseGroup, ends: (lease: Lease) => boolean): LeaseGroup => {
  const ended = group.members.filter(ends)
  if (ended.length === 0) return group
  const members = group.members.filter((lease) => !ended.includes(lease))
  const numbers = new Set(ended.map(({ number }) => number))
  const hadRanges = ended.some(({ ranges }) => ranges.length > 0)
  return {
    ...group,
    fence: hadRanges ? group.fence + 1 : group.fence,
    members,
    emptySinceMs: members.length > 0 ? undefined : Math.max(...ended.map(({ untilMs }) => untilMs)),
    failed: group.failed.map((record) =>
      record.lease !== null && numbers.has(record.lease)
        ? { ...record, lease: null, isDead: record.attempts >= maxAttempts }
        : record,
    ),
  }
}

/** The group with one lease changed; a lease that has nothing any more is done. */
export const withLease = (group: LeaseGroup, changed: Lease, nowMs: number): LeaseGroup => {
  const { number } = changed
  const isDone = changed.ranges.length === 0 && group.failed.every(({ lease }) => lease !== number)
  if (!isDone) {
    return { ...group, members: group.members.map((lease) => (lease.number === number ? changed : lease)) }
  }
  const members = group.members.filter((lease) => lease.number !== number)
  const done = [...group.done, number].slice(-maxDone)
  return { ...group, members, done, emptySinceMs: members.length > 0 ? undefined : nowMs }
}

/** Leases that are remembered after they are done. */
const maxDone = 64

type Place = Pick<FailedRecord, 'topicId' | 'index' | 'offset'>

export const isSamePlace = (a: Place, b: Place): boolean =>
  a.topicId === b.topicId && a.index === b.index && a.offset === b.offset

export const isIn = (range: LeaseRange, { topicId, index, offset }: Place): boolean =>
  range.topicId === topicId && range.index === index && range.from <= offset && offset < range.upTo

export const deadIn = (failed: readonly FailedRecord[]): readonly FailedRecord[] =>
  failed.filter(({ isDead }) => isDead)
