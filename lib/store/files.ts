import { closeSync, linkSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf, isMissing, readAll, sync, syncFolder, writeAll } from './file-bytes.ts'
import { checkRange, type ListedObject, ObjectNotFound, type Range } from './objects.ts'
import { type OpenFile, openFiles } from './open-files.ts'

export type ObjectFiles = Disposable & {
  readonly has: (key: string) => boolean
  /** `isTaken` is asked when the bytes are written, right before they get their name. */
  readonly put: (key: string, parts: readonly Buffer[], isTaken: () => boolean) => Promise<'stored' | 'taken'>
  readonly read: (key: string, range: Range | undefined) => Promise<Buffer>
  readonly delete: (key: string) => void
  readonly keysBelow: (prefix: string) => Promise<readonly string[]>
  readonly listed: (key: string) => Promise<ListedObject | undefined>
}

/**
 * Objects as files below `folder/objects`, named by their keys. An object is written aside in `folder/tmp` and linked
 * to its name when it is whole, so that nobody sees half of one and the first link wins.
 * A key must not continue another key after a `/`.
 */
export const objectFiles = (folder: string, options: { readonly fsync: boolean }): ObjectFiles => {
  const top = join(folder, 'objects')
  const aside = join(folder, 'tmp')
  rmSync(aside, { recursive: true, force: true })
  mkdirSync(aside, { recursive: true })
  mkdirSync(top, { recursive: true })
  const open = openFiles('r')
  let asideFiles = 0

  const writeAside = async (path: string, parts: readonly Buffer[]): Promise<void> => {
    const file = openSync(path, 'wx')
    try {
      await writeAll(file, parts)
      if (options.fsync) await sync(file)
    } finally {
      closeSync(file)
    }
  }

  const openToRead = (key: string): OpenFile => {
    try {
      return open.use(join(top, pathOf(key)))
    } catch (cause) {
      throw isMissing(cause) ? new ObjectNotFound(key, { cause }) : cause
    }
  }

  return {
    has: (key) => statSync(join(top, pathOf(key)), { throwIfNoEntry: false }) !== undefined,

    put: async (key, parts, isTaken) => {
      const path = join(top, pathOf(key))
      const temporary = join(aside, String(asideFiles++))
      try {
        await writeAside(temporary, parts)
        if (isTaken()) return 'taken'
        linkInto(temporary, path)
        if (options.fsync) await syncFolders(path, top)
        return 'stored'
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return 'taken'
        throw error
      } finally {
        rmSync(temporary, { force: true })
      }
    },

    read: async (key, range) => {
      const file = openToRead(key)
      try {
        if (range !== undefined) checkRange(range, file.sizeBytes)
        const { position, length } = range ?? { position: 0, length: file.sizeBytes }
        return await readAll(file.descriptor, position, length)
      } finally {
        open.release(file)
      }
    },

    delete: (key) => {
      const path = join(top, pathOf(key))
      open.forget(path)
      rmSync(path, { force: true })
    },

    /** Reads every name below the deepest folder of the prefix. */
    keysBelow: async (prefix) => {
      const deepest = prefix.slice(0, prefix.lastIndexOf('/') + 1)
      const path = deepest === '' ? top : join(top, pathOf(deepest.slice(0, -1)))
      return (await keysIn(path, deepest)).filter((key) => key.startsWith(prefix))
    },

    listed: async (key) => {
      try {
        const { size, mtimeMs } = await stat(join(top, pathOf(key)))
        return { key, sizeBytes: size, modifiedMs: mtimeMs }
      } catch (error) {
        if (isMissing(error)) return undefined
        throw error
      }
    },

    [Symbol.dispose]: open.forgetAll,
  }
}

const linkInto = (temporary: string, path: string): void => {
  try {
    linkSync(temporary, path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    mkdirSync(dirname(path), { recursive: true })
    linkSync(temporary, path)
  }
}

/** A name is durable when its folder is, and a new folder's name in the folder above. */
const syncFolders = async (path: string, top: string): Promise<void> => {
  for (let folder = dirname(path); folder.length >= top.length; folder = dirname(folder)) await syncFolder(folder)
}

/** Our own keys are left as they are; anything a file system might not take is escaped. */
const pathOf = (key: string): string => key.split('/').map(nameOf).join('/')

const nameOf = (part: string): string => {
  const safe = encodeURIComponent(part).replace(/[*'()!]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`)
  return safe === '' ? '%' : safe.replace(/^\.+$/, (dots) => '%2e'.repeat(dots.length))
}

const partOf = (name: string): string => (name === '%' ? '' : decodeURIComponent(name))

const keysIn = async (path: string, prefix: string): Promise<readonly string[]> => {
  try {
    const keys: string[] = []
    for (const entry of await readdir(path, { withFileTypes: true })) {
      const key = prefix + partOf(entry.name)
      if (!entry.isDirectory()) keys.push(key)
      else for (const below of await keysIn(join(path, entry.name), `${key}/`)) keys.push(below)
    }
    return keys
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}
