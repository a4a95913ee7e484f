import { type GroupDocuments, GroupTooLarge } from './documents.ts'
import type { ErrorName, FailedRecord, Group, Lease, LeaseGroup, LeaseRange, Moment, Step } from './group.ts'
import {
  dueIn,
  endLast,
  extend,
  type Leased,
  type LeaseRequest,
  lend,
  lendFailed,
  release,
  touch,
  withhold,
} from './lease.ts'
import {
  type Acknowledged,
  type Acknowledgement,
  acknowledge,
  commitsOf,
  type Noted,
  noteFailures,
} from './lease-ack.ts'
import { isSamePlace, withoutEnded } from './lease-group.ts'
import type { OffsetDocuments } from './offset-documents.ts'
import type { Committed } from './offsets.ts'

/** What a group has committed, by topic id and partition index. */
export type Offsets = ReadonlyMap<string, Readonly<Record<number, Committed>>>

/** What may be lent now, as somebody who asks for it sees it. Nothing is stored by looking. */
export type View = {
  readonly offsets: Offsets
  /** Whether a partition is lent, and its lease has not ended. */
  readonly isLent: (topicId: string, index: number) => boolean
  /** Records of these topics that failed before and may be handed out again. */
  readonly due: readonly FailedRecord[]
  readonly dead: readonly FailedRecord[]
}

export type Lent =
  | { readonly error: 'NONE'; readonly lease: Lease | undefined; readonly failed: readonly FailedRecord[] }
  | { readonly error: ErrorName }

type LeasesOptions = {
  readonly documents: GroupDocuments
  readonly offsets: OffsetDocuments
  readonly now: () => number
  /** A group of another type as time has left it. */
  readonly present: (group: Group) => Group
}

/** Leases of groups: what `lease.ts` decides, stored and fenced. Throws what the stores throw, and `OutcomeUnknown`. */
export class Leases {
  readonly #options: LeasesOptions

  constructor(options: LeasesOptions) {
    this.#options = options
  }

  /** Undefined where the group is of another type and in use. */
  async look(groupId: string, topicIds: readonly string[]): Promise<View | undefined> {
    const { documents, offsets, now } = this.#options
    const stored = await documents.load(groupId)
    const nowMs = now()
    // What looking alone would make of it is stored seldom, so that nothing is written for a group that idles.
    const settled = this.#settled(stored)
    const seen = touch(settled, { nowMs, randomId: '' })
    if (seen.reply === undefined) return undefined
    const isStale = stored !== undefined && seen.reply.emptySinceMs !== settled?.emptySinceMs
    if (isStale) await this.#step(groupId, touch)
    const present = withoutEnded(seen.reply, nowMs)
    const ended = endLast(seen.reply, { nowMs, randomId: '' })
    // Stored before anything is done with what is dead: a late worker must not have its record, too.
    const dead = ended.group === seen.reply ? ended.reply : await this.#step(groupId, endLast)
    const lent = new Set(present.members.flatMap(({ ranges }) => ranges.map(keyOf)))
    return {
      offsets: stored === undefined ? new Map() : await offsets.read(stored.life, topicIds, undefined),
      isLent: (topicId, index) => lent.has(keyOf({ topicId, index })),
      due: dueIn(seen.reply, nowMs).filter(({ topicId }) => topicIds.includes(topicId)),
      dead,
    }
  }

  /** Commits where the group is to begin, in partitions of which nothing is committed. */
  async begin(groupId: string, topicId: string, offsets: ReadonlyMap<number, bigint>): Promise<ErrorName> {
    const group = await this.#step(groupId, touch)
    if (group === undefined) return 'INCONSISTENT_GROUP_PROTOCOL'
    await this.#options.offsets.begin(group.life, topicId, offsets)
    return 'NONE'
  }

  /**
   * Lends ranges that follow what is committed according to `seen`: those of them that are free, and of which nothing
   * else has been committed since.
   */
  async lend(groupId: string, ranges: readonly LeaseRange[], seen: Offsets, request: LeaseRequest): Promise<Lent> {
    const leased = await this.#lend(groupId, (group, moment) => lend(group, ranges, request, moment))
    if (!('lease' in leased) || leased.lease === undefined) return lentOf(leased)
    const { lease, group } = leased
    const topicIds = [...new Set(lease.ranges.map(({ topicId }) => topicId))]
    // From here on nobody who was lent them before can commit there any more.
    const fenced = await this.#options.offsets.read(group.life, topicIds, group.fence)
    const changed = lease.ranges.filter(
      ({ topicId, index }) => fenced.get(topicId)?.[index]?.commit !== seen.get(topicId)?.[index]?.commit,
    )
    if (changed.length === 0) return { error: 'NONE', lease, failed: [] }
    const kept = await this.#step(groupId, (present, moment) => withhold(present, lease.memberId, changed, moment))
    return { error: 'NONE', lease: kept?.ranges.length === 0 ? undefined : kept, failed: [] }
  }

