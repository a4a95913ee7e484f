import { ftruncateSync, mkdirSync, statSync, unlink, writeSync } from 'node:fs'
import { readAll, writeAllNow } from './file-bytes.ts'
import { keyMap } from './key-map.ts'
import { checkRange, type ListedObject, type Range, sizeOf } from './objects.ts'
import { type OpenFile, openFiles } from './open-files.ts'
import { createPack, type Pack, type Place, packsIn } from './pack-files.ts'
import { deletedState, headOf, statePosition } from './pack-records.ts'

type PackLimits = {
  /** A pack that would grow beyond this is not appended to any more. */
  readonly packBytes: number
  /** What is live in old packs with no more live bytes than this is moved. Also the most that is moved per new pack. */
  readonly movedBytes: number
  /** A pack is old when this many are newer: until then its objects may well be deleted by themselves. */
  readonly youngPacks: number
}

const MiB = 1024 * 1024

/** Moving a quarter of a pack frees three: old packs take at most four times what lives in them. */
const packLimits: PackLimits = { packBytes: 64 * MiB, movedBytes: 16 * MiB, youngPacks: 4 }

export type Packs = Disposable & {
  readonly has: (key: string) => boolean
  /** Waits until an object that is there is as durable as `put` makes it. */
  readonly settled: (key: string) => Promise<void>
  /** Stores an object that is not there; it is there at once, and durable when the promise says so. */
  readonly put: (key: string, parts: readonly Buffer[]) => Promise<void>
  /** An object that is there, or its range. */
  readonly read: (key: string, range: Range | undefined) => Promise<Buffer>
  /** Deletes an object that is there. */
  readonly delete: (key: string) => void
  readonly keysBelow: (prefix: string) => readonly string[]
  /** The time is that of the pack, which is never earlier than the object's own. */
  readonly listed: (key: string) => ListedObject | undefined
}

/**
 * Small objects, one after the other in a few large files: creating a file takes six times as long as appending to one.
 *
 * - Only the newest pack grows. A write that fails leaves bytes that are cut off before the next one; a process that is
 *   killed leaves them to whoever opens the folder.
 * - Deleting an object overwrites one byte of its record, which cannot be half done. A pack without a live object goes.
 * - What lives on in an old pack is moved to the newest; of an object that is found twice the later record counts.
 * - Where everything is, is kept in memory: about 200 bytes per object.
 *
 * Throws `StoreSetupError` for a pack that is damaged.
 */
