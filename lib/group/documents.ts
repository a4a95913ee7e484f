import { OutcomeUnknown } from '../store/documents.ts'
import type { Item, Items } from '../store/items.ts'
import { groupKey, groupsPartition } from '../store/keys.ts'
import { ObjectNotFound, type Objects } from '../store/objects.ts'
import { Blobs } from './blobs.ts'
import { nextDueMs } from './expire.ts'
import { assertGroup, type Group, type Moment } from './group.ts'
import { blobsOf, type DeletedGroup, decodeGroup, encodeGroup } from './group-bytes.ts'
import { Turns, Waits } from './turns.ts'

/** Time and chance, given from outside. */
export type GroupClock = {
  now(): number
  sleep(ms: number, wake?: AbortSignal): Promise<void>
  random(): number
  randomId(): string
}

export type GroupStores = { readonly items: Items; readonly objects: Objects; readonly clock: GroupClock }

/** What a request makes of a group; the same group, or none where there was none: nothing is stored. */
type Change<Reply> = { readonly group: Group | DeletedGroup | undefined; readonly reply: Reply }

type StepOf<Reply> = (group: Group | undefined, moment: Moment) => Change<Reply> | Promise<Change<Reply>>

/** A document as it was read. */
type Loaded = {
  readonly group: Group | undefined
  /** Undefined where there is no document; that of a deleted group goes on counting. */
  readonly version: number | undefined
  readonly attempt: string | undefined
}

/** A group as it is listed. */
type Stored = {
  readonly groupId: string
  readonly group: Group | DeletedGroup
  readonly hasObjects: boolean
  readonly sweep: () => Promise<void>
  /** Writes down that a deleted group was emptied, where it is the same still; without an answer it may not be stored. */
  readonly noteEmptied: (emptiedMs: number) => Promise<void>
}

/** A document that may be a little old, and the answers that may come from it: those that do no harm if they are. */
type OldLook<Reply> = { readonly look: () => Promise<Loaded>; readonly harmless: (reply: Reply) => boolean }

/** The document would not fit into the store: nobody else can join. */
export class GroupTooLarge extends Error {
  override readonly name = 'GroupTooLarge'
}

/** A document's bytes, below what an item may have (`maxItemBytes`). */
const maxDocumentBytes = 380 * 1024

/** Without an answer, or after a second conflict, the next try comes after at most so long, then at most twice as long. */
const firstPauseMs = 10
const longestPauseMs = 1000

/** A document that somebody waits for is read again after so long, then after longer. */
const firstLookMs = 50
const longestLookMs = 500
const lookGrowth = 1.5
/** Who looks finds what another one has seen good enough, if it is not older than this part of the pause. */
const sharedLook = 0.5

/**
 * Loads a group's document, steps, replaces it by version; steps again on conflict. The only place that waits for what
 * others do to a group, by reading the document again. Keeps nothing between calls but bytes that never change.
 */
export class GroupDocuments {
  readonly #stores: GroupStores
  readonly #writeTimeoutMs: number
  readonly #blobs: Blobs
  readonly #turns = new Turns()
  readonly #waits = new Waits<Loaded>()

  constructor(stores: GroupStores, { writeTimeoutMs }: { readonly writeTimeoutMs: number }) {
    this.#stores = stores
    this.#writeTimeoutMs = writeTimeoutMs
    this.#blobs = new Blobs(stores.objects)
  }

