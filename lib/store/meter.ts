import type { Item, ItemKey, Items } from './items.ts'
import { type Objects, sizeOf } from './objects.ts'

/** Everything that AWS charges for, whatever the store is made of. Calls count when they are sent. */
export type StoreCounts = {
  readonly gets: number
  readonly queries: number
  readonly puts: number
  readonly replaces: number
  readonly deletes: number
  /** Puts and replaces whose condition failed. */
  readonly refused: number
  /**
   * Per started KB of the item; of the present one where a condition failed, and of the larger one where an item replaces
   * another. Deletes cost as writes.
   */
  readonly writeUnits: number
  /** Per started 4 KB; half of that where the read may be stale. */
  readonly readUnits: number
  readonly itemBytesWritten: number
  readonly itemBytesRead: number
  readonly objectPuts: number
  readonly objectReads: number
  readonly objectDeletes: number
  readonly objectLists: number
  readonly objectBytesWritten: number
  readonly objectBytesRead: number
}

/** Counts the calls of the stores that are wrapped with it. */
export type Meter = {
  readonly items: (items: Items) => Items
  readonly objects: (objects: Objects) => Objects
  /** A copy of the counts so far. */
  readonly counts: () => StoreCounts
}

export const newMeter = (): Meter => {
  const counts: { -readonly [name in keyof StoreCounts]: number } = {
    gets: 0,
    queries: 0,
    puts: 0,
    replaces: 0,
    deletes: 0,
    refused: 0,
    writeUnits: 0,
    readUnits: 0,
    itemBytesWritten: 0,
    itemBytesRead: 0,
    objectPuts: 0,
    objectReads: 0,
    objectDeletes: 0,
    objectLists: 0,
    objectBytesWritten: 0,
    objectBytesRead: 0,
  }
  const large = new LargeItems()

  const wrote = (key: ItemKey, item: Omit<Item, 'sort'>): void => {
    const bytes = itemBytes(key, item)
    counts.writeUnits += Math.max(writeUnits(bytes), large.forget(key))
    counts.itemBytesWritten += bytes
    large.wrote(key, writeUnits(bytes))
  }
  const refused = (key: ItemKey, present: Item | undefined): void => {
    counts.refused++
    counts.writeUnits += present === undefined ? 1 : writeUnits(itemBytes(key, present))
  }
  const read = (bytes: number, consistent: boolean): void => {
    counts.readUnits += Math.max(1, Math.ceil(bytes / readUnitBytes)) * (consistent ? 1 : 0.5)
    counts.itemBytesRead += bytes
  }

  const items = (inner: Items): Items => ({
    get: async (key, options) => {
      counts.gets++
      const item = await inner.get(key, options)
      read(item === undefined ? 0 : itemBytes(key, item), options.consistent)
      return item
    },
    query: async (partition, options) => {
      counts.queries++
      const page = await inner.query(partition, options)
      const bytes = page.items.reduce((sum, item) => sum + itemBytes({ partition, sort: item.sort }, item), 0)
      read(bytes, options.consistent)
      return page
    },
    putIfAbsent: async (key, item) => {
      counts.puts++
      const answer = await inner.putIfAbsent(key, item)
      if (answer.outcome === 'taken') refused(key, answer.by)
      else wrote(key, { ...item, version: 1 })
      return answer
    },
    replace: async (key, item, version) => {
      counts.replaces++
      const answer = await inner.replace(key, item, version)
      if (answer.outcome === 'conflict') refused(key, answer.current)
      else wrote(key, { ...item, version: version + 1 })
      return answer
    },
    delete: (key) => {
      counts.deletes++
      counts.writeUnits += large.forget(key)
      return inner.delete(key)
    },
  })

  const objects = (inner: Objects): Objects => ({
    putIfAbsent: (key, parts) => {
      counts.objectPuts++
      counts.objectBytesWritten += sizeOf(parts)
      return inner.putIfAbsent(key, parts)
    },
    read: async (key, range) => {
      counts.objectReads++
      const bytes = await inner.read(key, range)
      counts.objectBytesRead += bytes.length
      return bytes
    },
    delete: (key) => {
      counts.objectDeletes++
      return inner.delete(key)
    },
    list: (prefix, after) => {
      counts.objectLists++
      return inner.list(prefix, after)
    },
  })

  return { items, objects, counts: () => ({ ...counts }) }
}

const writeUnitBytes = 1024
const readUnitBytes = 4096

const writeUnits = (bytes: number): number => Math.ceil(bytes / writeUnitBytes)

/** An item's size as DynamoDB counts it: names and values of pk, sk, a, v, b (docs: "Item sizes and formats"). */
const itemBytes = ({ partition, sort }: ItemKey, { attempt, version, body }: Omit<Item, 'sort'>): number =>
  7 +
  Buffer.byteLength(partition) +
  Buffer.byteLength(sort) +
  Buffer.byteLength(attempt) +
  Math.ceil(String(version).length / 2) +
  1 +
  body.length

/** What deleting or replacing an item costs, for the items that cost more than one unit; the oldest are forgotten. */
class LargeItems {
  readonly #units = new Map<string, number>()

  wrote({ partition, sort }: ItemKey, units: number): void {
    if (units < 2) return
    this.#units.set(`${partition} ${sort}`, units)
    const [oldest] = this.#units.keys()
    if (this.#units.size > maxLargeItems && oldest !== undefined) this.#units.delete(oldest)
  }

  /** The units of the item that was there. */
  forget({ partition, sort }: ItemKey): number {
    const units = this.#units.get(`${partition} ${sort}`) ?? 1
    this.#units.delete(`${partition} ${sort}`)
    return units
  }
}

const maxLargeItems = 100_000
