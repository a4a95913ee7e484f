import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseExact } from '../../lib/http/json.ts'
import { BadWhere, parseWhere } from '../../lib/http/where.ts'

const record = {
  partition: 0,
  offset: 42,
  timestamp: 1_700_000_000_000,
  key: 'c9',
  value: {
    total: 12.5,
    tags: ['new', 'paid'],
    customer: { name: 'Ann "A"' },
    none: null,
    on: true,
    off: false,
    'a b': 1,
  },
  headers: { source: 'web', many: ['1', '2'] },
}

test.each([
  ['value.total > 10', true],
  ['value.total >= 12.5 && value.total <= 12.5', true],
  ['value.total < -1e3', false],
  ['key == "c9"', true],
  ["key != 'c9' or offset == 42", true],
  ['not key == "c9"', false],
  ['!(key == "c9") || value.on', true],
  ['value.off', false],
  ['value.none == null and value.missing == null and value.missing.deeper == null', true],
  ['value.missing > 1 || value.missing < 1', false],
  ['value.total == "12.5"', false],
  ['value.tags contains "paid"', true],
  ['headers.many contains "3"', false],
  ['headers.source startsWith "we" && headers.source endsWith "b"', true],
  ['value.customer.name contains "\\"A\\""', true],
  ['value["a b"] == 1 && value.tags[1] == "paid"', true],
  ['value.toString == null && value.__proto__ == null && value.tags.length != null', true],
  ['key > "c8"', true],
  ['true', true],
])('%s', (text, holds) => {
  expect(parseWhere(text)(record)).toBe(holds)
})

test('a number with more digits than a double has is compared as the nearest one', () => {
  const value = parseExact('{"id":12345678901234567890}')
  expect(parseWhere('value.id > 12345678901234000000')({ value })).toBe(true)
})

test.each([
  ['', 0],
  ['value.', 6],
  ['total > 1', 0],
  ['value.total >', 13],
  ['value.total > 1 )', 16],
  ['value.total ~ 1', 12],
  ['(value', 6],
  ['value["a"', 9],
  ['"open', 0],
  [`${'('.repeat(50)}1`, 33],
])('%s is refused at position %i', (text, position) => {
  const parse = () => parseWhere(text)
  expect(parse).toThrow(BadWhere)
  expect(parse).toThrow(expect.objectContaining({ position }))
})

test('whatever is sent is a condition or refused', () => {
  const part = fc.constantFrom('value', '.a', '(', ')', '!', '&&', 'or', '==', '<', '"x"', '1', '[0]', 'contains', ' ')
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
      try {
        expect(typeof parseWhere(parts.join(' '))(record)).toBe('boolean')
      } catch (error) {
        expect(error).toBeInstanceOf(BadWhere)
      }
    }),
  )
})
