import { closeSync, fsync, openSync, read, readSync, writev, writevSync } from 'node:fs'
import { promisify } from 'node:util'
import { sizeOf } from './objects.ts'

/** Forces what was written to a file to the disk. */
export const sync: (file: number) => Promise<void> = promisify(fsync)

/** Makes the names in a folder durable. */
export const syncFolder = async (path: string): Promise<void> => {
  const folder = openSync(path, 'r')
  try {
    await sync(folder)
  } finally {
    closeSync(folder)
  }
}

/** Writes everything from `position`, before it returns: some of it may be there when it throws. */
export const writeAllNow = (file: number, parts: readonly Buffer[], position: number): void => {
  let left = withoutFirst(parts, 0)
  for (let at = position; left.length > 0; ) {
    const stepBytes = writevSync(file, left, at)
    at += stepBytes
    left = withoutFirst(left, stepBytes)
  }
}

/** Writes everything in another thread. */
export const writeAll = async (file: number, parts: readonly Buffer[]): Promise<void> => {
  let left = withoutFirst(parts, 0)
  while (left.length > 0) left = withoutFirst(left, await writeSome(file, left))
}

const writeSome = (file: number, parts: readonly Buffer[]): Promise<number> =>
  new Promise((resolve, reject) => {
    writev(file, parts, (error, bytes) => (error === null ? resolve(bytes) : reject(error)))
  })

/** What is left of the parts; none of them is empty. */
const withoutFirst = (parts: readonly Buffer[], bytes: number): readonly Buffer[] => {
  if (bytes === sizeOf(parts)) return []
  let skip = bytes
  return parts.flatMap((part) => {
    const skipped = Math.min(skip, part.length)
    skip -= skipped
    return skipped === part.length ? [] : [part.subarray(skipped)]
  })
}

/** Reads in another thread. */
export const readAll = async (file: number, position: number, length: number): Promise<Buffer> => {
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

/** Reads before it returns: `length` bytes, or fewer where the file ends. */
export const readNow = (file: number, position: number, length: number): Buffer => {
  const bytes = Buffer.allocUnsafe(length)
  let done = 0
  for (let step = -1; done < length && step !== 0; done += step) {
    step = readSync(file, bytes, done, length - done, position + done)
  }
  return bytes.subarray(0, done)
}

/** Whether a call failed because the file is not there. */
export const isMissing = (error: unknown): boolean => codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR'

export const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)
