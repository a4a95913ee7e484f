import {
  checkItemBody,
  type Item,
  type ItemKey,
  type Items,
  maxPageBytes,
  type NewItem,
  type QueryOptions,
} from './items.ts'
import {
  joinParts,
  type ListedObject,
  maxListedObjects,
  ObjectNotFound,
  type Objects,
  type Range,
  sizeOf,
  sliceOf,
} from './objects.ts'
import { positionAfter, positionOf } from './order.ts'

/** One partition: its items by sort, and the sorts in order. */
type Partition = { readonly items: Map<string, Item>; readonly sorts: string[] }

/** `Items` in maps: nothing is copied, nothing fails, every call is applied before it returns its promise. */
export const memoryItems = (): Items => {
  const partitions = new Map<string, Partition>()

  const find = (key: ItemKey): Item | undefined => partitions.get(key.partition)?.items.get(key.sort)

  const store = (key: ItemKey, item: NewItem, version: number): void => {
    const partition = partitions.get(key.partition) ?? { items: new Map(), sorts: [] }
    partitions.set(key.partition, partition)
    if (version === 1) insert(partition.sorts, key.sort)
    partition.items.set(key.sort, { sort: key.sort, attempt: item.attempt, version, body: item.body })
  }

  return {
    get: async (key) => find(key),

    query: async (name: string, { after, before, limit }: QueryOptions) => {
      const partition = partitions.get(name)
      if (partition === undefined) return { items: [], end: true }
      const start = positionAfter(partition.sorts, after)
      const end = positionOf(partition.sorts, before)
      const items: Item[] = []
      let position = start
      for (let bytes = 0; position < end && items.length < limit && bytes < maxPageBytes; position++) {
        const item = partition.items.get(partition.sorts[position] ?? '')
        if (item === undefined) throw new Error(`an item without a body in ${name}`)
        items.push(item)
        bytes += item.body.length
      }
      return { items, end: position >= end }
    },

    putIfAbsent: async (key, item) => {
      checkItemBody(item.body)
      const by = find(key)
      if (by !== undefined) return { outcome: 'taken', by }
      store(key, item, 1)
      return { outcome: 'stored' }
    },

    replace: async (key, item, version) => {
      checkItemBody(item.body)
      const current = find(key)
      if (current?.version !== version) return { outcome: 'conflict', current }
      store(key, item, version + 1)
      return { outcome: 'stored' }
    },

    delete: async (key) => {
      const partition = partitions.get(key.partition)
      if (partition === undefined || !partition.items.delete(key.sort)) return
      partition.sorts.splice(positionOf(partition.sorts, key.sort), 1)
      if (partition.sorts.length === 0) partitions.delete(key.partition)
    },
  }
}

type Stored = { bytes: Buffer | readonly Buffer[]; readonly modifiedMs: number }

/** `Objects` in a map. `nowMs` dates them. Parts are joined when they are first read. */
export const memoryObjects = (nowMs: () => number): Objects => {
  const objects = new Map<string, Stored>()
  const keys: string[] = []

  return {
    putIfAbsent: async (key, parts) => {
      if (objects.has(key)) return 'taken'
      objects.set(key, { bytes: parts, modifiedMs: nowMs() })
      insert(keys, key)
      return 'stored'
    },

    read: async (key, range?: Range) => {
      const object = objects.get(key)
      if (object === undefined) throw new ObjectNotFound(key)
      object.bytes = joinParts(object.bytes)
      return sliceOf(object.bytes, range)
    },

    delete: async (key) => {
      if (objects.delete(key)) keys.splice(positionOf(keys, key), 1)
    },

    list: async (prefix, after) => {
      const page: ListedObject[] = []
      let position = Math.max(positionOf(keys, prefix), positionAfter(keys, after))
      for (; page.length < maxListedObjects; position++) {
        const key = keys[position]
        const object = key === undefined ? undefined : objects.get(key)
        if (key === undefined || object === undefined || !key.startsWith(prefix)) break
        page.push({ key, sizeBytes: sizeOf(object.bytes), modifiedMs: object.modifiedMs })
      }
      return page
    },
  }
}

const insert = (sorted: string[], key: string): void => {
  sorted.splice(positionOf(sorted, key), 0, key)
}
