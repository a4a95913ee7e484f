import { realClock } from '../clock.ts'

/** Aborted by the first Ctrl-C or SIGTERM; the second ends the process at once. */
export const stopSignal = (): AbortSignal => {
  const stopping = new AbortController()
  let firstMs = 0
  const stop = (_: NodeJS.Signals, number: number): void => {
    if (!stopping.signal.aborted) firstMs = realClock.now()
    else if (realClock.now() - firstMs > sameSignalMs) process.exit(signalExitBase + number)
    stopping.abort()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return stopping.signal
}

/** One Ctrl-C arrives twice below npm: from the terminal, and from npm, which passes on its own. */
const sameSignalMs = 300

/** A process that a signal ended has this plus the signal's number as its status, to every shell. */
const signalExitBase = 128

export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve())
  })