  async load(groupId: string): Promise<Group | undefined> {
    return (await this.#load(groupId, true)).group
  }

  /**
   * Every group in the order of ids, or those behind one, deleted ones too. Bytes of members that are objects are not
   * read; `sweep` deletes those objects that were replaced.
   */
  async *all(behind = ''): AsyncGenerator<Stored> {
    let after = behind
    for (;;) {
      const options = { after, before: lastCharacter, limit: maxPageGroups, consistent: true }
      const page = await this.#stores.items.query(groupsPartition, options)
      for (const { sort, body, version } of page.items) {
        const named = new Set<string>()
        const group = await decodeGroup(body, async (key) => {
          named.add(key)
          return Buffer.alloc(0)
        })
        const sweep = () => this.#blobs.sweep(group.life, version, named)
        const noteEmptied = async (emptiedMs: number): Promise<void> => {
          if (group.type !== 'deleted') return
          await this.#put(sort, { ...group, emptiedMs }, version, this.#stores.clock.randomId())
        }
        yield { groupId: sort, group, hasObjects: named.size > 0, sweep, noteEmptied }
      }
      after = page.items.at(-1)?.sort ?? after
      if (page.end) return
    }
  }

  /**
   * Does to a group what a request means. Only what changes something is written. `harmless` answers may come from a
   * document that is a little old, which is half as dear to read. Throws `OutcomeUnknown`, `GroupTooLarge`.
   */
  async step<Reply>(groupId: string, step: StepOf<Reply>, harmless?: (reply: Reply) => boolean): Promise<Reply> {
    const old = harmless && { look: () => this.#load(groupId, false), harmless }
    return (await this.#step(groupId, step, old)).reply
  }

  /** The same, again and again while the answer is to wait, for `holdMs` at most. `looks` counts from 0. */
  async stepUntil<Reply>(
    groupId: string,
    step: (group: Group | undefined, moment: Moment, looks: number) => Change<Reply | 'wait'>,
    holdMs: number,
  ): Promise<Reply | 'wait'> {
    const { clock } = this.#stores
    const untilMs = clock.now() + holdMs
    let lookMs = firstLookMs
    for (let looks = 0; ; looks++) {
      const listener = this.#waits.listen(groupId)
      try {
        const startMs = clock.now()
        const since = { nowMs: startMs, sinceMs: startMs - lookMs * sharedLook }
        const old: OldLook<Reply | 'wait'> = {
          look: () => this.#waits.look(groupId, since, () => this.#load(groupId, true)),
          harmless: (reply) => reply === 'wait',
        }
        const again: StepOf<Reply | 'wait'> = (present, moment) => step(present, moment, looks)
        const { group, reply } = await this.#step(groupId, again, looks > 0 ? old : undefined)
        const nowMs = clock.now()
        if (reply !== 'wait' || nowMs >= untilMs) return reply
        const dueMs = group?.type === 'classic' ? nextDueMs(group) : untilMs
        const pauseMs = dueMs > nowMs ? Math.min(lookMs, dueMs - nowMs) : lookMs
        await clock.sleep(Math.min(pauseMs, untilMs - nowMs), listener.signal)
        lookMs = Math.min(Math.round(lookMs * lookGrowth), longestLookMs)
      } finally {
        this.#waits.leave(groupId, listener)
      }
    }
  }

  async #step<Reply>(groupId: string, step: StepOf<Reply>, old?: OldLook<Reply>): Promise<Change<Reply>> {
    const { clock } = this.#stores
    const randomId = clock.randomId()
    const again = (group: Group | undefined) => step(group, { nowMs: clock.now(), randomId })
    if (old !== undefined) {
      const { group } = await old.look()
      const change = await again(group)
      if (change.group === group && old.harmless(change.reply)) return change
    }
    const loaded = await this.#load(groupId, true)
    const change = await again(loaded.group)
    if (change.group === loaded.group) return change
    // Whoever has to wait for a turn finds another document then.
    const first = this.#turns.isFree(groupId) ? loaded : undefined
    return this.#turns.take(groupId, () => this.#write(groupId, again, first))
  }

  async #write<Reply>(
    groupId: string,
    step: (group: Group | undefined) => Change<Reply> | Promise<Change<Reply>>,
    first: Loaded | undefined,
  ): Promise<Change<Reply>> {
    const { clock } = this.#stores
    const untilMs = clock.now() + this.#writeTimeoutMs
    /** What was tried so far, by attempt: a document that is one of them says what was stored. */
    const tried = new Map<string, Change<Reply>>()
    let loaded = first ?? (await this.#load(groupId, true))
    let pauseMs = 0
    for (;;) {
      const change = await step(loaded.group)
      if (change.group === loaded.group || change.group === undefined) return change
      const attempt = clock.randomId()
      tried.set(attempt, change)
      const written = await this.#put(groupId, change.group, loaded.version, attempt)
      if (written === 'stored') return this.#stored(groupId, change, loaded)
      // After one conflict the document is at hand; what comes after it had better be read when it has settled.
      if (written !== 'unknown' && pauseMs === 0) loaded = await this.#decode(groupId, written.current)
      else {
        const waitMs = clock.random() * Math.max(firstPauseMs, pauseMs)
        if (clock.now() + waitMs > untilMs) throw new OutcomeUnknown(`no answer about the group ${groupId}`)
        await clock.sleep(waitMs)
        loaded = await this.#load(groupId, true)
      }
      const mine = loaded.attempt === undefined ? undefined : tried.get(loaded.attempt)
      if (mine !== undefined) return this.#stored(groupId, mine, undefined)
      pauseMs = Math.min(Math.max(firstPauseMs, pauseMs * 2), longestPauseMs)
    }
  }

  /** Wakes those who wait for a barrier to close, or for an assignment, if that has happened. */
  #stored<Reply>(groupId: string, change: Change<Reply>, before: Loaded | undefined): Change<Reply> {
    if (phaseOf(change.group) !== phaseOf(before?.group)) this.#waits.wake(groupId)
    return change
  }

  async #put(
    groupId: string,
    group: Group | DeletedGroup,
    version: number | undefined,
    attempt: string,
  ): Promise<'stored' | 'unknown' | { readonly current: Item | undefined }> {
    const { items, clock } = this.#stores
    const item = { attempt, body: await this.#encode(group, version ?? 0, () => clock.randomId()) }
    if (version === undefined) {
      const put = await items.putIfAbsent(groupKey(groupId), item)
      return put.outcome === 'taken' ? { current: put.by } : put.outcome
    }
    const replaced = await items.replace(groupKey(groupId), item, version)
    return replaced.outcome === 'conflict' ? { current: replaced.current } : replaced.outcome
  }

  async #encode(group: Group | DeletedGroup, version: number, randomId: () => string): Promise<Buffer> {
    if (group.type === 'deleted') return encodeGroup(group, () => undefined)
    assertGroup(group)
    const place = await this.#blobs.place(blobsOf(group), { life: group.life, version, randomId })
    const body = encodeGroup(group, place)
    if (body.length > maxDocumentBytes) throw new GroupTooLarge(`${body.length} bytes, at most ${maxDocumentBytes}`)
    return body
  }

