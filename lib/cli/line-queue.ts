import type { Readable } from 'node:stream'

export type LineLimits = {
  /** Of one batch. */
  readonly maxLines: number
  /** Of one batch; a longer line is one alone. */
  readonly maxBytes: number
}

/** A line that has no end fills the memory of whoever waits for it. */
const maxLineBytes = 64 * 1024 * 1024

/** Batches that are read ahead while one is on its way. */
const batchesAhead = 4

const newline = 0x0a

/**
 * The lines of a stream, in batches of those that have come so far: whoever types waits for nothing, and what comes
 * quickly travels together. Lines are without their ends; the last one may have none. Throws what the stream fails with.
 */
export async function* lineBatches(stream: Readable, limits: LineLimits): AsyncGenerator<readonly Buffer[]> {
  const lines: Buffer[] = []
  let queuedBytes = 0
  let parts: Buffer[] = []
  let partBytes = 0
  let hasEnded = false
  let failure: Error | undefined
  let news = Promise.withResolvers<void>()
  const tell = (): void => {
    news.resolve()
    news = Promise.withResolvers()
  }
  const push = (line: Buffer): void => {
    lines.push(line)
    queuedBytes += line.length
  }
  const take = (chunk: Buffer): void => {
    let start = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      push(withoutReturn(Buffer.concat([...parts, chunk.subarray(start, end)])))
      parts = []
      partBytes = 0
      start = end + 1
    }
    if (start < chunk.length) parts.push(chunk.subarray(start))
    partBytes += chunk.length - start
    if (partBytes > maxLineBytes) failure = new Error(`a line has more than ${maxLineBytes} bytes`)
    if (queuedBytes > batchesAhead * limits.maxBytes || lines.length > batchesAhead * limits.maxLines) stream.pause()
    tell()
  }
  stream.on('data', take)
  stream.on('error', (error) => {
    failure = error
    tell()
  })
  stream.on('end', () => {
    if (partBytes > 0) push(withoutReturn(Buffer.concat(parts)))
    hasEnded = true
    tell()
  })
  // Whoever destroys the stream wants no more of it.
  stream.on('close', () => {
    hasEnded = true
    tell()
  })
  try {
    for (;;) {
      if (failure) throw failure
      const count = batchSize(lines, limits)
      if (count > 0) {
        const batch = lines.splice(0, count)
        queuedBytes -= batch.reduce((sum, { length }) => sum + length, 0)
        stream.resume()
        yield batch
      } else if (hasEnded) return
      else await news.promise
    }
  } finally {
    stream.off('data', take)
    stream.pause()
  }
}

const carriageReturn = 0x0d

const withoutReturn = (line: Buffer): Buffer => (line.at(-1) === carriageReturn ? line.subarray(0, -1) : line)

const batchSize = (lines: readonly Buffer[], { maxLines, maxBytes }: LineLimits): number => {
  let bytes = 0
  let count = 0
  while (count < lines.length && count < maxLines) {
    bytes += lines[count]?.length ?? 0
    if (count > 0 && bytes > maxBytes) break
    count += 1
  }
  return count
}
