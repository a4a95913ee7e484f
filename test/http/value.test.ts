import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseExact } from '../../lib/http/json.ts'
import { bytesOf, NoBytes, valueFrom } from '../../lib/http/value.ts'

test.each([
  ['an object', { id: 1, name: 'ö' }, '{"id":1,"name":"ö"}'],
  ['an array', [1, 'a', null], '[1,"a",null]'],
  ['a number', 12.5, '12.5'],
  ['a boolean', true, 'true'],
  ['a string', 'hello', 'hello'],
  ['a string that looks like a number', '123', '123'],
  ['the empty string', '', ''],
  ['bytes', { $bytes: 'aGk=' }, 'hi'],
  ['no bytes at all', { $bytes: '' }, ''],
])('the bytes of %s', (_, value, text) => {
  expect(bytesOf(value)?.toString()).toBe(text)
})

test('null is a tombstone', () => {
  expect(bytesOf(null)).toBeNull()
  expect(valueFrom(null, 'auto')).toBeNull()
})

test.each([[{ $bytes: 'no base64!' }], [{ $bytes: 1 }], [{ $bytes: 'aGk=', other: 1 }], ['half of a pair: \ud800']])(
  '%j stands for no bytes',
  (value) => {
    expect(() => bytesOf(value)).toThrow(NoBytes)
  },
)

const notUtf8 = Buffer.from([0xff, 0xfe])

test.each([
  ['auto', '{"a":1}', { a: 1 }],
  ['auto', ' [1]', [1]],
  ['auto', '123', '123'],
  ['auto', '"x"', '"x"'],
  ['auto', '{broken', '{broken'],
  ['auto', '', ''],
  ['auto', '\ufeffx', '\ufeffx'],
  ['auto', '{"$bytes":"aGk="}', '{"$bytes":"aGk="}'],
  ['json', '123', 123],
  ['json', '"x"', 'x'],
  ['json', 'x', { $bytes: 'eA==' }],
  ['json', 'null', { $bytes: 'bnVsbA==' }],
  ['string', '{"a":1}', '{"a":1}'],
  ['bytes', 'hi', { $bytes: 'aGk=' }],
] as const)('read as %s, %s is %j', (format, text, value) => {
  expect(valueFrom(Buffer.from(text), format)).toEqual(value)
})

test('what is not UTF-8 is bytes, whatever the format', () => {
  for (const format of ['auto', 'json', 'string', 'bytes'] as const) {
    expect(valueFrom(notUtf8, format)).toEqual({ $bytes: '//4=' })
  }
})

test('digits that a double has no room for are kept', () => {
  const text = '{"id":12345678901234567890,"x":[1e400,0.1000000000000000055]}'
  expect(bytesOf(parseExact(text))?.toString()).toBe(text)
  expect(JSON.stringify(valueFrom(Buffer.from(text), 'auto'))).toBe(text)
})

test.each(['2.50', '1e5', '-0', '-0.50', '0.1000000000000000055'])(
  'what becomes of %s does not depend on what stands beside it',
  (number) => {
    const alone = JSON.stringify(parseExact(number))
    for (const other of ['1e400', '"x\\u00e9"', '12345678901234567890']) {
      expect(JSON.stringify(parseExact(`[${number},${other}]`))).toBe(`[${alone},${JSON.stringify(parseExact(other))}]`)
    }
  },
)

test('JSON that is very deep is read as text', () => {
  const text = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
  expect(valueFrom(Buffer.from(text), 'auto')).toBe(text)
})

test('whatever is read as bytes, string or auto can be sent again and is the same', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.constantFrom('bytes', 'string' as const), (bytes, format) => {
      const stored = Buffer.from(bytes)
      expect(bytesOf(JSON.parse(JSON.stringify(valueFrom(stored, format))))).toEqual(stored)
    }),
  )
})

test('an object, an array or a text that is sent is read as it was', () => {
  const json = fc.jsonValue()
  fc.assert(
    fc.property(json, (value) => {
      const bytes = bytesOf(value)
      const isPlain = typeof value === 'string' ? !/^\s*[{[]/.test(value) : typeof value === 'object'
      if (bytes === null || !isPlain || JSON.stringify(value).includes('$bytes')) return
      expect(JSON.stringify(valueFrom(bytes, 'auto'))).toBe(JSON.stringify(value))
    }),
  )
})

test('a number or a boolean is read as it was where values are JSON', () => {
  fc.assert(
    fc.property(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean()), (value) => {
      expect(JSON.stringify(valueFrom(bytesOf(value), 'json'))).toBe(JSON.stringify(value))
    }),
  )
})
