import { randomBytes } from 'node:crypto'
import type { Clock } from './journal/clock.ts'

/** The real clock: the only place that reads the time and draws random numbers. */
export const realClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, wake) => new Promise((resolve) => (ms > 0 ? sleepUntilWoken(ms, wake, resolve) : setImmediate(resolve))),
  random: () => Math.random(),
  randomId: () => randomBytes(12).toString('base64url'),
}

const sleepUntilWoken = (ms: number, wake: AbortSignal | undefined, resolve: () => void): void => {
  const end = (): void => {
    clearTimeout(timer)
    wake?.removeEventListener('abort', end)
    resolve()
  }
  const timer = setTimeout(end, ms)
  wake?.addEventListener('abort', end)
  if (wake?.aborted) end()
}
