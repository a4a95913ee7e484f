import type { Fault, StoreCall } from '../../lib/store/faults.ts'
import type { Random } from './random.ts'

const hourMs = 3_600_000

/** How bad a history is: the shares of store calls that go wrong, and how badly. */
export type Climate = {
  readonly faults: number
  /** The same for puts of rows alone. */
  readonly rowFaults: number
  /** Of the calls that go wrong, those that are applied or answered after a long time. */
  readonly late: number
  readonly longestLateMs: number
  /** Of the calls that go wrong, those that are only slow. */
  readonly slow: number
  /** Uploads that take seconds. */
  readonly slowUploads: number
  /** Reads that may be stale and are. */
  readonly stale: number
  readonly crashes: number
  readonly freezes: number
  readonly longestFreezeMs: number
}

/** The same when the network is congested. */
export const spellOf = (climate: Climate): Climate => ({ ...climate, faults: 0.5, rowFaults: 0.5, late: 0.6 })

export const calm: Climate = {
  faults: 0,
  rowFaults: 0,
  late: 0,
  longestLateMs: 0,
  slow: 0,
  slowUploads: 0,
  stale: 0,
  crashes: 0,
  freezes: 0,
  longestFreezeMs: 0,
}

export const drawClimate = (random: Random): Climate => {
  const faults = random.pick([0.01, 0.05, 0.1, 0.16])
  const isShort = random.chance(0.5)
  return {
    faults,
    rowFaults: faults,
    late: random.pick([0.05, 0.2, 0.5]),
    longestLateMs: isShort ? 120_000 : 40 * hourMs,
    slow: 0.2,
    slowUploads: random.pick([0, 0, 0.3]),
    stale: random.pick([0.1, 0.5, 0.9]),
    crashes: random.pick([0, 0.0005, 0.003]),
    freezes: random.pick([0, 0.001, 0.006]),
    longestFreezeMs: isShort ? 120_000 : 48 * hourMs,
  }
}

/** Slow is what takes longer than anything that is well. */
const delayMs = { least: 100, most: 20_000 }
const uploadMs = { least: 200, most: 5000 }

const isWrite = (call: StoreCall['call']): boolean =>
  call === 'putIfAbsent' || call === 'replace' || call === 'delete' || call === 'putObject' || call === 'deleteObject'

/** What happens to a call. `notice` is told of a stale read when it shows something that is no longer so. */
export const faultOf = (
  call: StoreCall,
  climate: Climate,
  random: Random,
  notice: (faultClass: string) => void,
): Fault => {
  if (call.inconsistent && random.chance(climate.stale)) return staleRead(call, random, notice)
  if (call.call === 'putObject' && random.chance(climate.slowUploads))
    return { fault: 'delay', beforeMs: random.spread(uploadMs.least, uploadMs.most), afterMs: 0 }
  if (!random.chance(call.call === 'putIfAbsent' ? climate.rowFaults : climate.faults)) return { fault: 'pass' }
  if (random.chance(climate.slow))
    return { fault: 'delay', beforeMs: random.spread(delayMs.least, delayMs.most), afterMs: 0 }
  if (!isWrite(call.call)) return { fault: random.pick(['drop-before', 'drop-after', 'throttle']) }
  if (random.chance(climate.late)) {
    const afterMs = random.spread(100, climate.longestLateMs)
    return { fault: random.pick(['late', 'late', 'echo']), afterMs }
  }
  return { fault: random.pick(['drop-before', 'drop-after', 'drop-after', 'twice', 'throttle']) }
}

const staleRead = ({ call }: StoreCall, random: Random, notice: (faultClass: string) => void): Fault => {
  const share = random.pick([0.1, 0.5, 1])
  let isNoticed = false
  const writesAgo = (): number => {
    if (!random.chance(share)) return 0
    if (!isNoticed) notice(call === 'query' && share < 1 ? 'read with holes' : 'stale read')
    isNoticed = true
    return 1
  }
  return { fault: 'stale', writesAgo }
}

/**
 * The class under which a fault is counted; undefined where nobody can tell that it happened, or only later: a stale
 * read in which nothing was old, a write that is repeated behind everybody's back, a delete of what is deleted.
 */
export const faultClassOf = ({ call }: StoreCall, { fault }: Fault): string | undefined => {
  switch (fault) {
    case 'drop-before':
      return 'request lost'
    case 'drop-after':
      return 'answer lost'
    case 'late':
      return 'applied late, no answer'
    case 'twice':
      return call === 'delete' || call === 'deleteObject' ? undefined : 'applied twice'
    case 'throttle':
      return 'throttled'
    case 'delay':
      return call === 'putObject' ? 'slow upload' : 'slow call'
    default:
      return undefined
  }
}

/** How long a call takes, there and back, in ms. */
export const latencyOf = (call: StoreCall['call'], random: Random): number => {
  const { mu, sigma } = latencies[call]
  const rare = random.chance(0.001) ? random.between(200, 1000) : 0
  return random.logNormal(mu, sigma) + rare
}

const itemRead = { mu: 1.386, sigma: 0.472 }
const itemWrite = { mu: 2.022, sigma: 0.328 }
const objectWrite = { mu: 3.401, sigma: 0.463 }

const latencies: Readonly<Record<StoreCall['call'], { readonly mu: number; readonly sigma: number }>> = {
  get: itemRead,
  query: itemRead,
  putIfAbsent: itemWrite,
  replace: itemWrite,
  delete: itemWrite,
  putObject: objectWrite,
  deleteObject: objectWrite,
  read: { mu: 3.258, sigma: 0.444 },
  list: { mu: 3.18, sigma: 0.28 },
}