export const openPacks = (folder: string, options: { readonly fsync: boolean }, limits = packLimits): Packs => {
  mkdirSync(folder, { recursive: true })
  const open = openFiles('r+')
  const places = keyMap<Place>()
  /** The second place of objects that are being moved: they count when the first is given up. */
  const moved = new Map<string, Place>()
  const unsynced = new Map<string, Promise<void>>()
  const packs = new Set<Pack>()
  let newest: Newest | undefined
  let lastNumber = 0
  let isMoving = false
  let isClosed = false

  const seal = (): void => {
    if (newest === undefined) return
    const { pack, file } = newest
    newest = undefined
    open.release(file)
    unlinkIfDead(pack)
  }

  const unlinkIfDead = (pack: Pack): void => {
    if (isClosed || pack.live.size > 0 || pack === newest?.pack || !packs.delete(pack)) return
    open.forget(pack.path)
    // One that stays is found without a live object when the folder is opened again.
    unlink(pack.path, () => {})
  }

  const growTo = (pack: Pack): Newest => {
    newest = { pack, file: open.use(pack.path), isTorn: false }
    return newest
  }

  const roomFor = (recordBytes: number): Newest => {
    if (newest !== undefined && newest.pack.sizeBytes + recordBytes <= limits.packBytes) return newest
    seal()
    const pack = createPack(folder, ++lastNumber, open)
    packs.add(pack)
    void moveOld()
    return growTo(pack)
  }

  const append = (key: string, parts: readonly Buffer[]): Place => {
    const bodyBytes = sizeOf(parts)
    const head = headOf(key, bodyBytes)
    const to = roomFor(head.length + bodyBytes)
    const { pack, file } = to
    const position = pack.sizeBytes
    if (to.isTorn) ftruncateSync(file.descriptor, position)
    to.isTorn = true
    writeAllNow(file.descriptor, [head, ...parts], position)
    to.isTorn = false
    pack.sizeBytes += head.length + bodyBytes
    const place = { pack, position, bodyPosition: position + head.length, bodyBytes }
    hold(key, place)
    return place
  }

  const hold = (key: string, { pack, bodyBytes }: Place): void => {
    pack.live.add(key)
    pack.liveBytes += bodyBytes
  }

  const letGo = (key: string, { pack, bodyBytes }: Place): void => {
    if (pack.live.delete(key)) pack.liveBytes -= bodyBytes
  }

  const giveUp = (key: string, place: Place): void => {
    const file = open.use(place.pack.path)
    try {
      writeSync(file.descriptor, deletedByte, 0, 1, place.position + statePosition)
    } finally {
      open.release(file)
    }
    letGo(key, place)
    unlinkIfDead(place.pack)
  }

  const readPlace = async ({ pack, bodyPosition }: Place, { position, length }: Range): Promise<Buffer> => {
    const file = open.use(pack.path)
    try {
      return await readAll(file.descriptor, bodyPosition + position, length)
    } finally {
      open.release(file)
    }
  }

  const moveOld = async (): Promise<void> => {
    if (isMoving) return
    isMoving = true
    try {
      let leftBytes = limits.movedBytes
      for (const pack of [...packs]) {
        if (pack.number + limits.youngPacks > lastNumber || pack.liveBytes > leftBytes) continue
        leftBytes -= pack.liveBytes
        await move(pack)
      }
    } catch {
      // Nothing is lost where it stays, and the next new pack tries again.
    } finally {
      isMoving = false
    }
  }

  const move = async (pack: Pack): Promise<void> => {
    try {
      for (const key of [...pack.live]) {
        const place = places.get(key)
        if (place?.pack !== pack) continue
        const body = await readPlace(place, { position: 0, length: place.bodyBytes })
        if (isClosed) return
        if (places.get(key) === place) moved.set(key, append(key, [body]))
      }
      if (options.fsync)
        await Promise.all([...new Set([...moved.values()].map((to) => to.pack))].map((to) => to.synced()))
      if (isClosed) return
      for (const [key, to] of moved) {
        const from = places.get(key)
        if (from === undefined) continue
        giveUp(key, from)
        places.set(key, to)
        moved.delete(key)
      }
    } finally {
      // Still here after a failure. As long as the first place counts, the second must not outlive it.
      for (const [key, to] of isClosed ? [] : moved) giveUp(key, to)
      moved.clear()
    }
  }

  const load = (): void => {
    for (const { pack, objects } of packsIn(folder, open, options)) {
      lastNumber = pack.number
      for (const [key, place] of objects) {
        const earlier = places.get(key)
        if (earlier !== undefined) giveUp(key, earlier)
        places.set(key, place)
        hold(key, place)
      }
      packs.add(pack)
    }
    // First these: one that is being unlinked must not grow.
    for (const pack of [...packs]) unlinkIfDead(pack)
    const last = [...packs].at(-1)
    if (last !== undefined && last.sizeBytes < limits.packBytes) growTo(last)
  }

  const found = (key: string): Place => {
    const place = places.get(key)
    if (place === undefined) throw new Error(`${key} is not in a pack`)
    return place
  }

  try {
    load()
  } catch (error) {
    open.forgetAll()
    throw error
  }
  return {
    has: (key) => places.get(key) !== undefined,

    settled: async (key) => unsynced.get(key),

    put: async (key, parts) => {
      const place = append(key, parts)
      places.set(key, place)
      if (!options.fsync) return
      const synced = place.pack.synced()
      unsynced.set(key, synced)
      try {
        await synced
      } catch (error) {
        // The system may forget what it could not write: the next try must be written anew, and to another file.
        if (newest?.pack === place.pack) seal()
        if (places.get(key) === place) {
          places.delete(key)
          letGo(key, place)
        }
        throw error
      } finally {
        if (unsynced.get(key) === synced) unsynced.delete(key)
      }
    },

    read: async (key, range) => {
      const place = found(key)
      if (range !== undefined) checkRange(range, place.bodyBytes)
      return readPlace(place, range ?? { position: 0, length: place.bodyBytes })
    },

    delete: (key) => {
      const place = found(key)
      const second = moved.get(key)
      if (second !== undefined) giveUp(key, second)
      moved.delete(key)
      giveUp(key, place)
      places.delete(key)
    },

    keysBelow: places.below,

    listed: (key) => {
      const place = places.get(key)
      if (place === undefined) return undefined
      return { key, sizeBytes: place.bodyBytes, modifiedMs: statSync(place.pack.path).mtimeMs }
    },

    [Symbol.dispose]: () => {
      isClosed = true
      seal()
      open.forgetAll()
    },
  }
}

/** The pack that grows, held open. `isTorn`: what follows its records is of a write that failed. */
type Newest = { readonly pack: Pack; readonly file: OpenFile; isTorn: boolean }

const deletedByte = Buffer.of(deletedState)
