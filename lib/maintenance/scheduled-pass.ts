import type { Clock } from '../journal/clock.ts'
import { JournalGone } from '../journal/journal.ts'
import type { Logs } from '../journal/logs.ts'
import type { Item, Items } from '../store/items.ts'
import { fullPassKey, hintKey, type Shard, shardPrefix } from '../store/keys.ts'
import { putHint, readHints } from './hints.ts'
import type { Maintenance, MaintenanceContext, Place } from './maintain.ts'
import { add, nothing, type Pass } from './pass.ts'

type ScheduledContext = Pick<MaintenanceContext, 'items' | 'topics' | 'logs' | 'clock' | 'onError'> & {
  readonly maintenance: Maintenance
  /** Done once for each pass over all shards, part by part before its parts; tells where it stopped, if it did. */
  readonly beforeFullPass: (part: PartBefore) => Promise<string | undefined>
}

/** What comes behind `after`, in an order of its own, until `untilMs`. */
type PartBefore = { readonly after: string; readonly untilMs: number }

/** For what only time brings about, and for what hints have missed. */
const fullPassEveryMs = 3_600_000
/** What comes before a pass over all shards takes at most this part of the time, so that shards have their turn. */
const shareBefore = 1 / 2
/** How far a pass over all shards has come is written down this often: so much is done again after a crash. */
const saveEveryMs = 5000

/**
 * What a schedule starts: looks at the shards that hints tell of, and once an hour at all of them. With neither to do it
 * is one query. Begins nothing after `remainingMs`; the next call goes on where this one stopped. Any number may run at
 * once: whoever is second does for nothing what the first has done.
 */
export const scheduledPass = async (
  context: ScheduledContext,
  { remainingMs }: { readonly remainingMs: number },
): Promise<Pass> => {
  const untilMs = context.clock.now() + remainingMs
  const { shards, fullPass } = await readHints(context.items)
  let sum = nothing
  for (const shard of rotated(shards, context.clock)) {
    const isTimeUp = context.clock.now() >= untilMs
    sum = add(sum, isTimeUp ? { ...nothing, shardsLeft: 1 } : await hinted(context, shard, untilMs))
  }
  return add(sum, await fullPassIfDue(context, fullPass, untilMs))
}

/** Beginning anywhere: where there is never enough time for all, each has its turn. */
const rotated = (shards: readonly Shard[], clock: Clock): readonly Shard[] => {
  const start = Math.floor(clock.random() * shards.length)
  return [...shards.slice(start), ...shards.slice(0, start)]
}

const hinted = async (context: ScheduledContext, shard: Shard, untilMs: number): Promise<Pass> => {
  const { items, topics, logs, maintenance, clock, onError } = context
  try {
    const topic = await topics.findById(shard.topicId)
    const pass = topic === undefined ? nothing : await maintenance.shard(topic, shard, { untilMs })
    if (topic !== undefined && (await hasTail(logs, shard))) return pass
    await items.delete(hintKey(shard))
    if (topic !== undefined && (await hasTail(logs, shard))) await putHint(items, shard, clock.randomId())
    return pass
  } catch (error) {
    onError(shardPrefix(shard), error)
    return { ...nothing, errors: 1 }
  }
}

const hasTail = async (logs: Logs, shard: Shard): Promise<boolean> => {
  try {
    return (await logs.lane(shard).state('confirmed')).tailBytes > 0
  } catch (error) {
    if (error instanceof JournalGone) return false
    throw error
  }
}

type FullPass = {
  readonly startedMs: number
  /** How far what comes before it has come; left out when it is done. */
  readonly before?: string | undefined
  /** The last shard that was begun; null when none was. */
  readonly after: Place | null
  readonly isDone: boolean
}

const fullPassIfDue = async (context: ScheduledContext, stored: Item | undefined, untilMs: number): Promise<Pass> => {
  const { items, clock, maintenance, beforeFullPass } = context
  const nowMs = clock.now()
  const earlier: FullPass | undefined = stored && JSON.parse(stored.body.toString())
  const isNew = earlier === undefined || earlier.isDone
  if (nowMs >= untilMs || (earlier?.isDone && nowMs - earlier.startedMs < fullPassEveryMs)) return nothing
  const log = new FullPassLog(items, clock, stored?.version ?? 0)
  const startedMs = isNew ? nowMs : earlier.startedMs
  const resumed = isNew ? null : earlier.after
  let before = isNew ? '' : earlier.before
  // Whoever is told that somebody else writes it down leaves the pass to him.
  if (!(await log.save({ startedMs, before, after: resumed, isDone: false }))) return nothing
  if (before !== undefined) {
    before = await beforeFullPass({ after: before, untilMs: nowMs + (untilMs - nowMs) * shareBefore })
  }
  let savedMs = clock.now()
  let last = resumed
  const onPlace = async (place: Place): Promise<boolean> => {
    last = place
    if (clock.now() - savedMs < saveEveryMs) return true
    savedMs = clock.now()
    // Before the shard is looked at: one that outlives the function does not stop the pass for ever.
    return log.save({ startedMs, before, after: place, isDone: false })
  }
  const pass = await maintenance.pass({ untilMs, after: resumed, onPlace })
  await log.save({ startedMs, before, after: last, isDone: pass.shardsLeft === 0 && before === undefined })
  return pass
}

/** The document about the pass over all shards, for as long as nobody else writes it. */
class FullPassLog {
  readonly #items: Items
  readonly #clock: Clock
  #version: number
  #isLost = false

  constructor(items: Items, clock: Clock, version: number) {
    this.#items = items
    this.#clock = clock
    this.#version = version
  }

  /** False when somebody else has written it, or may have. */
  async save(fullPass: FullPass): Promise<boolean> {
    if (this.#isLost) return false
    const item = { attempt: this.#clock.randomId(), body: Buffer.from(JSON.stringify(fullPass)) }
    const saved =
      this.#version === 0
        ? await this.#items.putIfAbsent(fullPassKey, item)
        : await this.#items.replace(fullPassKey, item, this.#version)
    this.#isLost = saved.outcome !== 'stored'
    this.#version += 1
    return !this.#isLost
  }
}
