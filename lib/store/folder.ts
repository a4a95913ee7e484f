import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Items, StoreSetupError } from './items.ts'
import { localObjects } from './local-objects.ts'
import type { Objects } from './objects.ts'
import { sqliteItems } from './sqlite.ts'

export type FolderOptions = {
  /** Wait for the disk with every write: slower, and safe when the machine loses power. */
  readonly fsync: boolean
}

/**
 * Both stores in one folder, made if it is missing; only one process at a time has it open. Disposing releases it.
 * Throws `StoreSetupError` when it cannot be used, with what to do about it.
 *
 *   format          the version of this layout
 *   lock  owner     held while the folder is open · the process that holds it
 *   items.sqlite    items, with -wal and -shm beside it
 *   packs/          small objects, many in a file (pack-records.ts)
 *   objects/ tmp/   large objects by their key · those that are being written
 */
export const openFolder = (folder: string, options: FolderOptions): Disposable & Stores => {
  const isKnown = isCurrent(folder)
  const release = lock(folder)
  const opened: Disposable[] = [{ [Symbol.dispose]: release }]
  const close = (): void => {
    for (let last = opened.pop(); last !== undefined; last = opened.pop()) last[Symbol.dispose]()
  }
  try {
    if (!isKnown) writeFormat(folder)
    const items = sqliteItems(join(folder, 'items.sqlite'), options)
    opened.push(items)
    const objects = localObjects(folder, options)
    opened.push(objects)
    return { items, objects, [Symbol.dispose]: close }
  } catch (error) {
    close()
    throw error
  }
}

type Stores = { readonly items: Items; readonly objects: Objects }

/** Goes up when an older build could misread what a newer one wrote. */
const formatVersion = 1

/**
 * The lock is SQLite's exclusive lock on an empty database: the system releases it when the process ends, however it
 * ends, so there are no stale ones. Nobody may open that file in another way: closing it would release the lock.
 */
const lock = (folder: string): (() => void) => {
  let database: DatabaseSync | undefined
  try {
    makeFolder(folder)
    database = new DatabaseSync(join(folder, 'lock'))
    database.exec('PRAGMA journal_mode = MEMORY')
    database.exec('BEGIN EXCLUSIVE')
    writeFileSync(join(folder, 'owner'), `${process.pid}\n`)
  } catch (cause) {
    database?.close()
    throw new StoreSetupError(isBusy(cause) ? inUse(folder) : notWritable(folder, cause), { cause })
  }
  const locked = database
  return () => locked.close()
}

/** Node's own recursive way never ends below `/proc`. */
const makeFolder = (path: string): void => {
  if (existsSync(path)) return
  makeFolder(dirname(resolve(path)))
  mkdirSync(path)
}

const isBusy = (error: unknown): boolean => error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy

/** SQLITE_BUSY (SQLite docs: "Result and Error Codes"). */
const sqliteBusy = 5

const inUse = (folder: string): string =>
  `the folder ${folder} is in use by process ${ownerOf(folder)}: stop that one, or name another folder`

const notWritable = (folder: string, cause: unknown): string =>
  `cannot write to the folder ${folder} (${cause instanceof Error ? cause.message : cause}): make it writable, or name another`

const ownerOf = (folder: string): string => {
  try {
    return readFileSync(join(folder, 'owner'), 'utf8').trim()
  } catch {
    return '(unknown)'
  }
}

/** Whether the folder has our format, as opposed to being empty or missing. Writes nothing. */
const isCurrent = (folder: string): boolean => {
  const names = namesIn(folder)
  if (names.includes('format')) {
    const text = readFileSync(join(folder, 'format'), 'utf8').trim()
    if (text === String(formatVersion)) return true
    throw new StoreSetupError(
      `the folder ${folder} has format ${text}, this build knows ${formatVersion}: start the build that wrote it, or name another folder`,
    )
  }
  const other = names.find((name) => !ours.includes(name))
  if (other === undefined) return false
  throw new StoreSetupError(
    `the folder ${folder} holds ${other} and is not one of ours: name an empty folder, or one that does not exist`,
  )
}

const namesIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder)
  } catch {
    // Missing, or not to be read: the attempt to write into it tells which.
    return []
  }
}

const writeFormat = (folder: string): void => {
  writeFileSync(join(folder, 'format.new'), `${formatVersion}\n`)
  renameSync(join(folder, 'format.new'), join(folder, 'format'))
}

/** What a first start leaves behind that ended before it wrote the format. */
const ours = ['lock', 'owner', 'format.new']
