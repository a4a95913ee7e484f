import { LogBytes } from '../journal/bytes.ts'
import type { Clock } from '../journal/clock.ts'
import { defaultRules } from '../journal/journal.ts'
import { Logs } from '../journal/logs.ts'
import { Topics } from '../journal/topics.ts'
import { Maintenance } from '../maintenance/maintain.ts'
import type { Pass } from '../maintenance/pass.ts'
import { scheduledPass } from '../maintenance/scheduled-pass.ts'
import { cachedObjects } from '../store/cache.ts'
import type { Items } from '../store/items.ts'
import { memoryItems, memoryObjects } from '../store/memory.ts'
import { newMeter, type StoreCounts } from '../store/meter.ts'
import type { Objects } from '../store/objects.ts'

/** Time that passes when it is told to, or when somebody sleeps; chance that is the same each time. */
class VirtualClock implements Clock {
  #nowMs = Date.UTC(2026, 0, 1)
  #ids = 0
  #drawn = 0

  now(): number {
    return this.#nowMs
  }

  moveTo(ms: number): void {
    this.#nowMs = Math.max(this.#nowMs, ms)
  }

  async sleep(ms: number): Promise<void> {
    this.#nowMs += Math.ceil(ms)
  }

  random(): number {
    this.#drawn += 1
    return (this.#drawn * goldenRatio) % 1
  }

  randomId(): string {
    this.#ids += 1
    return String(this.#ids).padStart(16, '0')
  }
}

const goldenRatio = 0.618033988749895

/** One process of Wadi, as in AWS. */
export type Machine = {
  readonly topics: Topics
  readonly logs: Logs
  readonly bytes: LogBytes
  readonly scheduledPass: () => Promise<Pass>
}

/** Stores in memory that count what they are asked, and processes that share them. */
export type CostWorld = {
  readonly clock: VirtualClock
  readonly newMachine: () => Machine
  readonly counts: () => StoreCounts
}

/** Objects that a function keeps in memory. */
const cacheBytes = 32 * 1024 * 1024
/** What a function for maintenance has for a pass. */
const remainingMs = 240_000

export const newCostWorld = (): CostWorld => {
  const clock = new VirtualClock()
  const meter = newMeter()
  const items = meter.items(memoryItems())
  const objects = meter.objects(memoryObjects(() => clock.now()))
  return { clock, newMachine: () => newMachine(clock, items, objects), counts: meter.counts }
}

const newMachine = (clock: Clock, items: Items, counted: Objects): Machine => {
  const objects = cachedObjects(counted, cacheBytes, { put: (key) => key.includes('/wal/'), reads: true })
  const topics = new Topics(items, clock)
  const bytes = new LogBytes(objects)
  const logs: Logs = new Logs({
    items,
    objects,
    clock,
    instance: clock.randomId(),
    rules: defaultRules,
    relieve: (lane, state) => maintenance.relieve(lane, state),
  })
  const onError = (where: string, cause: unknown): void => {
    throw new Error(`maintenance of ${where} failed`, { cause })
  }
  const upkeep = { topics, logs, bytes, items, objects, clock, leavesHints: true, onError }
  const maintenance: Maintenance = new Maintenance(upkeep)
  const context = { ...upkeep, maintenance, beforeFullPass: async () => undefined }
  return { topics, logs, bytes, scheduledPass: () => scheduledPass(context, { remainingMs }) }
}
