import type { LogBytes } from '../journal/bytes.ts'
import { checkpoint, checkpointInterval, truncate } from '../journal/checkpoint.ts'
import { readCheckpointItem } from '../journal/checkpoint-item.ts'
import type { Clock } from '../journal/clock.ts'
import { JournalGone } from '../journal/journal.ts'
import type { Lane } from '../journal/lane.ts'
import type { Logs } from '../journal/logs.ts'
import { shardsOf, type Topics } from '../journal/topics.ts'
import { configOf } from '../log/config.ts'
import { isFlushDue, isFlushUrgent } from '../log/flush.ts'
import type { State } from '../log/state.ts'
import type { Topic } from '../log/topic.ts'
import type { Items } from '../store/items.ts'
import { shardPrefix } from '../store/keys.ts'
import type { Objects } from '../store/objects.ts'
import { finishDeletions } from './deletions.ts'
import { flush } from './flush.ts'
import { mergeSegments } from './merge.ts'
import { sweep } from './sweep.ts'
import { trim } from './trim.ts'

export type MaintenanceContext = {
  readonly topics: Topics
  readonly logs: Logs
  readonly bytes: LogBytes
  readonly items: Items
  readonly objects: Objects
  readonly clock: Clock
  /** Told of what failed, once for each shard, or topic being deleted, and pass; the pass goes on with the next. */
  readonly onError: (where: string, error: unknown) => void
}

/** What a pass did. */
export type Pass = {
  readonly shards: number
  readonly flushes: number
  readonly merges: number
  readonly trims: number
  readonly checkpoints: number
  readonly rowsTruncated: number
  readonly objectsSwept: number
  readonly topicsDeleted: number
  readonly errors: number
}

/** Kafka's `producer.id.expiration.ms`. */
const producerExpirationMs = 86_400_000
/** Rows between the last sweep and the next: each costs a row and a few lists. */
const rowsPerSweep = 64
/** Rows that a truncation should at least delete. */
const rowsPerTruncation = 256
/** A writer checkpoints by itself when maintenance is this many times overdue. */
const overdue = 4
/** A shard where nothing happens is looked at this often, for what only time brings about: retention. */
const quietMs = 60_000
/** Flushes of one shard in one pass; more are left to the next. */
const maxFlushesPerPass = 16

/**
 * Whatever a clock or an event starts. Every pass looks at the state and does what is missing: running it twice, late
 * or never costs time and money, not truth.
 */
export class Maintenance {
  readonly #context: MaintenanceContext
  /** Flushes under way, so that a writer in need waits for the one that runs. */
  readonly #flushing = new Map<string, Promise<boolean>>()
  /** The newest checkpoint known of each shard, and the rows after which the next is due. */
  readonly #checkpoints = new Map<string, { readonly seq: number; readonly interval: number }>()

  /** Shards where nothing was to be done, until when that is believed: only time can change it. */
  readonly #quiet = new Map<string, { readonly seq: number; readonly untilMs: number }>()

  constructor(context: MaintenanceContext) {
    this.#context = context
  }

  /** One pass over all shards of all topics. With `flushAll`, tails are flushed however short they are. */
  async pass(options: { readonly flushAll: boolean } = { flushAll: false }): Promise<Pass> {
    const { topics, logs, items, objects, onError } = this.#context
    const deleted = await finishDeletions(topics, logs, items, objects, onError)
    let sum: Pass = { ...nothing, topicsDeleted: deleted.topics, errors: deleted.errors }
    for (const topic of await topics.all()) {
      for (const shard of shardsOf(topic))
        sum = add(sum, await this.#maintainOrReport(topic, logs.lane(shard), options))
    }
    return sum
  }

  /** What a writer does for itself before it goes on, when maintenance is far behind. Never throws. */
  readonly relieve = async (lane: Lane, state: State): Promise<void> => {
    const known = this.#checkpoints.get(shardPrefix(lane.journal.shard))
    const isOverdue = state.seq - (known?.seq ?? 0) > overdue * (known?.interval ?? checkpointInterval(0))
    if (!isFlushUrgent(state) && !isOverdue) return
    try {
      if (isFlushUrgent(state)) await this.#flush(lane)
      if (isOverdue) await this.#checkpointIfDue(lane)
    } catch (error) {
      this.#context.onError(shardPrefix(lane.journal.shard), error)
    }
  }

  async #maintainOrReport(topic: Topic, lane: Lane, options: { readonly flushAll: boolean }): Promise<Pass> {
    try {
      return await this.#maintain(topic, lane, options)
    } catch (error) {
      if (error instanceof JournalGone) return nothing
      this.#context.onError(shardPrefix(lane.journal.shard), error)
      return { ...nothing, shards: 1, errors: 1 }
    }
  }

