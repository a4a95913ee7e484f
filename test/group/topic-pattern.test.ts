import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PatternProblem, topicPattern } from '../../lib/group/topic-pattern.ts'

test.each([
  ['orders', 'orders', true],
  ['orders', 'orders2', false],
  ['orders.*', 'orders-eu', true],
  ['.*', '', true],
  ['a|bc', 'bc', true],
  ['a|bc', 'abc', false],
  ['(a|b)+c', 'ababc', true],
  ['(?:a|b)?c', 'c', true],
  ['(?P<region>eu|us)-logs', 'us-logs', true],
  ['[a-c]+', 'cab', true],
  ['[^a-c]+', 'cab', false],
  ['[]a]', ']', true],
  ['[a\\]b]+', 'a]b', true],
  ['[a-]+', 'a-', true],
  ['\\d{2,3}', '123', true],
  ['\\d{2,3}', '1', false],
  ['\\d{2}', '12', true],
  ['x{2,}', 'xxxx', true],
  ['ax{0}b', 'ab', true],
  ['ax{0}b', 'axb', false],
  ['(x{0}|y){3}', 'yy', true],
  ['\\w+\\.\\w+', 'my.topic', true],
  ['my.topic', 'my-topic', true],
  ['my\\.topic', 'my-topic', false],
  ['\\Qa.b\\E.*', 'a.bc', true],
  ['\\Qa.b', 'a.b', true],
  ['\\Qa.b\\E.*', 'aXbc', false],
  ['^orders$', 'orders', true],
  ['a^b', 'ab', false],
  ['(?i)Orders-[a-z]', 'oRDERS-Z', true],
  ['a{x', 'a{x', true],
  ['', '', true],
  ['', 'a', false],
  ['a*?b+?', 'aab', true],
])('/%s/ and "%s": %s', (pattern, name, expected) => {
  expect(topicPattern(pattern).matches(name)).toBe(expected)
})

test.each([
  '(a',
  'a)',
  '[a',
  'a\\',
  '*a',
  'a**',
  'a{3,2}',
  'a{2000}',
  '(?=a)',
  '(?<!a)b',
  '(a)\\1',
  '\\bword',
  '\\p{L}',
  '[[:alpha:]]',
  '[z-a]',
  '('.repeat(100) + ')'.repeat(100),
  'a'.repeat(1001),
  '(((a{100}){100}){100})',
  '((((){1000}){1000}){1000})',
  '(((a{0}){1000}){1000}){1000}',
  '(((((a{0}){1000}){1000}){1000}){1000}){1000}',
])('/%s/ is refused', (pattern) => {
  expect(() => topicPattern(pattern)).toThrow(PatternProblem)
})

test('what would take for ever elsewhere is answered', () => {
  const name = `${'a'.repeat(248)}!`
  for (const pattern of ['(a+)+', '(a|aa)*', '(a*)*b', '(.*a){20}', '(((a*)*)*)*']) {
    expect(topicPattern(pattern).matches(name)).toBe(false)
  }
})

const piece: fc.Arbitrary<string> = fc.letrec<{ piece: string }>((tie) => ({
  piece: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '\\w', '-', ''),
    fc.tuple(tie('piece'), tie('piece')).map(([left, right]) => `${left}${right}`),
    fc.tuple(tie('piece'), tie('piece')).map(([left, right]) => `(${left}|${right})`),
    fc.tuple(tie('piece'), fc.constantFrom('*', '+', '?', '{2}', '{1,3}')).map(([of, count]) => `(?:${of})${count}`),
  ),
})).piece

test('it says the same as JavaScript, where that comes to an end', () => {
  fc.assert(
    fc.property(piece, fc.stringMatching(/^[ab1-]{0,6}$/), (pattern, name) => {
      expect(topicPattern(pattern).matches(name)).toBe(new RegExp(`^(?:${pattern})$`).test(name))
    }),
    { numRuns: 1000 },
  )
})

test('any text is a pattern or refused', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), fc.string({ maxLength: 10 }), (pattern, name) => {
      try {
        topicPattern(pattern).matches(name)
      } catch (error) {
        expect(error).toBeInstanceOf(PatternProblem)
      }
    }),
    { numRuns: 2000 },
  )
})
