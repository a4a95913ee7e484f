import type { LogBytes } from '../journal/bytes.ts'
import { checkpoint, checkpointInterval, isRowOld, truncate } from '../journal/checkpoint.ts'
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
import { type Shard, shardPrefix } from '../store/keys.ts'
import type { Objects } from '../store/objects.ts'
import { finishDeletions } from './deletions.ts'
import { flush } from './flush.ts'
import { beginsTail, putHint } from './hints.ts'
import { mergeAll } from './merge.ts'
import { add, nothing, type Pass } from './pass.ts'
import { sweep, sweepCheckpoints } from './sweep.ts'
import { trim } from './trim.ts'

export type MaintenanceContext = {
  readonly topics: Topics
  readonly logs: Logs
  readonly bytes: LogBytes
  readonly items: Items
  readonly objects: Objects
  readonly clock: Clock
  /** Writers leave hints, so that not every pass has to look at every shard: where looking costs money. */
  readonly leavesHints?: boolean
  /** Told of what failed, once for each shard, or topic being deleted, and pass; the pass goes on with the next. */
  readonly onError: (where: string, error: unknown) => void
}

/** A shard, by where a pass over all of them has come. */
export type Place = { readonly topic: string; readonly shard: number }

export type PassOptions = {
  /** Tails are flushed however short they are. */
  readonly flushAll?: boolean
  /** No shard and no flush is begun after this time. */
  readonly untilMs?: number
  /** Where an earlier pass has stopped. */
  readonly after?: Place | null
  /** Asked before each shard; the pass ends when it tells false. */
  readonly onPlace?: (place: Place) => Promise<boolean>
}

/** Kafka's `producer.id.expiration.ms`. */
const producerExpirationMs = 86_400_000
/** Rows between the last sweep and the next, unless the floor is as high as the checkpoint lets it be: each costs a row and a few lists. */
const rowsPerSweep = 64
/** Rows that a truncation should at least delete, unless all that the checkpoint lets go are old. */
const rowsPerTruncation = 256
/** How often old rows are looked for in the time that it takes a row to become old. */
const looksPerAge = 4
/** A writer checkpoints by itself when maintenance is this many times overdue. */
const overdue = 4
/** A shard where nothing happens is looked at this often, for what only time brings about: retention. */
const quietMs = 60_000
/** Flushes of one shard in one pass; more are left to the next. */
const maxFlushesPerPass = 16

type Released = Pick<Pass, 'checkpoints' | 'rowsTruncated' | 'objectsSwept'>

