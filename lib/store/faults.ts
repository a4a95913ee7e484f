import {
  type Item,
  type ItemKey,
  type Items,
  type QueryOptions,
  type QueryPage,
  StoreUnavailable,
  type Unknown,
} from './items.ts'
import { type Objects, type Range, sizeOf } from './objects.ts'
import { compareBytewise } from './order.ts'

/** What is about to happen, so that a decision can depend on it. */
export type StoreCall = {
  readonly call: 'get' | 'query' | 'putIfAbsent' | 'replace' | 'delete' | 'putObject' | 'read' | 'deleteObject' | 'list'
  /** The partition and sort, the partition, the object's key or the prefix. */
  readonly where: string
  /** A read that may be stale; false for every other call. */
  readonly inconsistent: boolean
}

/**
 * What happens to one call. A fault that a call cannot have (a stale write, a flipped bit of an item) passes.
 *
 *   drop-before   not applied, no answer         late        no answer, applied after `afterMs`: a put, a replace, a delete
 *   drop-after    applied, no answer             echo        answered, applied once more after `afterMs`
 *   hang-before   not applied, never returns     twice       applied twice, the second answer counts
 *   hang-after    applied, never returns         throttle    not applied, no answer, says so
 *   delay         applied after `beforeMs`, answered `afterMs` later
 *   stale         an inconsistent read that sees each item as it was `writesAgo(sort)` writes ago, perhaps not at all
 *   flip          an object's bytes with one bit wrong; `bit` is taken modulo the bits that are read
 */
export type Fault =
  | { readonly fault: 'pass' | 'drop-before' | 'drop-after' | 'hang-before' | 'hang-after' | 'twice' | 'throttle' }
  | { readonly fault: 'late' | 'echo'; readonly afterMs: number }
  | { readonly fault: 'delay'; readonly beforeMs: number; readonly afterMs: number }
  | { readonly fault: 'stale'; readonly writesAgo: (sort: string) => number }
  | { readonly fault: 'flip'; readonly bit: number }

/** Where faults come from, and whose time they take. */
export type FaultSource = {
  readonly decide: (call: StoreCall) => Fault
  readonly sleep: (ms: number) => Promise<void>
}

/** What items were before, newest last, by partition and sort; shared by all who are to see each other's past. */
export type Past = Map<string, Map<string, (Item | undefined)[]>>

/** `items` with faults. Calls never overtake their own decision, so one seed gives one history. */
export const faultyItems = (items: Items, source: FaultSource, past: Past = new Map()): Items => {
  const at = (key: ItemKey): string => `${key.partition} ${key.sort}`

  const write = async <Outcome extends { readonly outcome: string }>(
    call: 'putIfAbsent' | 'replace',
    key: ItemKey,
    written: Item,
    apply: () => Promise<Outcome>,
  ): Promise<Outcome | Unknown> => {
    const applied = async (): Promise<Outcome> => {
      const answer = await apply()
      if (answer.outcome === 'stored') remember(past, key, written)
      return answer
    }
    try {
      return await withFault({ call, where: at(key), inconsistent: false }, source, applied)
    } catch (cause) {
      if (cause instanceof StoreUnavailable) return { outcome: 'unknown', cause }
      throw cause
    }
  }

  return {
    get: (key, options) => {
      const call: StoreCall = { call: 'get', where: at(key), inconsistent: !options.consistent }
      const stale = async (writesAgo: (sort: string) => number): Promise<Item | undefined> => {
        const steps = writesAgo(key.sort)
        const now = await items.get(key, options)
        return steps > 0 ? before(past, key, steps, now) : now
      }
      return withFault(call, source, () => items.get(key, options), stale)
    },
    query: (partition, options) => {
      const call: StoreCall = { call: 'query', where: partition, inconsistent: !options.consistent }
      const now = (): Promise<QueryPage> => items.query(partition, options)
      return withFault(call, source, now, async (writesAgo) =>
        stalePage(past, partition, options, await now(), writesAgo),
      )
    },
    putIfAbsent: (key, item) =>
      write('putIfAbsent', key, { sort: key.sort, version: 1, ...item }, () => items.putIfAbsent(key, item)),
    replace: (key, item, version) =>
      write('replace', key, { sort: key.sort, version: version + 1, ...item }, () => items.replace(key, item, version)),
    delete: (key) =>
      withFault({ call: 'delete', where: at(key), inconsistent: false }, source, async () => {
        await items.delete(key)
        remember(past, key, undefined)
      }),
  }
}

