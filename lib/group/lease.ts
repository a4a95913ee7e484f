import {
  asLease,
  type ErrorName,
  type FailedRecord,
  type Group,
  type Lease,
  type LeaseGroup,
  type LeaseRange,
  type Moment,
  newGroup,
  type Step,
} from './group.ts'
import {
  deadIn,
  hasEnded,
  isIn,
  isSamePlace,
  maxAttempts,
  tokenOf,
  withLease,
  withoutEnded,
  withoutLeases,
} from './lease-group.ts'

/**
 * The steps of a lease: a number under which a worker has some records, until it says what became of them. Time decides
 * only when somebody else may take them over. Who is right is decided by the number: a lease that is in the group's
 * document is good, however late it is, and one that is not there any more is not.
 *
 * What a lease has is what nobody has committed: one that commits all of it needs no fence when it ends, because its
 * commits only go forward, and none can go beyond what is committed already.
 */
export type LeaseRequest = {
  readonly clientId: string
  readonly clientHost: string
  readonly leaseMs: number
}

export type Leased =
  | { readonly error: 'NONE'; readonly lease: Lease | undefined; readonly group: LeaseGroup }
  | { readonly error: ErrorName }

/** Leases of one group at a time, and partitions in all of them. */
const maxLeases = 500
const maxLeasedPartitions = 1000

/** The group as one of leases; a group that is not there is made. Undefined while it is of another type and in use. */
const enter = (group: Group | undefined, moment: Moment): LeaseGroup | undefined => asLease(group ?? newGroup(moment))

/** Says that somebody still asks for records, although there are none: what the group has committed is kept. */
export const touch = (group: Group | undefined, moment: Moment): Step<LeaseGroup | undefined> => {
  const entered = enter(group, moment)
  if (entered === undefined) return { group, reply: undefined }
  // Leases that ended long ago and that nobody has missed would make it look as if it were in use.
  const idle = withoutEnded(entered, moment.nowMs - touchAfterMs)
  const isFresh = idle.emptySinceMs === undefined || moment.nowMs - idle.emptySinceMs < touchAfterMs
  const touched = isFresh ? idle : { ...idle, emptySinceMs: moment.nowMs }
  return { group: touched, reply: touched }
}

const touchAfterMs = 3_600_000

/**
 * Takes over leases that have ended with records which were handed out for the last time: those are dead, and from here
 * on nobody can say otherwise. Tells what is dead.
 */
export const endLast = (group: Group | undefined, { nowMs }: Moment): Step<readonly FailedRecord[]> => {
  if (group?.type !== 'lease') return { group, reply: [] }
  const isLast = (lease: Lease): boolean =>
    hasEnded(lease, nowMs) &&
    group.failed.some((record) => record.lease === lease.number && record.attempts >= maxAttempts)
  const left = withoutLeases(group, isLast)
  return { group: left, reply: deadIn(left.failed) }
}

/** Lends those ranges that are free, or whose lease has ended. */
export const lend = (
  group: Group | undefined,
  ranges: readonly LeaseRange[],
  request: LeaseRequest,
  moment: Moment,
): Step<Leased> => {
  const entered = enter(group, moment)
  if (entered === undefined) return { group, reply: { error: 'INCONSISTENT_GROUP_PROTOCOL' } }
  const { nowMs } = moment
  const isWanted = (lease: Lease): boolean =>
    lease.ranges.some((lent) => ranges.some((one) => isSamePartition(one, lent)))
  const freed = withoutLeases(entered, (lease) => hasEnded(lease, nowMs) && isWanted(lease))
  const lent = freed.members.flatMap((lease) => lease.ranges)
  const free = ranges.filter((range) => !lent.some((other) => isSamePartition(range, other)))
  if (free.length === 0) return { group, reply: { error: 'NONE', lease: undefined, group: entered } }
  if (lent.length + free.length > maxLeasedPartitions) return { group, reply: { error: 'GROUP_MAX_SIZE_REACHED' } }
  return lendTo(group, freed, free, request, nowMs)
}

/** Lends those of these records that failed before, are due, and are not lent again already. */
export const lendFailed = (
  group: Group | undefined,
  wanted: readonly FailedRecord[],
  request: LeaseRequest,
  moment: Moment,
): Step<Leased> => {
  const entered = enter(group, moment)
  if (entered === undefined) return { group, reply: { error: 'INCONSISTENT_GROUP_PROTOCOL' } }
  const { nowMs } = moment
  const freed = withoutFailedHolders(entered, nowMs)
  const isDue = (record: FailedRecord): boolean =>
    mayBeLent(record, nowMs) && wanted.some((one) => isSamePlace(one, record))
  if (!freed.failed.some(isDue)) return { group, reply: { error: 'NONE', lease: undefined, group: entered } }
  const lease = freed.epoch + 1
  const failed = freed.failed.map((record) =>
    isDue(record) ? { ...record, lease, attempts: record.attempts + 1 } : record,
  )
  return lendTo(group, { ...freed, failed }, [], request, nowMs)
}

