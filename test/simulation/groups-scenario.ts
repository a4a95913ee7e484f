import type { GroupTopic } from '../../lib/group/group.ts'
import type { GroupLimits } from '../../lib/group/limits.ts'
import type { Random } from './random.ts'
import { type Climate, drawClimate } from './weather.ts'

type ProtocolName = 'classic' | 'consumer'

/** What one history of a group is about. Times are short on purpose, so that sessions end and rebalances are cut off. */
export type GroupScenario = {
  readonly climate: Climate
  /** Shares of requests between clients and coordinators that are lost, there or back, and that arrive late. */
  readonly lost: number
  readonly late: number
  readonly longestLateMs: number
  /** Of the writes of offsets, those that are applied some seconds late, when others may have the partitions. */
  readonly slowCommits: number
  /** Clocks of coordinators are wrong by at most this. */
  readonly largestSkewMs: number
  /** A read that may be stale shows nothing older than this. */
  readonly staleForMs: number
  readonly coordinators: number
  readonly members: number
  readonly protocol: ProtocolName
  /** After everybody has left, they come back with this one. */
  readonly laterProtocol: ProtocolName
  /** When all members leave, and how long they are away; undefined: somebody is always there. */
  readonly recess: { readonly atMs: number; readonly lastsMs: number } | undefined
  readonly staticShare: number
  readonly topics: readonly GroupTopic[]
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly heartbeatMs: number
  readonly limits: Partial<GroupLimits>
  /** What a member says about itself; large ones are moved to objects. */
  readonly metadataBytes: number
  /** Shares of a client's requests before which it dies, stands still, or leaves. */
  readonly crashes: number
  readonly freezes: number
  readonly leaves: number
  /** Shares of a client's requests before which it goes to another coordinator. */
  readonly wandering: number
  readonly longestFreezeMs: number
  readonly administrators: number
  /** Coordinators are replaced by those of another version. */
  readonly deployments: readonly GroupDeployment[]
  readonly activeMs: number
}

type GroupDeployment = { readonly atMs: number; readonly slot: number; readonly isNewer: boolean }

/** A newer version is deployed beside the old one, which cannot read what it writes; it may be withdrawn in between. */
const drawDeployments = (random: Random, slots: number, activeMs: number): readonly GroupDeployment[] => {
  if (!random.chance(0.2)) return []
  const roll = (isNewer: boolean, from: number, to: number): readonly GroupDeployment[] =>
    Array.from({ length: slots }, (_, slot) => ({ atMs: activeMs * random.between(from, to), slot, isNewer }))
  return random.chance(0.7)
    ? roll(true, 0.3, 0.6)
    : [...roll(true, 0.2, 0.4), ...roll(false, 0.4, 0.6), ...roll(true, 0.7, 0.9)]
}

const longMs = 600_000
const shortMs = 30_000

export const drawGroupScenario = (random: Random): GroupScenario => {
  const isLong = random.chance(0.15)
  const longestFreezeMs = isLong ? longMs : shortMs
  const climate: Climate = {
    ...drawClimate(random),
    crashes: random.pick([0, 0.001, 0.005]),
    freezes: random.pick([0, 0.003, 0.015]),
    longestLateMs: isLong ? longMs : shortMs,
    longestFreezeMs,
  }
  const protocol = random.pick<ProtocolName>(['classic', 'consumer'])
  const activeMs = random.pick([40_000, 70_000])
  const coordinators = random.pick([2, 3])
  const sessionTimeoutMs = random.pick([6000, 6000, 10_000])
  const topics = Array.from({ length: random.pick([1, 2]) }, (_, i) => ({
    id: `topic${'AB'.charAt(i)}AAAAAAAAAAAAAAAA`,
    name: `topic-${'ab'.charAt(i)}`,
    partitions: random.pick([1, 2, 4]),
  }))
  return {
    climate,
    lost: random.pick([0, 0.01, 0.05]),
    late: random.pick([0, 0.01, 0.05]),
    longestLateMs: isLong ? longMs : shortMs,
    slowCommits: random.pick([0, 0, 0.1, 0.4]),
    largestSkewMs: random.pick([0, 300, 700]),
    staleForMs: 1000,
    coordinators,
    deployments: drawDeployments(random, coordinators, activeMs),
    members: random.pick([2, 3, 4, 5]),
    protocol,
    laterProtocol: random.chance(0.4) ? random.pick<ProtocolName>(['classic', 'consumer']) : protocol,
    recess: random.chance(0.4)
      ? { atMs: activeMs * random.between(0.3, 0.6), lastsMs: random.between(1000, 15_000) }
      : undefined,
    staticShare: random.pick([0, 0.5, 1]),
    topics,
    sessionTimeoutMs,
    rebalanceTimeoutMs: random.pick([6000, 10_000, 20_000]),
    heartbeatMs: random.pick([1000, 2000]),
    limits: {
      consumerSessionTimeoutMs: sessionTimeoutMs,
      joinHoldMs: random.pick([1000, 5000, 20_000]),
      syncHoldMs: random.pick([500, 5000]),
      writeTimeoutMs: random.pick([2000, 10_000]),
    },
    metadataBytes: random.chance(0.05) ? 60_000 : 20,
    crashes: random.pick([0, 0.004, 0.015]),
    freezes: random.pick([0, 0.004, 0.015]),
    leaves: random.pick([0, 0.002, 0.01]),
    wandering: random.pick([0.02, 0.2, 0.7]),
    longestFreezeMs,
    administrators: random.pick([0, 1, 2]),
    activeMs,
  }
}
