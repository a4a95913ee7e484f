import { expect, test } from 'vitest'
import { exhaust, type Model, summaryOf } from './exhaustive-search.ts'

type Models = Readonly<Record<string, Model>>

const isFull = process.env['WADI_EXHAUSTIVE'] === 'full'
/** More do not fit into the memory of one process. */
const maxStates = 4_000_000
const fullRunMs = 3_600_000

/** Searches small worlds whole; large ones, as far as memory goes, only where everything is wanted. */
export const searchTests = (
  title: string,
  { small, large }: { readonly small: Models; readonly large: Models },
): void => {
  test.each(Object.entries(isFull ? { ...small, ...large } : small))(
    `${title}: %s`,
    async (name, model) => {
      const found = await exhaust(model, maxStates)
      process.stdout.write(`${summaryOf(name, found)}\n`)
      expect(found.story?.join('\n')).toBeUndefined()
      expect(found.isComplete || found.states >= maxStates).toBe(true)
    },
    fullRunMs,
  )
}
