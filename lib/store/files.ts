import {
  close,
  closeSync,
  fstatSync,
  fsync,
  linkSync,
  mkdirSync,
  openSync,
  read,
  rmSync,
  unlinkSync,
  writev,
  writevSync,
} from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { StoreUnavailable } from './items.ts'
import { checkRange, type ListedObject, maxListedObjects, ObjectNotFound, type Objects, sizeOf } from './objects.ts'
import { positionAfter, sortBytewise } from './order.ts'

/**
 * `Objects` as files below `folder/objects`, named by their keys. An object is written aside in `folder/tmp` and linked
 * to its name when it is whole, so that nobody sees half of one and the first link wins.
 * A killed process loses no object that was answered; a machine that loses power may, unless `fsync` is set.
 * A key must not continue another key after a `/`.
 */
export const fileObjects = (folder: string, options: { readonly fsync: boolean }): Objects & Disposable => {
  const top = join(folder, 'objects')
  const aside = join(folder, 'tmp')
  rmSync(aside, { recursive: true, force: true })
  mkdirSync(aside, { recursive: true })
  mkdirSync(top, { recursive: true })
  const open = openFiles()
  const listing = pagesBelow(top)
  let asideFiles = 0

  const putIfAbsent = async (key: string, parts: readonly Buffer[]): Promise<'stored' | 'taken'> => {
    const path = join(top, pathOf(key))
    const temporary = join(aside, String(asideFiles++))
    const file = openSync(temporary, 'wx')
    try {
      await writeAll(file, parts)
      if (options.fsync) await sync(file)
    } finally {
      closeSync(file)
    }
    try {
      linkInto(temporary, path)
      if (options.fsync) await syncFolders(path, top)
      return 'stored'
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return 'taken'
      throw error
    } finally {
      unlinkSync(temporary)
    }
  }

  const openToRead = (key: string): OpenFile => {
    try {
      return open.use(key, join(top, pathOf(key)))
    } catch (cause) {
      throw isMissing(cause) ? new ObjectNotFound(key, { cause }) : cause
    }
  }

  return {
    putIfAbsent: (key, parts) => orUnavailable(key, () => putIfAbsent(key, parts)),

    read: (key, range) =>
      orUnavailable(key, async () => {
        const file = openToRead(key)
        try {
          if (range !== undefined) checkRange(range, file.sizeBytes)
          const { position, length } = range ?? { position: 0, length: file.sizeBytes }
          return await readAll(file.descriptor, position, length)
        } finally {
          open.release(file)
        }
      }),

    delete: (key) =>
      orUnavailable(key, async () => {
        open.forget(key)
        rmSync(join(top, pathOf(key)), { force: true })
      }),

    list: (prefix, after) => orUnavailable(prefix, () => listing(prefix, after)),

    [Symbol.dispose]: () => open.closeAll(),
  }
}

/** A smaller object is written in one go: that takes less time than handing it to another thread. */
const writeAsideFromBytes = 128 * 1024

/** Files that stay open for the next read of a range. */
const maxOpenFiles = 128

const sync = promisify(fsync)

/** Everything, however little each call writes. */
const writeAll = async (file: number, parts: readonly Buffer[]): Promise<void> => {
  const sizeBytes = sizeOf(parts)
  const inOneGo = sizeBytes < writeAsideFromBytes
  let left = parts.filter((part) => part.length > 0)
  for (let writtenBytes = 0; writtenBytes < sizeBytes; ) {
    const stepBytes = inOneGo ? writevSync(file, left) : await writeSome(file, left)
    writtenBytes += stepBytes
    if (writtenBytes < sizeBytes) left = withoutFirst(left, stepBytes)
  }
}

const writeSome = (file: number, parts: readonly Buffer[]): Promise<number> =>
  new Promise((resolve, reject) => {
    writev(file, parts, (error, bytes) => (error === null ? resolve(bytes) : reject(error)))
  })

const withoutFirst = (parts: readonly Buffer[], bytes: number): Buffer[] => {
  let skip = bytes
  return parts.flatMap((part) => {
    const skipped = Math.min(skip, part.length)
    skip -= skipped
    return skipped === part.length ? [] : [part.subarray(skipped)]
  })
}

const readAll = async (file: number, position: number, length: number): Promise<Buffer> => {
  const bytes = Buffer.allocUnsafe(length)
  for (let done = 0; done < length; ) {
    const step = await readSome(file, bytes, done, position + done)
    if (step === 0) throw new Error(`the file ends ${length - done} bytes early`)
    done += step
  }
  return bytes
}