  async #maintain(topic: Topic, lane: Lane, options: { readonly flushAll: boolean }): Promise<Pass> {
    const { objects, bytes, items, clock } = this.#context
    let state = await lane.state('extended')
    if (state.seq === 0 || (this.#isQuiet(lane, state) && !options.flushAll)) return { ...nothing, shards: 1 }
    let flushes = 0
    while (
      flushes < maxFlushesPerPass &&
      (isFlushDue(state, clock.now()) || (options.flushAll && state.tailBytes > 0))
    ) {
      if (!(await this.#flush(lane))) break
      flushes += 1
      state = await lane.state('known')
    }
    const trims = await trim(lane, state, configOf(topic), producerExpirationMs)
    const merges = await mergeSegments(lane, objects, bytes, state)
    const checkpoints = (await this.#checkpointIfDue(lane)) ? 1 : 0
    const item = await readCheckpointItem(items, lane.journal.shard)
    const isTruncationDue = item !== undefined && item.seq - item.floor >= rowsPerTruncation
    const rowsTruncated = isTruncationDue ? await truncate(lane.journal) : 0
    // The floor is a seq of an hour ago: uploads that were slower than that are repeated by their writers.
    const isSweepDue = item !== undefined && item.floor - state.tickets >= rowsPerSweep
    const objectsSwept = isSweepDue ? await sweep(lane, objects, item.floor) : 0
    const pass = { ...nothing, shards: 1, flushes, merges, trims, checkpoints, rowsTruncated, objectsSwept }
    const { seq, tailBytes } = await lane.state('known')
    if (seq === state.seq && tailBytes === 0) {
      this.#quiet.set(shardPrefix(lane.journal.shard), { seq, untilMs: clock.now() + quietMs })
    }
    return pass
  }

  /** Nothing was to be done the last time, and nothing has happened since. */
  #isQuiet(lane: Lane, state: State): boolean {
    const quiet = this.#quiet.get(shardPrefix(lane.journal.shard))
    return quiet !== undefined && quiet.seq === state.seq && this.#context.clock.now() < quiet.untilMs
  }

  #flush(lane: Lane): Promise<boolean> {
    const shard = shardPrefix(lane.journal.shard)
    const running = this.#flushing.get(shard)
    if (running) return running
    const started = flush(lane, this.#context.objects, this.#context.bytes).finally(() => this.#flushing.delete(shard))
    this.#flushing.set(shard, started)
    return started
  }

  async #checkpointIfDue(lane: Lane): Promise<boolean> {
    const { shard } = lane.journal
    const state = await lane.state('known')
    const known = this.#checkpoints.get(shardPrefix(shard))
    const interval = known?.interval ?? checkpointInterval(0)
    if (state.seq - (known?.seq ?? 0) < interval) return false
    const item = await readCheckpointItem(this.#context.items, shard)
    if (item === undefined) return false
    this.#checkpoints.set(shardPrefix(shard), { seq: item.seq, interval })
    return state.seq - item.seq >= interval && this.#checkpoint(lane)
  }

  async #checkpoint(lane: Lane): Promise<boolean> {
    const view = await lane.confirmedView()
    const sizeBytes = await checkpoint(lane.journal, view)
    if (sizeBytes === undefined) return false
    const known = { seq: view.state.seq, interval: checkpointInterval(sizeBytes) }
    this.#checkpoints.set(shardPrefix(lane.journal.shard), known)
    return true
  }
}

const nothing: Pass = {
  shards: 0,
  flushes: 0,
  merges: 0,
  trims: 0,
  checkpoints: 0,
  rowsTruncated: 0,
  objectsSwept: 0,
  topicsDeleted: 0,
  errors: 0,
}

const add = (a: Pass, b: Pass): Pass => ({
  shards: a.shards + b.shards,
  flushes: a.flushes + b.flushes,
  merges: a.merges + b.merges,
  trims: a.trims + b.trims,
  checkpoints: a.checkpoints + b.checkpoints,
  rowsTruncated: a.rowsTruncated + b.rowsTruncated,
  objectsSwept: a.objectsSwept + b.objectsSwept,
  topicsDeleted: a.topicsDeleted + b.topicsDeleted,
  errors: a.errors + b.errors,
})