export const faultyObjects = (objects: Objects, source: FaultSource): Objects => {
  const of = (call: StoreCall['call'], where: string): StoreCall => ({ call, where, inconsistent: false })
  return {
    putIfAbsent: (key, parts) => withFault(of('putObject', key), source, () => objects.putIfAbsent(key, parts)),
    read: (key, range?: Range) => {
      const flip = async (bit: number): Promise<Buffer> => {
        const bytes = Buffer.from(await objects.read(key, range))
        const wrong = bit % Math.max(1, sizeOf(bytes) * 8)
        const byte = bytes[wrong >>> 3]
        if (byte !== undefined) bytes[wrong >>> 3] = byte ^ (1 << (wrong & 7))
        return bytes
      }
      return withFault(of('read', key), source, () => objects.read(key, range), undefined, flip)
    },
    delete: (key) => withFault(of('deleteObject', key), source, () => objects.delete(key)),
    list: (prefix, after) => withFault(of('list', prefix), source, () => objects.list(prefix, after)),
  }
}

const withFault = async <Answer>(
  call: StoreCall,
  { decide, sleep }: FaultSource,
  apply: () => Promise<Answer>,
  stale?: (writesAgo: (sort: string) => number) => Promise<Answer>,
  flip?: (bit: number) => Promise<Answer>,
): Promise<Answer> => {
  const decision = decide(call)
  const lost = (how: string): StoreUnavailable => new StoreUnavailable(`${call.call} of ${call.where}: ${how}`)
  const applyIn = (afterMs: number): void => {
    // Whatever becomes of it, nobody hears of it any more.
    void sleep(afterMs)
      .then(apply)
      .catch(() => {})
  }
  switch (decision.fault) {
    case 'pass':
      return apply()
    case 'drop-before':
      throw lost('not sent')
    case 'drop-after':
      await apply()
      throw lost('answer lost')
    case 'hang-before':
      return new Promise<never>(() => {})
    case 'hang-after':
      await apply()
      return new Promise<never>(() => {})
    case 'twice':
      await apply()
      return apply()
    case 'throttle':
      throw lost('throttled')
    case 'late':
      applyIn(decision.afterMs)
      throw lost('no answer')
    case 'echo': {
      const answer = await apply()
      applyIn(decision.afterMs)
      return answer
    }
    case 'delay': {
      await sleep(decision.beforeMs)
      const answer = await apply()
      await sleep(decision.afterMs)
      return answer
    }
    case 'stale':
      return stale !== undefined && call.inconsistent ? stale(decision.writesAgo) : apply()
    case 'flip':
      return flip === undefined ? apply() : flip(decision.bit)
  }
}

/** Versions of one item that are kept to be seen again. */
const maxPastVersions = 8

const remember = (past: Past, key: ItemKey, now: Item | undefined): void => {
  const sorts = past.get(key.partition) ?? new Map<string, (Item | undefined)[]>()
  past.set(key.partition, sorts)
  const versions = sorts.get(key.sort) ?? []
  sorts.set(key.sort, versions)
  if (versions.length > 0 && versions.at(-1)?.attempt === now?.attempt) return
  versions.push(now)
  if (versions.length > maxPastVersions) versions.shift()
}

/** An item that nobody has written through here has no past; one that was written often has forgotten its first. */
const before = (past: Past, key: ItemKey, steps: number, now: Item | undefined): Item | undefined => {
  const versions = past.get(key.partition)?.get(key.sort)
  if (versions === undefined) return now
  if (versions.length === maxPastVersions && steps >= maxPastVersions) return versions[0]
  return versions[versions.length - 1 - steps]
}

/** The page as a lagging copy would give it: older versions, items not there yet, items that are deleted by now. */
const stalePage = (
  past: Past,
  partition: string,
  { after, before: upper }: QueryOptions,
  page: QueryPage,
  writesAgo: (sort: string) => number,
): QueryPage => {
  const last = page.items.at(-1)?.sort
  const inPage = (sort: string): boolean =>
    compareBytewise(sort, after) > 0 &&
    compareBytewise(sort, upper) < 0 &&
    (page.end || (last !== undefined && compareBytewise(sort, last) <= 0))
  const seen = new Map<string, Item | undefined>(page.items.map((item) => [item.sort, item]))
  for (const sort of past.get(partition)?.keys() ?? []) if (inPage(sort) && !seen.has(sort)) seen.set(sort, undefined)
  const items = [...seen].map(([sort, now]) => {
    const steps = writesAgo(sort)
    return steps > 0 ? before(past, { partition, sort }, steps, now) : now
  })
  const present = items.filter((item) => item !== undefined)
  return { items: present.sort((a, b) => compareBytewise(a.sort, b.sort)), end: page.end }
}
