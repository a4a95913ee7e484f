import { errors } from '../protocol/errors.ts'
import { type KafkaCluster, Refused } from './cluster.ts'
import { type ConsumedRecord, Fetcher, type FetchSettings, type Position } from './fetch.ts'
import type { Change, Member } from './member.ts'
import {
  commitOffsets,
  committedBy,
  earliest,
  latest,
  type NewOffset,
  nameOf,
  offsetsAt,
  type TopicPartition,
} from './offsets.ts'

/** Where to begin where nothing says it. */
export type Reset = 'earliest' | 'latest'

type Listener = {
  /** Before they are given away: the last moment to commit for them. */
  readonly revoked: (partitions: readonly TopicPartition[]) => Promise<void>
  readonly assigned: (partitions: readonly TopicPartition[]) => void
}

const nobody: Listener = { revoked: async () => {}, assigned: () => {} }

/** Reads partitions: those it is told to, or those that a group gives it. */
export class KafkaConsumer {
  readonly #cluster: KafkaCluster
  readonly #fetcher: Fetcher
  readonly #reset: Reset
  readonly #member: Member | undefined
  readonly #listener: Listener
  #positions = new Map<string, Position>()
  /** What was read since the last commit. */
  readonly #uncommitted = new Map<string, NewOffset>()

  constructor(
    cluster: KafkaCluster,
    settings: FetchSettings & { readonly reset: Reset },
    member?: Member,
    listener: Listener = nobody,
  ) {
    this.#cluster = cluster
    this.#fetcher = new Fetcher(cluster, settings)
    this.#reset = settings.reset
    this.#member = member
    this.#listener = listener
  }

  knows(partition: TopicPartition): boolean {
    return this.#positions.has(nameOf(partition))
  }

  /** Reads these too: from `offset`, or as for partitions without a commit. */
  async add(partitions: readonly TopicPartition[], start: Reset | bigint = this.#reset): Promise<void> {
    const found =
      typeof start === 'bigint'
        ? new Map(partitions.map((one) => [nameOf(one), start]))
        : await offsetsAt(this.#cluster, partitions, start === 'earliest' ? earliest : latest)
    for (const one of partitions) {
      const offset = found.get(nameOf(one))
      if (offset !== undefined) this.#positions.set(nameOf(one), { ...one, offset })
    }
  }

  /** The next records; waits up to `maxWaitMs` for the first of them. What is returned counts as read. */
  async poll(maxWaitMs: number): Promise<readonly ConsumedRecord[]> {
    const change = await this.#member?.beat((partitions) => this.#giveAway(partitions))
    if (change !== undefined) await this.#take(change)
    if (this.#positions.size === 0) return []
    // In another order each time: what is large in one partition keeps nobody waiting in the others.
    const [first, ...others] = this.#positions
    if (first !== undefined) this.#positions = new Map([...others, first])
    const { records, positions, outOfRange } = await this.#fetcher.fetch([...this.#positions.values()], maxWaitMs)
    for (const position of positions) this.#positions.set(nameOf(position), position)
    if (outOfRange.length > 0) await this.add(outOfRange)
    return records
  }

  async #giveAway(partitions: readonly TopicPartition[]): Promise<void> {
    await this.#listener.revoked(partitions)
    for (const one of partitions) {
      this.#positions.delete(nameOf(one))
      this.#uncommitted.delete(nameOf(one))
    }
  }

  async #take({ assigned }: Change): Promise<void> {
    const { groupId } = this.#member?.committer() ?? { groupId: '' }
    const gained = assigned.filter((one) => !this.knows(one))
    this.#listener.assigned(gained)
    if (gained.length === 0) return
    const committed = new Map((await committedBy(this.#cluster, groupId)).map((one) => [nameOf(one), one.offset]))
    const without = gained.filter((one) => !committed.has(nameOf(one)))
    for (const one of gained) {
      const offset = committed.get(nameOf(one))
      if (offset !== undefined) this.#positions.set(nameOf(one), { ...one, offset })
    }
    await this.add(without)
  }

  /** Tells that these records are dealt with; what comes after them is committed next. */
  processed(records: readonly ConsumedRecord[]): void {
    for (const { topic, partition, offset } of records) {
      this.#uncommitted.set(nameOf({ topic, partition }), { topic, partition, offset: offset + 1n })
    }
  }

  /** What was committed; throws `Refused` where the group has gone on without this member. */
  async commit(): Promise<readonly NewOffset[]> {
    const offsets = [...this.#uncommitted.values()]
    if (this.#member !== undefined && offsets.length > 0) {
      await commitOffsets(this.#cluster, this.#member.committer(), offsets)
      this.#uncommitted.clear()
    }
    return offsets
  }

  /** Commits, unless told not to, and leaves the group. */
  async close(commits: boolean): Promise<void> {
    if (this.#member === undefined) return
    try {
      if (commits) await this.commit()
    } catch (error) {
      // Somebody else has the partitions: what was read is read again.
      if (!(error instanceof Refused)) throw error
    }
    const owned = [...this.#positions.values()].map(({ topic, partition }) => ({ topic, partition }))
    await this.#giveAway(owned)
    await this.#member.leave()
  }
}

/** Whether a commit failed because others have the partitions by now. */
export const isOvertaken = (error: unknown): error is Refused =>
  error instanceof Refused && overtaken.has(error.errorCode)

const overtaken: ReadonlySet<number> = new Set([
  errors.REBALANCE_IN_PROGRESS,
  errors.ILLEGAL_GENERATION,
  errors.GROUP_ID_NOT_FOUND,
  errors.UNKNOWN_MEMBER_ID,
  errors.FENCED_MEMBER_EPOCH,
  errors.STALE_MEMBER_EPOCH,
])