  async #load(groupId: string, consistent: boolean): Promise<Loaded> {
    const item = await this.#stores.items.get(groupKey(groupId), { consistent })
    return this.#decode(groupId, item)
  }

  /** An object that is not there was swept because the document is another by now: then that one is read. */
  async #decode(groupId: string, read: Item | undefined): Promise<Loaded> {
    let item = read
    for (let reads = 1; ; reads++) {
      if (item === undefined) return { group: undefined, version: undefined, attempt: undefined }
      const { body, version, attempt } = item
      try {
        const group = await decodeGroup(body, (object) => this.#blobs.read(object))
        return { group: group.type === 'deleted' ? undefined : group, version, attempt }
      } catch (error) {
        if (!(error instanceof ObjectNotFound) || reads === maxReads) throw error
        item = await this.#stores.items.get(groupKey(groupId), { consistent: true })
        if (item?.version === version) throw error
      }
    }
  }
}

const phaseOf = (group: Group | DeletedGroup | undefined): string =>
  group?.type === 'classic' ? `${group.state} ${group.generation} ${group.fence}` : ''

/** Every group id sorts below it. */
const lastCharacter = '\u{10ffff}'
const maxPageGroups = 1000
/** Objects may be swept between a document and its bytes, but not so often in a row. */
const maxReads = 10
