import { close, fstatSync, openSync } from 'node:fs'

export type OpenFile = { readonly descriptor: number; readonly sizeBytes: number; users: number; forgotten: boolean }

export type OpenFiles = {
  /** Opens the file unless it is open. Whoever uses it releases it, once. */
  readonly use: (path: string) => OpenFile
  readonly release: (file: OpenFile) => void
  /** Does not keep the file open for others. */
  readonly forget: (path: string) => void
  readonly forgetAll: () => void
}

/** Files that stay open for the next use. */
const maxOpenFiles = 128

/** Open files by path, the least recently used first. A file that is in use is closed after that. */
export const openFiles = (flags: 'r' | 'r+'): OpenFiles => {
  const files = new Map<string, OpenFile>()

  const closeIfIdle = (file: OpenFile): void => {
    // Whatever had to be on the disk was forced there before: nothing can be lost by a failing close.
    if (file.forgotten && file.users === 0) close(file.descriptor, () => {})
  }
  const forget = (path: string): void => {
    const file = files.get(path)
    if (file === undefined) return
    files.delete(path)
    file.forgotten = true
    closeIfIdle(file)
  }
  const open = (path: string): OpenFile => {
    const descriptor = openSync(path, flags)
    return { descriptor, sizeBytes: fstatSync(descriptor).size, users: 0, forgotten: false }
  }

  return {
    use: (path) => {
      const file = files.get(path) ?? open(path)
      file.users++
      files.delete(path)
      files.set(path, file)
      const [oldest] = files.keys()
      if (files.size > maxOpenFiles && oldest !== undefined) forget(oldest)
      return file
    },
    release: (file) => {
      file.users--
      closeIfIdle(file)
    },
    forget,
    forgetAll: () => {
      for (const path of [...files.keys()]) forget(path)
    },
  }
}
