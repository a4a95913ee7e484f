import { maxGroupIdBytes } from '../store/keys.ts'
import {
  type ConsumerReply,
  type ConsumerRequest,
  consumerHeartbeat,
  refusedConsumer,
  type WantedTopics,
  wantedTopics,
} from './consumer.ts'
import {
  type ClassicDescription,
  type ConsumerDescription,
  describeGroup,
  isSubscribed,
  type ListedGroup,
  listed,
} from './describe.ts'
import { GroupDocuments, type GroupStores, GroupTooLarge } from './documents.ts'
import { expire } from './expire.ts'
import type { ErrorName, Group, GroupTopic, Step } from './group.ts'
import type { DeletedGroup } from './group-bytes.ts'
import { type HeartbeatRequest, heartbeat } from './heartbeat.ts'
import { awaitJoin, giveUpJoin, type JoinReply, type JoinRequest, join, newMemberId, refused } from './join.ts'
import { opened } from './lease-group.ts'
import { Leases } from './leases.ts'
import { type Leaver, leave } from './leave.ts'
import { LifeSigns } from './life-signs.ts'
import { defaultGroupLimits, type GroupLimits } from './limits.ts'
import { OffsetDocuments, type TopicCommits } from './offset-documents.ts'
import { type Commit, type Committed, type Committer, fetchRefusal, isExpired } from './offsets.ts'
import { keepSnapshot, type Snapshot, snapshotsOf } from './snapshots.ts'
import { refusedSync, type SyncReply, type SyncRequest, sync } from './sync.ts'

/** Topics as the new protocol needs them. */
export type TopicSource = {
  find(name: string): Promise<GroupTopic | undefined>
  all(): Promise<readonly GroupTopic[]>
}

export type FetchedOffsets = {
  readonly error: ErrorName
  /** By topic id and partition index; what is not there has not been committed. */
  readonly offsets: ReadonlyMap<string, Readonly<Record<number, Committed>>>
}

export type OffsetsToDelete = {
  readonly topicId: string
  readonly name: string
  readonly indexes: readonly number[]
}

/** Groups behind this one, in the order of ids, until this time. */
export type CleanUpPart = { readonly after?: string; readonly untilMs?: number }

export type CleanedUp = {
  /** Groups that are deleted now. */
  readonly deleted: number
  /** The last group that was looked at; undefined when all were. */
  readonly stoppedAfter: string | undefined
}

/**
 * Consumer groups, as the handlers of Kafka's APIs and others ask for them. It keeps nothing between calls that another
 * instance would have to know: any number of them over the same stores serve the same groups. Throws what the stores
 * throw, `OutcomeUnknown`, and `NewerGroupFormat`; everything else is in the answers.
 */
export class Groups {
  readonly #stores: GroupStores
  readonly #topics: TopicSource
  readonly #limits: GroupLimits
  readonly #documents: GroupDocuments
  readonly #offsets: OffsetDocuments
  readonly #signs = new LifeSigns()
  /** What is lent to workers that come over HTTP. */
  readonly leases: Leases

  constructor(stores: GroupStores, topics: TopicSource, limits: Partial<GroupLimits> = {}) {
    this.#stores = stores
    this.#topics = topics
    this.#limits = { ...defaultGroupLimits, ...limits }
    this.#documents = new GroupDocuments(stores, this.#limits)
    const { writeTimeoutMs } = this.#limits
    const settled = (groupId: string): Promise<Group | undefined> => this.#settled(groupId)
    this.#offsets = new OffsetDocuments({ ...stores, documents: this.#documents, writeTimeoutMs, settled })
    this.leases = new Leases({
      documents: this.#documents,
      offsets: this.#offsets,
      now: () => stores.clock.now(),
      present: (group) => this.#present(group),
    })
  }

  /** How often members of the new protocol are to call. */
  get heartbeatIntervalMs(): number {
    return this.#limits.consumerHeartbeatIntervalMs
  }

