import { StoreUnavailable } from '../store/items.ts'
import type { Clock } from './clock.ts'

/** The first pause after a call without an answer is about this long, each further one up to twice the one before. */
const firstPauseMs = 20
const longestPauseMs = 2000

/** Pauses with jitter, without end: whoever uses them has a deadline. */
export function* pauses(clock: Clock): Generator<number, never> {
  for (let limitMs = firstPauseMs; ; limitMs = Math.min(limitMs * 2, longestPauseMs)) {
    yield limitMs / 2 + (clock.random() * limitMs) / 2
  }
}

/** Calls again until there is an answer or the time is up; then throws the last `StoreUnavailable`. */
export const untilAnswered = async <Answer>(
  clock: Clock,
  untilMs: number,
  call: () => Promise<Answer>,
): Promise<Answer> => {
  for (const pauseMs of pauses(clock)) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || clock.now() + pauseMs > untilMs) throw error
      await clock.sleep(pauseMs)
    }
  }
  throw new Error('pauses never end')
}
