import type { Item, ItemKey, Items } from '../../lib/store/items.ts'
import { joinParts, type Objects } from '../../lib/store/objects.ts'

/** What a service would charge for, counted where requests arrive: by its own sums, not by those of the code under test. */
export type Charged = { writeUnits: number; readUnits: number; puts: number; gets: number; deletes: number }

export const newCharged = (): Charged => ({ writeUnits: 0, readUnits: 0, puts: 0, gets: 0, deletes: 0 })

/** An item as DynamoDB has it: the bytes of all names and all values. */
const bytesOf = ({ partition, sort }: ItemKey, item: Omit<Item, 'sort'>): number => {
  const attributes: readonly (readonly [name: string, bytes: number])[] = [
    ['pk', Buffer.byteLength(partition)],
    ['sk', Buffer.byteLength(sort)],
    ['a', Buffer.byteLength(item.attempt)],
    ['v', 1 + Math.ceil(`${item.version}`.length / 2)],
    ['b', item.body.length],
  ]
  return attributes.reduce((sum, [name, bytes]) => sum + name.length + bytes, 0)
}

const perStarted = (unitBytes: number, bytes: number): number => Math.max(1, Math.ceil(bytes / unitBytes))

/** Items that are paid for. */
export const chargedItems = (items: Items, charged: Charged): Items => {
  const there = (key: ItemKey) => items.get(key, { consistent: true })
  const write = (key: ItemKey, item: Omit<Item, 'sort'> | undefined): void => {
    charged.writeUnits += item === undefined ? 1 : perStarted(1024, bytesOf(key, item))
  }
  const read = (bytes: number, consistent: boolean): void => {
    charged.readUnits += perStarted(4096, bytes) / (consistent ? 1 : 2)
  }
  return {
    get: async (key, options) => {
      const item = await items.get(key, options)
      read(item === undefined ? 0 : bytesOf(key, item), options.consistent)
      return item
    },
    query: async (partition, options) => {
      const page = await items.query(partition, options)
      const bytes = page.items.map((item) => bytesOf({ partition, sort: item.sort }, item))
      read(
        bytes.reduce((sum, each) => sum + each, 0),
        options.consistent,
      )
      return page
    },
    putIfAbsent: async (key, item) => {
      write(key, (await there(key)) ?? { ...item, version: 1 })
      return items.putIfAbsent(key, item)
    },
    replace: async (key, item, version) => {
      const present = await there(key)
      const after = { ...item, version: version + 1 }
      const isLarger = present !== undefined && bytesOf(key, present) > bytesOf(key, after)
      write(key, present?.version === version && !isLarger ? after : present)
      return items.replace(key, item, version)
    },
    delete: async (key) => {
      write(key, await there(key))
      return items.delete(key)
    },
  }
}

/** Objects that are paid for. A list costs what a put does. */
export const chargedObjects = (objects: Objects, charged: Charged): Objects => ({
  putIfAbsent: (key, parts) => {
    charged.puts += 1
    return objects.putIfAbsent(key, [joinParts(parts)])
  },
  read: (key, range) => {
    charged.gets += 1
    return objects.read(key, range)
  },
  delete: (key) => {
    charged.deletes += 1
    return objects.delete(key)
  },
  list: (prefix, after) => {
    charged.puts += 1
    return objects.list(prefix, after)
  },
})

/** USD, at the prices that AWS's pages show for us-east-1. */
export const usdOf = ({ writeUnits, readUnits, puts, gets }: Charged): number =>
  (writeUnits * 0.625 + readUnits * 0.125 + puts * 5 + gets * 0.4) / 1e6
