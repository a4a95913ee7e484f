import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { accessFrom, localAccessFrom } from '../../lib/access.ts'
import { SettingsError } from '../../lib/environment.ts'
import { type Access, authenticate, everybody, parseApiKeys } from '../../lib/http/auth.ts'

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')
const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`
const jwt = (header: object, claims: object): string =>
  [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')

const keys = parseApiKeys(`orders:${hashOf('tok-orders')}, billing:${hashOf('tok-billing')}`) ?? []
const byKey: Access = { open: false, iam: false, keys }
const byIam: Access = { open: false, iam: true, keys: [] }
const closed: Access = { open: false, iam: false, keys: [] }

const principalOf = (access: Access, authorization?: string, iamCaller?: string): string | undefined => {
  const answer = authenticate(access, { authorization, iamCaller })
  return answer.admitted ? answer.principal : undefined
}

test.each([
  ['a token', 'Bearer tok-orders', 'key:orders'],
  ['the token of another key', 'Bearer tok-billing', 'key:billing'],
  ['a scheme in any case', 'bEARER tok-orders', 'key:orders'],
  ['a name and its token', basic('billing:tok-billing'), 'key:billing'],
])('%s lets in', (_, authorization, principal) => {
  expect(principalOf(byKey, authorization)).toBe(principal)
})

const year2000 = 946_684_800
const refused: readonly (readonly [what: string, authorization: string | undefined])[] = [
  ['nothing', undefined],
  ['an empty header', ''],
  ['a scheme without a token', 'Bearer'],
  ['a scheme and spaces', 'Bearer    '],
  ['another token', 'Bearer tok-other'],
  ['a token without its end', 'Bearer tok-order'],
  ['a token and more', 'Bearer tok-orders1'],
  ['a token in another case', 'Bearer TOK-ORDERS'],
  ['a token and a space', 'Bearer tok-orders '],
  ['a token twice', 'Bearer tok-orders tok-orders'],
  ['two headers that a door has joined', 'Bearer nothing, Bearer tok-orders'],
  ['a token without a scheme', 'tok-orders'],
  ['a token by another scheme', 'Token tok-orders'],
  ['a token by digest', 'Digest username="orders", response="tok-orders"'],
  ['a token behind a tab', 'Bearer\ttok-orders'],
  ['a token behind a line break', 'Bearer tok-other\r\nAuthorization: Bearer tok-orders'],
  ['a token behind a NUL', 'Bearer \0tok-orders'],
  ['the hash of a token', `Bearer ${hashOf('tok-orders')}`],
  ['the name of a key', 'Bearer orders'],
  ['a name and a token as they are', 'Bearer orders:tok-orders'],
  ['a setting', `Bearer orders:${hashOf('tok-orders')}`],
  ['a very long token', `Bearer ${'x'.repeat(100_000)}`],
  ['a token in other letters', 'Bearer tоk-orders'],
  ['basic without a colon', basic('orders')],
  ['basic without a name', basic(':tok-orders')],
  ['basic without a token', basic('orders:')],
  ['basic with the token of another key', basic('orders:tok-billing')],
  ['basic with a name that is not there', basic('nobody:tok-orders')],
  ['basic with the names of all objects', basic('__proto__:tok-orders')],
  ['basic that is not base64', 'Basic orders:tok-orders'],
  ['basic and more', `${basic('orders:tok-orders')} more`],
  ['a JWT that nobody signed', `Bearer ${jwt({ alg: 'none' }, { sub: 'orders' })}.`],
  ['a JWT that has expired', `Bearer ${jwt({ alg: 'HS256' }, { sub: 'orders', exp: year2000 })}.c2ln`],
  ['a JWT for somebody else', `Bearer ${jwt({ alg: 'RS256' }, { aud: 'other' })}.c2ln`],
  ['a JWT with a key id that is a path', `Bearer ${jwt({ alg: 'HS256', kid: '../../dev/null' }, {})}.c2ln`],
  ['a signature for IAM that no door has verified', 'AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/execute-api'],
]

test.each(refused)('%s lets nobody in', (_, authorization) => {
  for (const access of [byKey, byIam, closed]) {
    const answer = authenticate(access, { authorization, iamCaller: undefined })
    if (answer.admitted) throw new Error(`${answer.principal} was let in`)
    const { status, headers, body } = answer.answer
    expect(status).toBe(401)
    // Not `Basic`, which browsers ask their users for and send along with what other pages post.
    expect(headers).toEqual({
      'content-type': 'application/problem+json',
      'www-authenticate': expect.stringMatching(/^Bearer [^,]*$/),
    })
    expect(JSON.parse(body.toString())).toMatchObject({ code: 'UNAUTHENTICATED', status: 401, retryable: false })
    // Nothing of what was sent comes back, or into a log with it.
    if (authorization && authorization !== 'Bearer') expect(body.toString()).not.toContain(authorization)
  }
})

test('whom the door has verified is let in where the setting says so, and only there', () => {
  const arn = 'arn:aws:iam::123456789012:user/somebody'
  expect(principalOf(byIam, 'AWS4-HMAC-SHA256 …', arn)).toBe(`iam:${arn}`)
  expect(principalOf(byIam, 'Bearer tok-orders')).toBeUndefined()
  expect(principalOf(byIam, undefined, '')).toBeUndefined()
  expect(principalOf(byKey, undefined, arn)).toBeUndefined()
  expect(principalOf(closed, undefined, arn)).toBeUndefined()
})

test('a function lets nobody in until its environment says who may, a server on this machine everybody', () => {
  expect(accessFrom({})).toEqual(closed)
  expect(accessFrom({ WADI_API_KEYS: '', WADI_AUTH: '' })).toEqual(closed)
  expect(accessFrom({ WADI_AUTH: 'iam' })).toEqual(byIam)
  const written = `orders:${hashOf('tok-orders')}`
  expect(accessFrom({ WADI_API_KEYS: written }).keys.map(({ name }) => name)).toEqual(['orders'])
  expect(localAccessFrom({})).toBe(everybody)
  expect(localAccessFrom({ WADI_API_KEYS: written })).toMatchObject({ open: false })
  expect(() => localAccessFrom({ WADI_AUTH: 'iam' })).toThrow(SettingsError)
})

test.each([
  ['another way', { WADI_AUTH: 'none' }],
  ['a token instead of its hash', { WADI_API_KEYS: 'orders:tok-orders' }],
  ['a hash without a name', { WADI_API_KEYS: hashOf('tok-orders') }],
  ['a name that is none', { WADI_API_KEYS: `a b:${hashOf('tok-orders')}` }],
  ['a comma too many', { WADI_API_KEYS: `orders:${hashOf('tok-orders')},` }],
  ['the hash of no token', { WADI_API_KEYS: `orders:${hashOf('')}` }],
])('%s in the environment is refused, and not repeated', (_, environment) => {
  expect(() => accessFrom(environment)).toThrow(SettingsError)
  expect(() => accessFrom(environment)).not.toThrow(/tok-orders/)
})
