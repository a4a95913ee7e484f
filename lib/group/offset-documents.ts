import { OutcomeUnknown } from '../store/documents.ts'
import { type Item, type Items, maxItemBytes } from '../store/items.ts'
import { afterTopicIds, offsetsKey, offsetsPartition, snapshotsKey } from '../store/keys.ts'
import type { GroupClock, GroupDocuments } from './documents.ts'
import { type ErrorName, type Group, newGroup } from './group.ts'
import {
  type Commit,
  type Committed,
  type Committer,
  commitRefusal,
  committed,
  noOffsets,
  type OffsetsDocument,
} from './offsets.ts'
import { decodeOffsets, encodeOffsets } from './offsets-bytes.ts'
import { partitionsOf } from './partitions.ts'
import { Turns } from './turns.ts'

export type TopicCommits = { readonly topicId: string; readonly commits: readonly Commit[] }

export type OffsetsOptions = {
  readonly items: Items
  readonly clock: GroupClock
  readonly documents: GroupDocuments
  readonly writeTimeoutMs: number
  /** The group as time has left it, and stored as that. */
  readonly settled: (groupId: string) => Promise<Group | undefined>
}

/** Without an answer, or after a conflict, the next try comes after at most so long, then at most twice as long. */
const firstPauseMs = 10
const longestPauseMs = 1000
/** Lives of groups that an instance remembers. */
const maxLives = 10_000

/** An offsets document as it was read. */
type Loaded = {
  readonly document: OffsetsDocument | undefined
  readonly version: number | undefined
  readonly attempt: string | undefined
}

/** Commits, fetches and deletes offsets; `offsets.ts` says why it is in this order. */
export class OffsetDocuments {
  readonly #options: OffsetsOptions
  readonly #turns = new Turns()
  /** Where a group's offsets were last time; checked before anything is written there. */
  readonly #lives = new Map<string, string>()

  constructor(options: OffsetsOptions) {
    this.#options = options
  }

  /** What became of the commits, by topic. REQUEST_TIMED_OUT: they may have been stored, or may be yet. */
  commit(
    groupId: string,
    committer: Committer,
    topics: readonly TopicCommits[],
  ): Promise<ReadonlyMap<string, ErrorName>> {
    const untilMs = this.#options.clock.now() + this.#options.writeTimeoutMs
    // Commits of one instance keep their order.
    return this.#turns.take(groupId, () => this.#commit(groupId, committer, topics, untilMs))
  }