const readSome = (file: number, bytes: Buffer, done: number, position: number): Promise<number> =>
  new Promise((resolve, reject) => {
    read(file, bytes, done, bytes.length - done, position, (error, step) =>
      error === null ? resolve(step) : reject(error),
    )
  })

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
  for (let folder = dirname(path); folder.length >= top.length; folder = dirname(folder)) {
    const file = openSync(folder, 'r')
    try {
      await sync(file)
    } finally {
      closeSync(file)
    }
  }
}

type OpenFile = { readonly descriptor: number; readonly sizeBytes: number; users: number; forgotten: boolean }

/** Open files by key, the least recently used first. A file that is being read is closed after that. */
const openFiles = () => {
  const files = new Map<string, OpenFile>()

  const closeIfIdle = (file: OpenFile): void => {
    // Nothing was written through it, so nothing can be lost by a failing close.
    if (file.forgotten && file.users === 0) close(file.descriptor, () => {})
  }
  const forget = (key: string): void => {
    const file = files.get(key)
    if (file === undefined) return
    files.delete(key)
    file.forgotten = true
    closeIfIdle(file)
  }
  const open = (path: string): OpenFile => {
    const descriptor = openSync(path, 'r')
    return { descriptor, sizeBytes: fstatSync(descriptor).size, users: 0, forgotten: false }
  }

  return {
    use: (key: string, path: string): OpenFile => {
      const file = files.get(key) ?? open(path)
      file.users++
      files.delete(key)
      files.set(key, file)
      const [oldest] = files.keys()
      if (files.size > maxOpenFiles && oldest !== undefined) forget(oldest)
      return file
    },
    release: (file: OpenFile): void => {
      file.users--
      closeIfIdle(file)
    },
    forget,
    closeAll: (): void => {
      for (const key of [...files.keys()]) forget(key)
    },
  }
}

/** Our own keys are left as they are; anything a file system might not take is escaped. */
const pathOf = (key: string): string => key.split('/').map(nameOf).join('/')

const nameOf = (part: string): string => {
  const safe = encodeURIComponent(part).replace(/[*'()!]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`)
  return safe === '' ? '%' : safe.replace(/^\.+$/, (dots) => '%2e'.repeat(dots.length))
}

const partOf = (name: string): string => (name === '%' ? '' : decodeURIComponent(name))

/**
 * Reads every name below the deepest folder of the prefix: what a sweep pays, and nobody on the way of a record.
 * A listing that goes on where its last page ended goes on with the names it has read, so that it reads them once.
 */
const pagesBelow = (top: string) => {
  let rest: { readonly prefix: string; readonly after: string; readonly keys: readonly string[] } = {
    prefix: '',
    after: '',
    keys: [],
  }

  return async (prefix: string, after: string): Promise<readonly ListedObject[]> => {
    const known = rest.keys.length > 0 && rest.prefix === prefix && rest.after === after
    const keys = known ? rest.keys : await keysAfter(top, prefix, after)
    const names = keys.slice(0, maxListedObjects)
    const found = await Promise.all(names.map((key) => listed(top, key)))
    rest = { prefix, after: names.at(-1) ?? '', keys: keys.slice(maxListedObjects) }
    const page = found.filter((object) => object !== undefined)
    // An empty page would be the end: all of these have been deleted since.
    return page.length === 0 && rest.keys.length > 0 ? pagesBelow(top)(prefix, rest.after) : page
  }
}

const listed = async (top: string, key: string): Promise<ListedObject | undefined> => {
  try {
    const { size, mtimeMs } = await stat(join(top, pathOf(key)))
    return { key, sizeBytes: size, modifiedMs: mtimeMs }
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

const keysAfter = async (top: string, prefix: string, after: string): Promise<readonly string[]> => {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  const path = folder === '' ? top : join(top, pathOf(folder.slice(0, -1)))
  const keys = (await keysBelow(path, folder)).filter((key) => key.startsWith(prefix))
  const sorted = sortBytewise(keys)
  return sorted.slice(positionAfter(sorted, after))
}

const keysBelow = async (path: string, prefix: string): Promise<readonly string[]> => {
  try {
    const keys: string[] = []
    for (const entry of await readdir(path, { withFileTypes: true })) {
      const key = prefix + partOf(entry.name)
      if (!entry.isDirectory()) keys.push(key)
      else for (const below of await keysBelow(join(path, entry.name), `${key}/`)) keys.push(below)
    }
    return keys
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

const isMissing = (error: unknown): boolean => codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR'

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)

const orUnavailable = async <Answer>(key: string, call: () => Promise<Answer>): Promise<Answer> => {
  try {
    return await call()
  } catch (cause) {
    if (cause instanceof RangeError || cause instanceof ObjectNotFound) throw cause
    throw new StoreUnavailable(`${key}: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}
