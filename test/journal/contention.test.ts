import { expect, test } from 'vitest'
import { Contention } from '../../lib/journal/contention.ts'
import { FixedClock } from '../support/log.ts'

const rowOf = (author: string): string => `${author}-${'r'.repeat(16)}`

const waited = async (clock: FixedClock, contention: Contention, afterConflict: boolean): Promise<number> => {
  const before = clock.now()
  await contention.giveWay(afterConflict)
  return clock.now() - before
}

test('a writer that is alone waits for nobody', async () => {
  const clock = new FixedClock()
  const contention = new Contention(clock, 'one')
  contention.sawRow(rowOf('one'))
  expect(await waited(clock, contention, false)).toBe(0)
})

test('a writer among others waits after its own row and after a conflict', async () => {
  const clock = new FixedClock()
  const contention = new Contention(clock, 'one')
  contention.sawRow(rowOf('two'))
  expect(await waited(clock, contention, false)).toBe(0)
  expect(await waited(clock, contention, true)).toBeGreaterThan(0)
  contention.sawRow(rowOf('one'))
  expect(await waited(clock, contention, false)).toBeGreaterThan(0)
})

test('a put that was answered after days makes nobody wait for hours', async () => {
  const clock = new FixedClock()
  const contention = new Contention(clock, 'one')
  contention.sawRow(rowOf('two'))
  contention.sawRow(rowOf('one'))
  contention.sawRoundTrip(2 * 86_400_000)
  expect(await waited(clock, contention, false)).toBeLessThan(100)
})