  async #commit(
    groupId: string,
    committer: Committer,
    topics: readonly TopicCommits[],
    untilMs: number,
  ): Promise<ReadonlyMap<string, ErrorName>> {
    const { settled, documents } = this.#options
    // A lease that has ended is as good as before until somebody takes over: looking at it must not end it.
    const present = committer.isLease ? (id: string) => documents.load(id) : settled
    const answers = new Map<string, ErrorName>()
    let life = this.#lives.get(groupId)
    let tries = topics.map((topic) => new CommitTry(topic))
    for (const pause of this.#pauses(untilMs)) {
      if (life !== undefined) {
        const where = life
        await Promise.all(tries.map(async (one) => one.look(await this.#load(where, one.topic.topicId))))
      }
      const group = await present(groupId)
      const refusal = commitRefusal(group, committer, partitionsIn(tries))
      if (refusal !== undefined) {
        for (const one of tries) answers.set(one.topic.topicId, one.refused(refusal))
        return answers
      }
      if (group === undefined || group.life !== life) {
        life = group?.life ?? (await this.#makeGroup(groupId))
        this.#remember(groupId, life)
        tries = tries.map(({ topic }) => new CommitTry(topic))
        continue
      }
      await Promise.all(tries.map((one) => this.#write(group, one, committer)))
      for (const { topic, answer } of tries) if (answer !== undefined) answers.set(topic.topicId, answer)
      tries = tries.filter(({ answer }) => answer === undefined)
      if (tries.length === 0) return answers
      if (!(await pause())) break
    }
    for (const { topic } of tries) answers.set(topic.topicId, 'REQUEST_TIMED_OUT')
    return answers
  }

  /** Somebody commits to a group that nobody has joined yet. */
  #makeGroup(groupId: string): Promise<string> {
    return this.#options.documents.step(groupId, (group, moment) => {
      const made = group ?? newGroup(moment)
      return { group: made, reply: made.life }
    })
  }

  async #write({ life, fence }: Group, one: CommitTry, { isLease }: Committer): Promise<void> {
    const { loaded, topic } = one
    const seen = isLease ? noOffsets : one.seen
    const before = loaded.document ?? noOffsets
    if (loaded.attempt !== undefined && one.attempts.has(loaded.attempt)) return one.settle('NONE')
    const after = committed(before, topic.commits, { seen, fence, nowMs: this.#options.clock.now() })
    if (after === before) return one.settle('NONE')
    const body = encodeOffsets(after)
    if (body.length > maxItemBytes) return one.settle('OFFSET_METADATA_TOO_LARGE')
    const attempt = this.#options.clock.randomId()
    one.attempts.add(attempt)
    const outcome = await this.#put(life, topic.topicId, { attempt, body }, loaded.version)
    if (outcome === 'stored') one.settle('NONE')
    if (outcome === 'unknown') one.uncertain = true
  }

  /**
   * What is committed in these topics, or in all. With a fence no commit that is refused by a group of that fence can be
   * stored there any more.
   */
  async read(
    life: string,
    topicIds: readonly string[] | undefined,
    fence: number | undefined,
  ): Promise<ReadonlyMap<string, Readonly<Record<number, Committed>>>> {
    const loaded = topicIds
      ? await Promise.all(topicIds.map(async (id) => [id, await this.#load(life, id)] as const))
      : await this.#loadAll(life)
    const documents = loaded.map(async ([topicId, one]) => {
      const document = fence === undefined ? one.document : await this.#fenced(life, topicId, one, fence)
      return [topicId, document?.partitions ?? {}] as const
    })
    return new Map(await Promise.all(documents))
  }

  async #fenced(life: string, topicId: string, first: Loaded, fence: number): Promise<OffsetsDocument> {
    const reached = (document: OffsetsDocument): OffsetsDocument | undefined =>
      document.fence >= fence ? undefined : { ...document, fence }
    return this.#change(life, topicId, first, reached)
  }

  /** Commits where nothing is committed yet, and nowhere else. */
  async begin(life: string, topicId: string, offsets: ReadonlyMap<number, bigint>): Promise<void> {
    const nowMs = this.#options.clock.now()
    await this.#change(life, topicId, await this.#load(life, topicId), (document) => {
      const commit = document.commits + 1
      const missing = [...offsets].filter(([index]) => document.partitions[index] === undefined)
      if (missing.length === 0) return undefined
      const begun = missing.map(
        ([index, offset]) => [index, { offset, leaderEpoch: -1, metadata: '', committedMs: nowMs, commit }] as const,
      )
      return { ...document, commits: commit, partitions: { ...document.partitions, ...Object.fromEntries(begun) } }
    })
  }

  /** Forgets the offsets of some partitions. */
  async remove(life: string, topicId: string, indexes: ReadonlySet<number>): Promise<void> {
    await this.#change(life, topicId, await this.#load(life, topicId), (document) => {
      const kept = Object.entries(document.partitions).filter(([index]) => !indexes.has(Number(index)))
      const isSame = kept.length === Object.keys(document.partitions).length
      return isSame ? undefined : { ...document, partitions: Object.fromEntries(kept) }
    })
  }

  /** Deletes all that a life of a group has committed. Nobody can reach it any more. */
  async drop(life: string): Promise<void> {
    const topics = await this.#loadAll(life)
    const keys = [...topics.map(([topicId]) => offsetsKey(life, topicId)), snapshotsKey(life)]
    const { items } = this.#options
    // Deleting what is not there costs a write: most groups have no snapshots.
    const kept = await items.get(snapshotsKey(life), { consistent: true })
    await Promise.all((kept ? keys : keys.slice(0, -1)).map((key) => items.delete(key)))
  }

  /** Changes a document until it is stored or nothing is to be changed; `change` must be safe to repeat. */
  async #change(
    life: string,
    topicId: string,
    first: Loaded,
    change: (document: OffsetsDocument) => OffsetsDocument | undefined,
  ): Promise<OffsetsDocument> {
    const { clock, writeTimeoutMs } = this.#options
    let loaded = first
    for (const pause of this.#pauses(clock.now() + writeTimeoutMs)) {
      const before = loaded.document ?? noOffsets
      const after = change(before)
      if (after === undefined) return before
      const item = { attempt: clock.randomId(), body: encodeOffsets(after) }
      if ((await this.#put(life, topicId, item, loaded.version)) === 'stored') return after
      if (!(await pause())) break
      loaded = await this.#load(life, topicId)
    }
    throw new OutcomeUnknown('no answer about committed offsets')
  }

  async #put(
    life: string,
    topicId: string,
    item: { readonly attempt: string; readonly body: Buffer },
    version: number | undefined,
  ): Promise<'stored' | 'taken' | 'conflict' | 'unknown'> {
    const key = offsetsKey(life, topicId)
    const { items } = this.#options
    const put = version === undefined ? items.putIfAbsent(key, item) : items.replace(key, item, version)
    return (await put).outcome
  }

  async #load(life: string, topicId: string): Promise<Loaded> {
    return decode(await this.#options.items.get(offsetsKey(life, topicId), { consistent: true }))
  }

  async #loadAll(life: string): Promise<readonly (readonly [string, Loaded])[]> {
    const all: (readonly [string, Loaded])[] = []
    for (let after = ''; ; ) {
      const options = { after, before: afterTopicIds, limit: 1000, consistent: true }
      const page = await this.#options.items.query(offsetsPartition(life), options)
      all.push(...page.items.map((item) => [item.sort, decode(item)] as const))
      after = page.items.at(-1)?.sort ?? after
      if (page.end) return all
    }
  }

  /** Every turn may pause before the next, until the time is up. */
  *#pauses(untilMs: number): Generator<() => Promise<boolean>> {
    const { clock } = this.#options
    for (let limitMs = firstPauseMs; ; limitMs = Math.min(limitMs * 2, longestPauseMs)) {
      yield async () => {
        const pauseMs = clock.random() * limitMs
        if (clock.now() + pauseMs > untilMs) return false
        await clock.sleep(pauseMs)
        return true
      }
    }
  }

  #remember(groupId: string, life: string): void {
    const [oldest] = this.#lives.keys()
    if (this.#lives.size >= maxLives && oldest !== undefined) this.#lives.delete(oldest)
    this.#lives.set(groupId, life)
  }
}

