import { expect, test } from 'vitest'
import { fuzzHttp } from './fuzz.ts'

test.each([1, 2, 3])('whatever is sent, the answer is one that a client can go on with (seed %i)', async (seed) => {
  const { finding, outages } = await fuzzHttp(700, seed)
  expect(finding).toBeUndefined()
  expect(outages, 'stores that fail are part of it').toBeGreaterThan(0)
})
