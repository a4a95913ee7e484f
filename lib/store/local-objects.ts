import { join } from 'node:path'
import { objectFiles } from './files.ts'
import { StoreUnavailable } from './items.ts'
import { type ListedObject, maxListedObjects, ObjectNotFound, type Objects, sizeOf } from './objects.ts'
import { positionAfter, sortBytewise } from './order.ts'
import { openPacks } from './packs.ts'

/** A larger object costs much more to write than its file costs to create. */
const maxPackedBytes = 1024 * 1024

/**
 * `Objects` in a folder: small ones in packs, larger ones as files of their own.
 * A killed process loses no object that was answered; a machine that loses power may, unless `fsync` is set.
 * A delete that was answered may be undone when a machine loses power.
 * Throws `StoreSetupError` where the folder is damaged.
 */
export const localObjects = (folder: string, options: { readonly fsync: boolean }): Objects & Disposable => {
  const files = objectFiles(folder, options)
  const packs = openPacks(join(folder, 'packs'), options)

  const putIfAbsent = async (key: string, parts: readonly Buffer[]): Promise<'stored' | 'taken'> => {
    if (packs.has(key)) {
      await packs.settled(key)
      return 'taken'
    }
    if (sizeOf(parts) >= maxPackedBytes) return files.put(key, parts, () => packs.has(key))
    if (files.has(key)) return 'taken'
    await packs.put(key, parts)
    return 'stored'
  }

  const listing = pagesOf(
    async (prefix) => [...packs.keysBelow(prefix), ...(await files.keysBelow(prefix))],
    async (key) => packs.listed(key) ?? files.listed(key),
  )

  return {
    putIfAbsent: (key, parts) => orUnavailable(key, () => putIfAbsent(key, parts)),

    read: (key, range) => orUnavailable(key, () => (packs.has(key) ? packs.read(key, range) : files.read(key, range))),

    delete: (key) => orUnavailable(key, async () => (packs.has(key) ? packs.delete(key) : files.delete(key))),

    list: (prefix, after) => orUnavailable(prefix, () => listing(prefix, after)),

    [Symbol.dispose]: () => {
      packs[Symbol.dispose]()
      files[Symbol.dispose]()
    },
  }
}

/**
 * Every name below the prefix is read and sorted: what a sweep pays, and nobody on the way of a record.
 * A listing that goes on where its last page ended goes on with the names it has read, so that it reads them once.
 */
const pagesOf = (
  keysBelow: (prefix: string) => Promise<readonly string[]>,
  listed: (key: string) => Promise<ListedObject | undefined>,
): Objects['list'] => {
  const none: readonly string[] = []
  let rest = { prefix: '', after: '', keys: none }

  const keysAfter = async (prefix: string, after: string): Promise<readonly string[]> => {
    if (rest.keys.length > 0 && rest.prefix === prefix && rest.after === after) return rest.keys
    const sorted = sortBytewise(await keysBelow(prefix))
    return sorted.slice(positionAfter(sorted, after))
  }

  return async (prefix, after) => {
    for (let from = after; ; ) {
      const keys = await keysAfter(prefix, from)
      const names = keys.slice(0, maxListedObjects)
      const found = await Promise.all(names.map(listed))
      from = names.at(-1) ?? from
      rest = { prefix, after: from, keys: keys.slice(maxListedObjects) }
      const page = found.filter((object) => object !== undefined)
      // An empty page would be the end: all of these have been deleted since.
      if (page.length > 0 || names.length < maxListedObjects) return page
    }
  }
}

const orUnavailable = async <Answer>(key: string, call: () => Promise<Answer>): Promise<Answer> => {
  try {
    return await call()
  } catch (cause) {
    if (cause instanceof RangeError || cause instanceof ObjectNotFound) throw cause
    throw new StoreUnavailable(`${key}: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}