  /** Lends those of these records that failed before and that nobody else was lent since. */
  async lendFailed(groupId: string, records: readonly FailedRecord[], request: LeaseRequest): Promise<Lent> {
    return lentOf(await this.#lend(groupId, (group, moment) => lendFailed(group, records, request, moment)))
  }

  async #lend(groupId: string, step: (group: Group | undefined, moment: Moment) => Step<Leased>): Promise<Leased> {
    try {
      return await this.#step(groupId, step)
    } catch (error) {
      if (error instanceof GroupTooLarge) return { error: 'GROUP_MAX_SIZE_REACHED' }
      throw error
    }
  }

  /**
   * Takes what a lease has as done: what failed is stored, then the offsets are committed, then the lease has what is
   * left. FENCED_MEMBER_EPOCH: somebody else has what it had. REQUEST_TIMED_OUT: whether it is committed is not known.
   */
  async acknowledge(groupId: string, token: string, ack: Acknowledgement): Promise<Acknowledged> {
    let noted: Noted
    try {
      noted = await this.#step(groupId, (group) => noteFailures(group, token, ack))
    } catch (error) {
      if (error instanceof GroupTooLarge) return { error: 'THROTTLING_QUOTA_EXCEEDED' }
      throw error
    }
    if (!('lease' in noted)) return noted
    const { lease } = noted
    const commits = lease === undefined ? [] : commitsOf(lease, ack)
    if (lease !== undefined && commits.length > 0) {
      const error = await this.#commit(groupId, lease, commits)
      if (error !== 'NONE') return { error }
    }
    const reply = await this.#step(groupId, (group, moment) => acknowledge(group, token, ack, moment))
    // Taken over since, by somebody who goes on behind what was committed.
    return commits.length > 0 && !('left' in reply) ? { error: 'NONE', hasMore: false, left: [], dead: [] } : reply
  }

  async #commit(
    groupId: string,
    { memberId, number }: Lease,
    commits: readonly (LeaseRange & { readonly done: number })[],
  ): Promise<ErrorName> {
    const topicIds = [...new Set(commits.map(({ topicId }) => topicId))]
    const topics = topicIds.map((topicId) => ({
      topicId,
      commits: commits
        .filter((one) => one.topicId === topicId)
        .map(({ index, done }) => ({ index, offset: BigInt(done), leaderEpoch: -1, metadata: '' })),
    }))
    const committer = { memberId, instanceId: null, generationOrEpoch: number, isLease: true }
    const answers = await this.#options.offsets.commit(groupId, committer, topics)
    const errors = [...answers.values()].filter((error) => error !== 'NONE')
    return errors.find((error) => error === 'REQUEST_TIMED_OUT') ?? errors[0] ?? 'NONE'
  }

  async extend(groupId: string, token: string, leaseMs: number) {
    return this.#step(groupId, (group, moment) => extend(group, token, leaseMs, moment))
  }

  async release(groupId: string, token: string): Promise<ErrorName> {
    return this.#step(groupId, (group, moment) => release(group, token, moment))
  }

  /** Forgets records that failed and were taken away, or are gone, unless somebody has them. */
  async bury(groupId: string, records: readonly FailedRecord[]): Promise<void> {
    if (records.length === 0) return
    await this.#forget(groupId, (record) => record.lease === null && records.some((one) => isSamePlace(one, record)))
  }

  /** Forgets records that come once more with everything from an offset on. */
  async forgetFrom(groupId: string, topicId: string, offsets: ReadonlyMap<number, bigint>): Promise<void> {
    await this.#forget(groupId, ({ topicId: own, index, offset, lease, isDead }) => {
      const from = offsets.get(index)
      return own === topicId && lease === null && !isDead && from !== undefined && BigInt(offset) >= from
    })
  }

  async #forget(groupId: string, isForgotten: (record: FailedRecord) => boolean): Promise<void> {
    await this.#step<void>(groupId, (group) => {
      if (group?.type !== 'lease' || !group.failed.some(isForgotten)) return { group, reply: undefined }
      return { group: { ...group, failed: group.failed.filter((one) => !isForgotten(one)) }, reply: undefined }
    })
  }

  /** A group of leases as it is stored, leases that have ended among them; undefined where it is none. */
  async describe(groupId: string): Promise<LeaseGroup | undefined> {
    const group = await this.#options.documents.load(groupId)
    return group?.type === 'lease' ? group : undefined
  }

  #step<Reply>(groupId: string, step: (group: Group | undefined, moment: Moment) => Step<Reply>): Promise<Reply> {
    return this.#options.documents.step(groupId, (group, moment) => step(this.#settled(group), moment))
  }

  /** Members of another type that have died are gone; leases that have ended are as good as before. */
  #settled(group: Group | undefined): Group | undefined {
    return group === undefined || group.type === 'lease' ? group : this.#options.present(group)
  }
}

const keyOf = ({ topicId, index }: { readonly topicId: string; readonly index: number }): string =>
  `${topicId}-${index}`

const lentOf = (leased: Leased): Lent => {
  if (!('lease' in leased)) return leased
  const { lease, group } = leased
  return { error: 'NONE', lease, failed: group.failed.filter((one) => lease && one.lease === lease.number) }
}
