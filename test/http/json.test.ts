import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeCursor, encodeCursor } from '../../lib/http/cursor.ts'
import { HttpProblem } from '../../lib/http/http-problem.ts'
import { parseJson, parseJsonSequence } from '../../lib/http/json.ts'
import { jsonErrorIn } from '../../lib/http/json-error.ts'

test('JSON values one after the other are cut apart where they are, whatever stands between', () => {
  const between = fc.constantFrom('\n', '\r\n', ' ', '\t\n\n')
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.jsonValue({ maxDepth: 5 }), between)), (values) => {
      const text = values.map(([value, space]) => `${JSON.stringify(value)}${space}`).join('')
      const parsed = parseJsonSequence(Buffer.from(text), 1000)
      expect(JSON.stringify(parsed)).toBe(JSON.stringify(values.map(([value]) => value)))
    }),
  )
})

test('objects and arrays need nothing between', () => {
  expect(parseJsonSequence(Buffer.from('{"a":"}"}[1]{"b":"\\"{"}'), 10)).toEqual([{ a: '}' }, [1], { b: '"{' }])
})

test('what is no JSON is refused as a request, at a position of the text, and what is JSON is not', () => {
  const crumb = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    ',',
    ':',
    '1',
    '-',
    '1.',
    'null',
    'tru',
    '\\',
    ' ',
    '"a"',
    '01',
    '\u0001',
  )
  fc.assert(
    fc.property(fc.array(crumb, { maxLength: 20 }), (crumbs) => {
      const text = crumbs.join('')
      try {
        JSON.parse(text)
      } catch {
        const { position } = jsonErrorIn(text)
        expect(position).toBeGreaterThanOrEqual(0)
        expect(position).toBeLessThanOrEqual(text.length)
        expect(() => parseJson(Buffer.from(text))).toThrow(HttpProblem)
        return
      }
      expect(JSON.stringify(parseJson(Buffer.from(text)))).toBe(JSON.stringify(JSON.parse(text)))
    }),
    { numRuns: 1000 },
  )
})

test('a long string without an end is refused as fast as it is read', () => {
  const text = `{"a":"${'x'.repeat(1_000_000)}`
  expect(jsonErrorIn(text)).toEqual({ position: 5, what: 'A string does not end, or has what must be escaped' })
  expect(jsonErrorIn(`"${'\\n'.repeat(500_000)}`).position).toBe(0)
  expect(jsonErrorIn(`"${'a'.repeat(100)}\\x"`).position).toBe(0)
})

test('any text is a cursor that encodes to itself, or none', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const text = `c1.${Buffer.from(bytes).toString('base64url')}`
      const cursor = decodeCursor(text)
      if (cursor) expect(decodeCursor(encodeCursor(cursor))).toEqual(cursor)
    }),
    { numRuns: 1000 },
  )
})
