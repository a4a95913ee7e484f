import { expect, test } from 'vitest'
import { didYouMean } from '../../lib/http/suggestion.ts'

/** Names of random letters, the same in every run. */
const namesOf = (count: number, length: number): readonly string[] => {
  let seed = 1
  const letter = () => {
    seed = (seed * 16_807) % 2_147_483_647
    return 'abcdefghijklmnopqrstuvwxyz'[seed % 26]
  }
  return Array.from({ length: count }, () => Array.from({ length }, letter).join(''))
}

test('the nearest name is suggested when it is near', () => {
  expect(didYouMean('ordes', ['order', 'payments', 'orders'])).toBe('Did you mean "order"?')
  expect(didYouMean('ORDRES', ['other', 'orders'])).toBe('Did you mean "orders"?')
  expect(didYouMean('b', ['a', 'bcdef'])).toBe('Did you mean "a"?')
  expect(didYouMean('orders', ['payments', 'refunds'])).toBe(undefined)
  expect(didYouMean('orders', [])).toBe(undefined)
})

test('among thousands of names too', () => {
  const names = namesOf(5000, 24)
  const last = names.at(-1) ?? ''
  expect(didYouMean(`${last.slice(0, 10)}${last.slice(11)}`, names)).toBe(`Did you mean "${last}"?`)
})

test('of thousands of long names only so many are looked at as there is time for', () => {
  const names = namesOf(5000, 95)
  const nearly = (name = '') => `${name.slice(0, -1)}-`
  expect(didYouMean(nearly(names[0]), names)).toBe(`Did you mean "${names[0]}"?`)
  expect(didYouMean(nearly(names.at(-1)), names)).toBe(undefined)
})
