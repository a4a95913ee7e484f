import type { Broker } from './broker/broker.ts'
import { type BrokerContext, type BrokerLimits, defaultLimits } from './broker/context.ts'
import { describe } from './broker/failures.ts'
import { makeBroker } from './broker/make-broker.ts'
import { realClock } from './clock.ts'
import type { Settings } from './environment.ts'
import { type CleanUpPart, Groups } from './group/groups.ts'
import type { GroupLimits } from './group/limits.ts'
import { LogBytes } from './journal/bytes.ts'
import type { Rules } from './journal/journal.ts'
import { Leadership } from './journal/leadership.ts'
import { Logs } from './journal/logs.ts'
import { type NodeAddress, Nodes } from './journal/nodes.ts'
import { Topics } from './journal/topics.ts'
import { Maintenance } from './maintenance/maintain.ts'
import type { Pass } from './maintenance/pass.ts'
import { scheduledPass } from './maintenance/scheduled-pass.ts'
import { cachedObjects } from './store/cache.ts'
import type { Items } from './store/items.ts'
import { newMeter, type StoreCounts } from './store/meter.ts'
import type { Objects } from './store/objects.ts'

/** Everything that one process needs to be Wadi, over whatever stores. */
export type Instance = {
  readonly broker: Broker
  readonly context: BrokerContext
  /** One pass of maintenance; a pass that is asked for while one runs comes after it. */
  readonly maintain: (options?: { readonly flushAll: boolean }) => Promise<Pass>
  /**
   * One pass for a schedule where looking costs money: over the shards that writers have left hints of, and once an hour
   * over all. Begins nothing after `remainingMs`.
   */
  readonly maintainHinted: (options: { readonly remainingMs: number }) => Promise<Pass>
  /** Tells the id, and then the name, of every topic that is seen to grow. Returns how to stop it. */
  readonly watch: (grown: (topicIdOrName: string) => void) => () => void
  /** Registers as a node, if it is one: to be called as soon as clients can reach it. Never throws. */
  readonly join: () => Promise<void>
  /** Tells the other nodes that this one goes: to be called while clients can still reach it. Never throws. */
  readonly leave: () => Promise<void>
  /** What the stores were asked since the start. */
  readonly usage: () => StoreCounts
  readonly close: () => void
}

export type Stores = {
  readonly items: Items
  readonly objects: Objects
  readonly rules: Rules
  /** Whether reading an object again costs more than the memory that would keep it. */
  readonly keepsReads: boolean
  /** Whether looking at a shard costs money, so that maintenance looks where writers have left hints. */
  readonly leavesHints: boolean
  readonly close: () => void
}

export type InstanceOptions = Pick<Settings, 'lingerMs' | 'autoCreateTopics' | 'numPartitions'> & {
  readonly log: (line: string) => void
  /** Objects lately written or read that stay in memory: consumers at the end of a log need no store. */
  readonly cacheBytes?: number
  readonly limits?: Partial<BrokerLimits>
  readonly groupLimits?: Partial<GroupLimits>
  /** This process is one of several gateways that share the stores, and clients reach it there. */
  readonly node?: NodeAddress | undefined
}

const defaultCacheBytes = 128 * 1024 * 1024
/** What was just appended is read soon, by consumers and by the flush; what was flushed has been read. */
const isAppended = (key: string): boolean => key.includes('/wal/')

export const makeInstance = (stores: Stores, options: InstanceOptions): Instance => {
  const { log, lingerMs, autoCreateTopics, numPartitions, cacheBytes = defaultCacheBytes } = options
  const clock = realClock
  const meter = newMeter()
  const items = meter.items(stores.items)
  const objects = cachedObjects(meter.objects(stores.objects), cacheBytes, {
    put: isAppended,
    reads: stores.keepsReads,
  })
  const topics = new Topics(items, clock)
  const bytes = new LogBytes(objects)
  const logs: Logs = new Logs({
    items,
    objects,
    clock,
    instance: clock.randomId(),
    rules: stores.rules,
    lingerMs,
    relieve: (lane, state) => maintenance.relieve(lane, state),
  })
  const onError = (shard: string, error: unknown): void => log(`maintenance of ${shard} failed: ${describe(error)}`)
  const { leavesHints } = stores
  const upkeep = { topics, logs, bytes, items, objects, clock, leavesHints, onError }
  const maintenance: Maintenance = new Maintenance(upkeep)
  const groups = new Groups({ items, objects, clock }, topics, options.groupLimits)
  const { node } = options
  const nodes = node && new Nodes(items, clock, node)
  const context: BrokerContext = {
    ...(nodes && { leadership: new Leadership({ nodes, logs, clock }) }),
    topics,
    logs,
    bytes,
    groups,
    items,
    clock,
    limits: { ...defaultLimits, ...options.limits },
    defaults: { autoCreateTopics, numPartitions },
    nodeId: 1,
    rack: node?.zone ?? null,
    log,
  }
  let groupsCheckedMs = clock.now()
  const deleteExpiredGroups = async (part?: CleanUpPart): Promise<string | undefined> => {
    groupsCheckedMs = clock.now()
    try {
      return (await groups.deleteExpired(part)).stoppedAfter
    } catch (error) {
      log(`expired groups were not deleted: ${describe(error)}`)
      return undefined
    }
  }
  let lastPass: Promise<unknown> = Promise.resolve()
  const afterLastPass = (begin: () => Promise<Pass>): Promise<Pass> => {
    const pass = lastPass.then(begin)
    lastPass = pass.catch(() => undefined)
    return pass
  }
  const maintain: Instance['maintain'] = (passOptions) =>
    afterLastPass(async () => {
      if (clock.now() - groupsCheckedMs >= groupsCheckMs) await deleteExpiredGroups()
      return maintenance.pass(passOptions)
    })
  const maintainHinted: Instance['maintainHinted'] = (passOptions) =>
    afterLastPass(() => scheduledPass({ ...upkeep, maintenance, beforeFullPass: deleteExpiredGroups }, passOptions))
  return {
    broker: makeBroker(context),
    context,
    maintain,
    maintainHinted,
    watch: watchByIdAndName(logs, topics),
    join: async () => nodes?.join(log),
    leave: async () => nodes?.leave().catch((error) => log(`the other nodes were not told: ${describe(error)}`)),
    usage: meter.counts,
    close: stores.close,
  }
}

/** Kafka's `offsets.retention.check.interval.ms`. All groups are read for it. */
const groupsCheckMs = 10 * 60_000

/** Names of topics by id, which never change; beyond this many the oldest is looked up again. */
const maxNames = 10_000

/** Journals know ids only, while old versions of Fetch know names. */
const watchByIdAndName = (logs: Logs, topics: Topics): Instance['watch'] => {
  const names = new Map<string, string>()
  const nameOf = async (id: string): Promise<string | undefined> => {
    const name = (await topics.findById(id).catch(() => undefined))?.name
    if (name !== undefined) names.set(id, name)
    const [oldest] = names.keys()
    if (names.size > maxNames && oldest !== undefined) names.delete(oldest)
    return name
  }
  return (grown) =>
    logs.watch((id) => {
      grown(id)
      const known = names.get(id)
      if (known !== undefined) grown(known)
      else void nameOf(id).then((name) => name !== undefined && grown(name))
    })
}