const nothingReleased: Released = { checkpoints: 0, rowsTruncated: 0, objectsSwept: 0 }

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

  /** When each shard's rows were last looked at for some that are old enough to go. */
  readonly #lookedForOldRows = new Map<string, number>()

  /** Shards where nothing was to be done, until when that is believed: only time can change it. */
  readonly #quiet = new Map<string, { readonly seq: number; readonly untilMs: number }>()

  /** Shards whose last row is this one, and where nothing is left to become old. */
  readonly #settled = new Map<string, number>()

  /** Up to which ticket this instance has swept, to the end. */
  readonly #swept = new Map<string, number>()

  constructor(context: MaintenanceContext) {
    this.#context = context
  }

  /** One pass over all shards of all topics, and over what is left of deleted ones. */
  async pass(options: PassOptions = {}): Promise<Pass> {
    const { topics, logs, items, objects, onError, clock } = this.#context
    const { untilMs = Number.POSITIVE_INFINITY, after = null, onPlace = async () => true } = options
    const deleted = await finishDeletions(topics, logs, items, objects, onError)
    let sum: Pass = { ...nothing, topicsDeleted: deleted.topics, errors: deleted.errors }
    let hasEnded = false
    for (const topic of await topics.all()) {
      for (const shard of shardsOf(topic)) {
        const place = { topic: topic.name, shard: shard.index }
        if (after !== null && !isBehind(place, after)) continue
        hasEnded ||= clock.now() >= untilMs || !(await onPlace(place))
        sum = add(sum, hasEnded ? { ...nothing, shardsLeft: 1 } : await this.shard(topic, shard, options))
      }
    }
    return sum
  }

  /** The same for one shard. Never throws. */
  async shard(topic: Topic, shard: Shard, options: PassOptions = {}): Promise<Pass> {
    const lane = this.#context.logs.lane(shard)
    try {
      return await this.#maintain(topic, lane, options)
    } catch (error) {
      if (error instanceof JournalGone) return nothing
      this.#context.onError(shardPrefix(shard), error)
      return { ...nothing, shards: 1, errors: 1 }
    }
  }

  /**
   * What a writer does after each of its rows: it tells maintenance of the tail that begins with it, and does for itself
   * what maintenance is far behind with. Never throws.
   */
  readonly relieve = async (lane: Lane, state: State): Promise<void> => {
    if (this.#context.leavesHints && beginsTail(state)) await this.#hint(lane)
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

  /** Nothing rests on it: the next pass over all shards finds what no hint tells of. */
  async #hint(lane: Lane): Promise<void> {
    const { items, clock, onError } = this.#context
    const { shard } = lane.journal
    await putHint(items, shard, clock.randomId()).catch((error) => onError(shardPrefix(shard), error))
  }

  async #maintain(topic: Topic, lane: Lane, options: PassOptions): Promise<Pass> {
    const { objects, bytes, clock } = this.#context
    const { flushAll = false, untilMs = Number.POSITIVE_INFINITY } = options
    let state = await lane.state('extended')
    if (state.seq === 0 || (this.#isQuiet(lane, state) && !flushAll)) return { ...nothing, shards: 1 }
    let flushes = 0
    const isDue = () => isFlushDue(state, clock.now()) || (flushAll && state.tailBytes > 0)
    while (flushes < maxFlushesPerPass && isDue()) {
      if (clock.now() >= untilMs) return { ...nothing, shards: 1, flushes }
      if (!(await this.#flush(lane))) break
      flushes += 1
      state = await lane.state('known')
    }
    const trims = await trim(lane, state, configOf(topic), producerExpirationMs, untilMs)
    const merges = await mergeAll(lane, objects, bytes, untilMs)
    const checkpoints = (await this.#checkpointIfDue(lane)) ? 1 : 0
    const released = await this.#release(lane)
    const { seq, tailBytes } = await lane.state('known')
    if (seq === state.seq && tailBytes === 0) {
      this.#quiet.set(shardPrefix(lane.journal.shard), { seq, untilMs: clock.now() + quietMs })
    }
    return add({ ...nothing, shards: 1, flushes, merges, trims, checkpoints }, { ...nothing, ...released })
  }

  /**
   * Lets go of what has become old: the objects that nothing names, and the rows below the checkpoint. Where few rows
   * are written, time makes a checkpoint due: when the first row that it lacks is old, and the present one has let go of
   * all that it could. A shard where nothing happens is settled by passes that are as far apart as it takes a row to
   * become old, and is then left alone:
   *
   *   checkpoint, floor below the last row ─▶ sweep, whose row is now the last ─▶ floor below that row
   */
  async #release(lane: Lane): Promise<Released> {
    const { items, objects } = this.#context
    const { shard } = lane.journal
    const key = shardPrefix(shard)
    const state = await lane.state('known')
    const item = this.#settled.get(key) === state.seq ? undefined : await readCheckpointItem(items, shard)
    if (item === undefined) return nothingReleased
    const { seq, floor } = item
    if (isSettled(state, floor)) {
      this.#settled.set(key, state.seq)
      return nothingReleased
    }
    // The last row always stays, so the floor needs no checkpoint of it.
    const reach = Math.min(seq, state.seq - 1)
    // Whoever wrote the last sweep's row may not have lived to delete, and on a quiet shard no other sweep follows.
    const isCut = floor === state.tickets && endsWithSweep(state) && this.#swept.get(key) !== floor
    const isSweepDue = floor - state.tickets >= (floor === reach ? 1 : rowsPerSweep) || isCut
    // The floor is a seq of an hour ago: uploads that were slower than that are repeated by their writers.
    const swept = isSweepDue ? await sweep(lane, objects, floor) : undefined
    if (swept !== undefined) this.#swept.set(key, floor)
    if (!this.#isLookDue(lane)) return { ...nothingReleased, objectsSwept: swept ?? 0 }
    const isReachOld = await isRowOld(lane.journal, reach + 1)
    const isCheckpointDue = isReachOld && floor === seq && seq < state.seq - 1
    const checkpoints = isCheckpointDue && (await this.#checkpoint(lane)) ? 1 : 0
    // Before the floor is raised, which may be the last that is done here: an old checkpoint has the records of its tail.
    const replaced = isReachOld ? await sweepCheckpoints(lane, objects) : 0
    const isTruncationDue = isReachOld || seq - floor >= rowsPerTruncation
    const rowsTruncated = isTruncationDue ? await truncate(lane.journal) : 0
    return { checkpoints, rowsTruncated, objectsSwept: (swept ?? 0) + replaced }
  }

  /** Nothing was to be done the last time, and nothing has happened since. */
  #isQuiet(lane: Lane, state: State): boolean {
    const quiet = this.#quiet.get(shardPrefix(lane.journal.shard))
    return quiet !== undefined && quiet.seq === state.seq && this.#context.clock.now() < quiet.untilMs
  }

  /** Looking for rows that are old enough reads them, so it is not done in every pass. */
  #isLookDue({ journal: { shard, rules } }: Lane): boolean {
    const nowMs = this.#context.clock.now()
    const lookedMs = this.#lookedForOldRows.get(shardPrefix(shard)) ?? Number.NEGATIVE_INFINITY
    if (nowMs - lookedMs < rules.truncateAfterMs / looksPerAge) return false
    this.#lookedForOldRows.set(shardPrefix(shard), nowMs)
    return true
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

const isBehind = (place: Place, other: Place): boolean =>
  place.topic === other.topic ? place.shard > other.shard : place.topic > other.topic

/** Whether the last row is that of a sweep which went as far as it could: all that came before was old. */
const endsWithSweep = ({ seq, tickets }: State): boolean => tickets > 0 && seq === tickets + 2

/** Whether there is nothing to sweep and nothing to truncate until another row is written. */
const isSettled = (state: State, floor: number): boolean =>
  state.seq < 2 || (endsWithSweep(state) && floor === state.seq - 1)
