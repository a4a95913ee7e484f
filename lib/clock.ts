import { randomBytes } from 'node:crypto'
import type { Clock } from './journal/clock.ts'

/** The real clock: the only place that reads the time and draws random numbers. */
export const realClock: Clock = {
  now: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => (ms > 0 ? setTimeout(resolve, ms) : setImmediate(resolve))),
  random: () => Math.random(),
  randomId: () => randomBytes(12).toString('base64url'),
}
