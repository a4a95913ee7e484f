import { closeSync, fsyncSync, ftruncateSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isMissing, readNow, sync, syncFolder } from './file-bytes.ts'
import { StoreSetupError } from './items.ts'
import type { OpenFile, OpenFiles } from './open-files.ts'
import { DamagedPack, type PackRecord, type ReadBytes, recordAt } from './pack-records.ts'

export type Pack = {
  /** Packs are numbered in the order in which they were started. */
  readonly number: number
  readonly path: string
  sizeBytes: number
  /** The keys of the objects in it that were not deleted, and the bytes of their bodies. */
  readonly live: Set<string>
  liveBytes: number
  /** Resolves when everything that was written before the call is on the disk. After a failure it always fails. */
  readonly synced: () => Promise<void>
}

/** Where an object is: `position` is that of its record. */
export type Place = Omit<PackRecord, 'key' | 'isLive'> & { readonly pack: Pack }

/** Starts an empty pack. */
export const createPack = (folder: string, number: number, open: OpenFiles): Pack => {
  const path = join(folder, `${String(number).padStart(numberDigits, '0')}.pack`)
  closeSync(openSync(path, 'wx'))
  return newPack(folder, path, number, open)
}

/**
 * Every pack of a folder with its live objects, the oldest first. Cuts off what a killed writer left at the end of one.
 * Throws `StoreSetupError` for a pack that is damaged.
 */
export function* packsIn(
  folder: string,
  open: OpenFiles,
  { fsync }: { readonly fsync: boolean },
): Generator<{ readonly pack: Pack; readonly objects: readonly (readonly [key: string, place: Place])[] }> {
  for (const name of readdirSync(folder).toSorted()) {
    const number = Number(/^(\d+)\.pack$/.exec(name)?.[1])
    const path = join(folder, name)
    const file = Number.isNaN(number) ? undefined : openUnlessMissing(open, path)
    if (file === undefined) continue
    try {
      const pack = newPack(folder, path, number, open)
      const objects = scan(pack, file)
      // Nobody may have been told of these objects; from now on they are there.
      if (fsync) fsyncSync(file.descriptor)
      yield { pack, objects }
    } finally {
      open.release(file)
    }
  }
}

const numberDigits = 12

/** What is read at once of the records: some small ones, or little more than the header of a large one. */
const windowBytes = 16 * 1024

/** A pack that had no live object when the folder was closed may be gone only now. */
const openUnlessMissing = (open: OpenFiles, path: string): OpenFile | undefined => {
  try {
    return open.use(path)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

const scan = (pack: Pack, { descriptor, sizeBytes }: OpenFile): readonly (readonly [string, Place])[] => {
  const read = windowed(descriptor)
  const objects: (readonly [string, Place])[] = []
  while (pack.sizeBytes < sizeBytes) {
    const record = recordOf(pack, read, sizeBytes)
    if (record === 'torn') {
      ftruncateSync(descriptor, pack.sizeBytes)
      break
    }
    const { key, isLive, position, bodyPosition, bodyBytes } = record
    if (isLive) objects.push([key, { pack, position, bodyPosition, bodyBytes }])
    pack.sizeBytes = bodyPosition + bodyBytes
  }
  return objects
}

const recordOf = ({ path, sizeBytes: position }: Pack, read: ReadBytes, sizeBytes: number): PackRecord | 'torn' => {
  try {
    return recordAt(read, position, sizeBytes)
  } catch (cause) {
    if (!(cause instanceof DamagedPack)) throw cause
    throw new StoreSetupError(
      `${path} is damaged at byte ${position}: put back a copy of it, or cut it off there and lose what follows`,
      { cause },
    )
  }
}

const windowed = (file: number): ReadBytes => {
  let start = 0
  let window: Buffer = Buffer.alloc(0)
  return (position, length) => {
    if (position < start || position + length > start + window.length) {
      start = position
      window = readNow(file, position, Math.max(length, windowBytes))
    }
    return window.subarray(position - start, position - start + length)
  }
}

const newPack = (folder: string, path: string, number: number, open: OpenFiles): Pack => {
  const force = async (): Promise<void> => {
    const file = open.use(path)
    try {
      await sync(file.descriptor)
      if (!isNamed) await syncFolder(folder)
      isNamed = true
    } finally {
      open.release(file)
    }
  }
  let isNamed = false
  return { number, path, sizeBytes: 0, live: new Set(), liveBytes: 0, synced: sharing(force) }
}

/** Whoever asks while it runs shares the next run, which starts after that and so sees what all of them wrote. */
const sharing = (run: () => Promise<void>): (() => Promise<void>) => {
  let running = Promise.resolve()
  let next: Promise<void> | undefined
  const start = (): Promise<void> => {
    next = undefined
    running = run()
    return running
  }
  return () => {
    next ??= running.then(start)
    return next
  }
}