const decode = (item: Item | undefined): Loaded => ({
  document: item && decodeOffsets(item.body),
  version: item?.version,
  attempt: item?.attempt,
})

/** A commit to one topic, while it is tried. */
class CommitTry {
  readonly topic: TopicCommits
  /** Of its own writes, which may have been stored. */
  readonly attempts = new Set<string>()
  uncertain = false
  answer: ErrorName | undefined
  loaded: Loaded = decode(undefined)
  /** The document when it was first looked at: what has changed since came later. */
  seen: OffsetsDocument = noOffsets
  #looked = false

  constructor(topic: TopicCommits) {
    this.topic = topic
  }

  look(loaded: Loaded): void {
    if (!this.#looked) this.seen = loaded.document ?? noOffsets
    this.#looked = true
    this.loaded = loaded
  }

  settle(answer: ErrorName): void {
    this.answer = answer
  }

  /** Refused now, but an earlier write of it may have been stored, or may be yet. */
  refused(error: ErrorName): ErrorName {
    return this.uncertain ? 'REQUEST_TIMED_OUT' : error
  }
}

const partitionsIn = (tries: readonly CommitTry[]) =>
  partitionsOf(tries.flatMap(({ topic }) => topic.commits.map(({ index }) => [topic.topicId, index] as const)))