const lendTo = (
  before: Group | undefined,
  group: LeaseGroup,
  ranges: readonly LeaseRange[],
  { clientId, clientHost, leaseMs }: LeaseRequest,
  nowMs: number,
): Step<Leased> => {
  if (group.members.length >= maxLeases) return { group: before, reply: { error: 'GROUP_MAX_SIZE_REACHED' } }
  const number = group.epoch + 1
  const lease: Lease = {
    memberId: tokenOf(number, group.life),
    instanceId: null,
    number,
    clientId,
    clientHost,
    untilMs: nowMs + leaseMs,
    ranges,
  }
  const lent: LeaseGroup = {
    ...group,
    failed: group.failed.map((record) =>
      !record.isDead && isAmong(ranges, record) ? { ...record, lease: number } : record,
    ),
    epoch: number,
    fence: group.isOpen ? group.fence + 1 : group.fence,
    isOpen: false,
    emptySinceMs: undefined,
    members: [...group.members, lease],
  }
  return { group: lent, reply: { error: 'NONE', lease, group: lent } }
}

/**
 * Whether a record that failed is lent with everything around it: its lease ended before the offset behind it was
 * committed. It goes to whoever has the range, and to nobody else, or it would fail, and become a dead letter, twice.
 */
const isAmong = (ranges: readonly LeaseRange[], record: FailedRecord): boolean =>
  ranges.some((range) => isIn(range, record))

const isSamePartition = (a: LeaseRange, b: LeaseRange): boolean => a.topicId === b.topicId && a.index === b.index

/** Leases of records that failed end for those records alone, so that nobody's ranges are taken. */
const withoutFailedHolders = (group: LeaseGroup, nowMs: number): LeaseGroup =>
  withoutLeases(group, (lease) => lease.ranges.length === 0 && hasEnded(lease, nowMs))

const mayBeLent = ({ lease, isDead, dueMs }: FailedRecord, nowMs: number): boolean =>
  lease === null && !isDead && dueMs <= nowMs

/** Records that may be handed out again, the one that has waited longest first. */
export const dueIn = (group: LeaseGroup, nowMs: number): readonly FailedRecord[] =>
  withoutFailedHolders(group, nowMs)
    .failed.filter((record) => mayBeLent(record, nowMs))
    .toSorted((a, b) => a.dueMs - b.dueMs)

/** Takes ranges back from a lease whose holder has not been told of them. */
export const withhold = (
  group: Group | undefined,
  token: string,
  ranges: readonly LeaseRange[],
  { nowMs }: Moment,
): Step<Lease | undefined> => {
  const lease = leaseOf(group, token)
  if (lease === undefined || group?.type !== 'lease') return { group, reply: undefined }
  const kept = lease.ranges.filter((range) => !ranges.some((other) => isSamePartition(range, other)))
  const changed = { ...lease, ranges: kept }
  // What failed in them and is committed meanwhile waits for its turn again.
  const failed = group.failed.map((record) =>
    record.lease === lease.number && !isAmong(kept, record) ? { ...record, lease: null } : record,
  )
  return { group: withLease({ ...group, failed }, changed, nowMs), reply: changed }
}

/** When the lease ends now, or why it cannot. */
export const extend = (
  group: Group | undefined,
  token: string,
  leaseMs: number,
  { nowMs }: Moment,
): Step<{ readonly error: ErrorName; readonly untilMs: number }> => {
  const lease = leaseOf(group, token)
  if (lease === undefined || group?.type !== 'lease')
    return { group, reply: { error: 'FENCED_MEMBER_EPOCH', untilMs: 0 } }
  const untilMs = nowMs + leaseMs
  return { group: withLease(group, { ...lease, untilMs }, nowMs), reply: { error: 'NONE', untilMs } }
}

/** Gives back what a lease has: nobody has worked on it. */
export const release = (group: Group | undefined, token: string, { nowMs }: Moment): Step<ErrorName> => {
  const lease = leaseOf(group, token)
  if (lease === undefined || group?.type !== 'lease') return { group, reply: repeatOf(group, token) }
  const failed = group.failed.map((record) =>
    record.lease === lease.number && !isAmong(lease.ranges, record)
      ? { ...record, attempts: record.attempts - 1 }
      : record,
  )
  const released = withoutLeases({ ...group, failed }, (one) => one === lease)
  const emptySinceMs = released.members.length > 0 ? undefined : nowMs
  return { group: { ...released, emptySinceMs }, reply: 'NONE' }
}

export const leaseOf = (group: Group | undefined, token: string): Lease | undefined =>
  group?.type === 'lease' ? group.members.find(({ memberId }) => memberId === token) : undefined

/** What a lease that is not there is told: one that is done was acknowledged, by a request whose answer was lost. */
export const repeatOf = (group: Group | undefined, token: string): ErrorName =>
  group?.type === 'lease' && group.done.some((number) => tokenOf(number, group.life) === token)
    ? 'NONE'
    : 'FENCED_MEMBER_EPOCH'
