import { expect, test } from 'vitest'
import { fuzzHttp } from './fuzz.ts'

test.each([1, 2, 3])('whatever is sent, the answer is one that a client can go on with (seed %i)', async (seed) => {
  expect(await fuzzHttp(700, seed)).toBeUndefined()
})