  async join(groupId: string, request: JoinRequest): Promise<JoinReply> {
    if (!isGroupId(groupId)) return refused('INVALID_GROUP_ID', request)
    let waiting = request.memberId
    try {
      const reply = await this.#documents.stepUntil<JoinReply>(
        groupId,
        (group, moment, looks) => {
          if (looks > 0) return awaitJoin(group, request, waiting, moment)
          if (request.memberId === '') waiting = newMemberId(request, moment)
          return join(group, request, this.#limits, moment)
        },
        this.#limits.joinHoldMs,
      )
      if (reply !== 'wait') return reply
      if (request.memberId === '' && request.instanceId === null) {
        await this.#documents.step(groupId, (group, moment) => giveUpJoin(group, waiting, moment))
      }
      // The client comes again, with the same member id if it was told one.
      return refused('COORDINATOR_LOAD_IN_PROGRESS', request)
    } catch (error) {
      if (error instanceof GroupTooLarge) return refused('GROUP_MAX_SIZE_REACHED', request)
      throw error
    }
  }

  async sync(groupId: string, request: SyncRequest): Promise<SyncReply> {
    if (!isGroupId(groupId)) return refusedSync('INVALID_GROUP_ID')
    const reply = await this.#documents.stepUntil<SyncReply>(
      groupId,
      (group, moment) => sync(group, request, moment),
      this.#limits.syncHoldMs,
    )
    // The client joins again, is told the same generation at once, and syncs again.
    return reply === 'wait' ? refusedSync('REBALANCE_IN_PROGRESS') : reply
  }

  async heartbeat(groupId: string, request: HeartbeatRequest): Promise<ErrorName> {
    if (!isGroupId(groupId)) return 'INVALID_GROUP_ID'
    return this.#documents.step<ErrorName>(
      groupId,
      (group, moment) => {
        const step = heartbeat(group, request, moment)
        if (step.reply === 'NONE') this.#signs.heard(groupId, request.memberId, moment.nowMs)
        return this.#withSigns(groupId, group, step)
      },
      (error) => error === 'NONE',
    )
  }

  /** An answer for each. */
  async leave(groupId: string, leavers: readonly Leaver[]): Promise<readonly ErrorName[]> {
    if (!isGroupId(groupId)) return leavers.map(() => 'INVALID_GROUP_ID')
    return this.#documents.step<readonly ErrorName[]>(groupId, (group, moment) => leave(group, leavers, moment))
  }

  async consumerHeartbeat(groupId: string, request: ConsumerRequest): Promise<ConsumerReply> {
    if (groupId === '') return refusedConsumer('INVALID_REQUEST', "GroupId can't be empty.")
    if (!isGroupId(groupId)) return refusedConsumer('INVALID_GROUP_ID', 'GroupId is too long.')
    try {
      return await this.#documents.step<ConsumerReply>(groupId, async (group, moment) => {
        const wanted = wantedTopics(group, request, this.#limits, moment.nowMs)
        const topics = wanted && (await this.#lookUp(wanted))
        const step = consumerHeartbeat(group, request, topics, this.#limits, moment)
        if (step.reply.error === 'NONE') this.#signs.heard(groupId, step.reply.memberId, moment.nowMs)
        return this.#withSigns(groupId, group, step)
      })
    } catch (error) {
      if (error instanceof GroupTooLarge) return refusedConsumer('GROUP_MAX_SIZE_REACHED', 'The group is too large.')
      throw error
    }
  }

  /** Whoever has the document written has all signs of life written that came to this instance. */
  #withSigns<Reply>(groupId: string, before: Group | undefined, step: Step<Reply>): Step<Reply> {
    const { group, reply } = step
    return group === undefined || group === before ? step : { group: this.#signs.writtenInto(groupId, group), reply }
  }

  async #lookUp({ names, all }: WantedTopics): Promise<readonly GroupTopic[]> {
    const topics = all ? await this.#topics.all() : await Promise.all(names.map((name) => this.#topics.find(name)))
    return topics.flatMap((topic) => (topic ? [{ id: topic.id, name: topic.name, partitions: topic.partitions }] : []))
  }

  /**
   * What became of each commit, by topic and partition. REQUEST_TIMED_OUT: it may have been stored, or may be yet.
   * A topic is there once, and so is each of its partitions.
   */
  async commit(
    groupId: string,
    committer: Committer,
    topics: readonly TopicCommits[],
  ): Promise<ReadonlyMap<string, ReadonlyMap<number, ErrorName>>> {
    const { maxMetadataBytes } = this.#limits
    const fits = ({ metadata }: Commit): boolean => Buffer.byteLength(metadata) <= maxMetadataBytes
    const fitting = topics.map(({ topicId, commits }) => ({ topicId, commits: commits.filter(fits) }))
    const answers = isGroupId(groupId)
      ? await this.#offsets.commit(groupId, committer, fitting)
      : new Map<string, ErrorName>(topics.map(({ topicId }) => [topicId, 'INVALID_GROUP_ID']))
    const answerTo = (topicId: string, commit: Commit): ErrorName => {
      const answer = answers.get(topicId) ?? 'UNKNOWN_SERVER_ERROR'
      return answer === 'NONE' && !fits(commit) ? 'OFFSET_METADATA_TOO_LARGE' : answer
    }
    return new Map(
      topics.map(({ topicId, commits }) => [
        topicId,
        new Map(commits.map((commit) => [commit.index, answerTo(topicId, commit)])),
      ]),
    )
  }

  /** Of these topics, or of all. `memberId` is null where it is no member that asks, or none that says so. */
  async fetchOffsets(
    groupId: string,
    asking: { readonly memberId: string | null; readonly memberEpoch: number },
    topicIds: readonly string[] | undefined,
  ): Promise<FetchedOffsets> {
    const nothing = new Map<string, never>()
    if (!isGroupId(groupId)) return { error: 'INVALID_GROUP_ID', offsets: nothing }
    const loaded = await this.#documents.load(groupId)
    // Nobody is given anything that was lent by fetching offsets: looking ends no lease.
    const group = loaded?.type === 'lease' ? loaded : await this.#settled(groupId)
    const error = fetchRefusal(group, asking)
    if (error !== undefined) return { error, offsets: nothing }
    if (group === undefined) return { error: 'NONE', offsets: nothing }
    // Without members nobody can get a partition from somebody else.
    const fence = group.members.length === 0 || group.type === 'lease' ? undefined : group.fence
    const offsets = await this.#offsets.read(group.life, topicIds, fence)
    return { error: 'NONE', offsets: this.#unexpired(group, offsets) }
  }

  #unexpired(group: Group, offsets: FetchedOffsets['offsets']): FetchedOffsets['offsets'] {
    const age = { retentionMs: this.#limits.offsetsRetentionMs, nowMs: this.#stores.clock.now() }
    if (group.emptySinceMs === undefined) return offsets
    return new Map(
      [...offsets].map(([topicId, partitions]) => {
        const kept = Object.entries(partitions).filter(([, committed]) => !isExpired(group, committed, age))
        return [topicId, Object.fromEntries(kept)]
      }),
    )
  }

  /** Forgets offsets of topics that nobody in the group consumes from; an error for the whole, or one by topic id. */
  async deleteOffsets(
    groupId: string,
    topics: readonly OffsetsToDelete[],
  ): Promise<{ readonly error: ErrorName; readonly topics: ReadonlyMap<string, ErrorName> }> {
    const none = new Map<string, ErrorName>()
    const group = isGroupId(groupId) ? await this.#settled(groupId) : undefined
    if (group === undefined) return { error: 'GROUP_ID_NOT_FOUND', topics: none }
    const subscribed = topics.map(({ name }) => isSubscribed(group, name))
    if (subscribed.includes(undefined)) return { error: 'NON_EMPTY_GROUP', topics: none }
    const answers = topics.map(async ({ topicId, indexes }, i): Promise<readonly [string, ErrorName]> => {
      if (subscribed[i]) return [topicId, 'GROUP_SUBSCRIBED_TO_TOPIC']
      await this.#offsets.remove(group.life, topicId, new Set(indexes))
      return [topicId, 'NONE']
    })
    return { error: 'NONE', topics: new Map(await Promise.all(answers)) }
  }

  /** Keeps what is committed, under a name, in a group that exists. Throws `SnapshotTooLarge`. */
  async keepSnapshot(groupId: string, snapshot: Snapshot): Promise<void> {
    const group = await this.#load(groupId)
    if (group) await keepSnapshot(this.#stores, group.life, snapshot, this.#limits.writeTimeoutMs)
  }

  /** The newest last. */
  async snapshots(groupId: string): Promise<readonly Snapshot[]> {
    const group = await this.#load(groupId)
    return group ? snapshotsOf(this.#stores, group.life) : []
  }

  /** All groups, in the order of their ids. */
  async list(): Promise<readonly ListedGroup[]> {
    const groups: ListedGroup[] = []
    for await (const { groupId, group } of this.#documents.all()) {
      if (group.type !== 'deleted') groups.push(listed(groupId, this.#present(group)))
    }
    return groups
  }

  /** Undefined where there is no group of this id. */
  async describe(groupId: string): Promise<ClassicDescription | ConsumerDescription | undefined> {
    const group = await this.#load(groupId)
    return group && describeGroup(group)
  }

  /**
   * Deletes a group that has no members. Nobody can reach what it has committed any more; `deleteExpired` deletes it,
   * because whoever serves groups may not be allowed to delete items.
   */
  async delete(groupId: string): Promise<ErrorName> {
    if (!isGroupId(groupId)) return 'GROUP_ID_NOT_FOUND'
    type Change = { readonly group: Group | DeletedGroup | undefined; readonly reply: ErrorName }
    return this.#documents.step<ErrorName>(groupId, (group, { nowMs }): Change => {
      if (group === undefined) return { group, reply: 'GROUP_ID_NOT_FOUND' }
      if (this.#present(group).members.length > 0) return { group, reply: 'NON_EMPTY_GROUP' }
      return { group: { type: 'deleted', life: group.life, deletedMs: nowMs }, reply: 'NONE' }
    })
  }

  /**
   * Deletes groups that have been empty for so long that all they have committed is forgotten, and what deletions and
   * rebalances have left behind. May run at any time, twice, or never. Begins with no group after `untilMs`; another run
   * goes on behind the group where this one has stopped.
   */
  async deleteExpired({ after = '', untilMs = Number.POSITIVE_INFINITY }: CleanUpPart = {}): Promise<CleanedUp> {
    const { clock } = this.#stores
    let deleted = 0
    let last = after
    for await (const { groupId, group, hasObjects, sweep, noteEmptied } of this.#documents.all(after)) {
      const nowMs = clock.now()
      if (nowMs >= untilMs) return { deleted, stoppedAfter: last }
      last = groupId
      if (group.type !== 'deleted') {
        if (hasObjects) await sweep()
        if ((await this.#isExpired(group)) && (await this.delete(groupId)) === 'NONE') deleted++
      } else if (isToBeEmptied(group, nowMs)) {
        await this.#offsets.drop(group.life)
        await sweep()
        await noteEmptied(nowMs)
      }
    }
    return { deleted, stoppedAfter: undefined }
  }

  /** It has been empty for so long that all it has committed is forgotten. */
  async #isExpired(group: Group): Promise<boolean> {
    const age = { retentionMs: this.#limits.offsetsRetentionMs, nowMs: this.#stores.clock.now() }
    const present = this.#present(group)
    const { emptySinceMs } = present
    if (emptySinceMs === undefined || age.nowMs - emptySinceMs < age.retentionMs) return false
    const offsets = await this.#offsets.read(group.life, undefined, undefined)
    const kept = [...offsets.values()].flatMap((partitions) => Object.values(partitions))
    return kept.every((committed) => isExpired(present, committed, age))
  }

  /** The group as time has left it. */
  async #load(groupId: string): Promise<Group | undefined> {
    const group = isGroupId(groupId) ? await this.#documents.load(groupId) : undefined
    return group && this.#present(group)
  }

  /**
   * The same, stored first: what rests on members being gone must be true for every other coordinator too, or a sign of
   * life that is under way would bring them back.
   */
  #settled(groupId: string): Promise<Group | undefined> {
    return this.#documents.step(groupId, (group, { nowMs }) => {
      const present = group?.type === 'lease' ? opened(group, nowMs) : group && this.#present(group)
      return { group: present, reply: present }
    })
  }

  #present(group: Group): Group {
    return expire(group, this.#limits, this.#stores.clock.now())
  }
}

/** Whether groups can have this id. */
export const isGroupId = (groupId: string): boolean => groupId !== '' && Buffer.byteLength(groupId) <= maxGroupIdBytes

/** Offsets of a deleted group that were under way come within this time. */
const leftoversForMs = 24 * 3600_000

/** Twice: soon after it was deleted, and once more when nothing that was under way then can come any more. */
const isToBeEmptied = ({ deletedMs, emptiedMs }: DeletedGroup, nowMs: number): boolean =>
  emptiedMs === undefined || (emptiedMs - deletedMs < leftoversForMs && nowMs - deletedMs >= leftoversForMs)
