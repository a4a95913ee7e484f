import { createHash, timingSafeEqual } from 'node:crypto'
import { type Answer, problemAnswer } from './exchange.ts'

/** Who may ask. Whoever is not let in by one of these is not let in. */
export type Access = {
  /** Everybody: a server on a machine of one's own. */
  readonly open: boolean
  /** Whom the door has verified by IAM's signature (SigV4). */
  readonly iam: boolean
  readonly keys: readonly ApiKey[]
}

/** A token of ours: what is kept of it is its hash. Tokens are random, so the hash needs no salt. */
export type ApiKey = { readonly name: string; readonly sha256: Buffer }

export const everybody: Access = { open: true, iam: false, keys: [] }

/** What a request says of its sender. */
export type Credentials = {
  /** The header `authorization`, undefined where it is not there. */
  readonly authorization: string | undefined
  /** Whom the door has verified, as the door says it; never from a header. */
  readonly iamCaller: string | undefined
}

export type Admitted = { readonly admitted: true; readonly principal: string }
type Refused = { readonly admitted: false; readonly answer: Answer }

/**
 * Lets in whoever may ask: as `Authorization: Bearer <token>`, as `Basic` with a key's name and its token, or by IAM.
 * Every key is compared, in constant time, whatever was found before.
 */
export const authenticate = (access: Access, { authorization, iamCaller }: Credentials): Admitted | Refused => {
  if (access.open) return { admitted: true, principal: 'anonymous' }
  if (access.iam && iamCaller) return { admitted: true, principal: `iam:${iamCaller}` }
  const presented = presentedToken(authorization)
  const hash = createHash('sha256')
    .update(presented?.token ?? '')
    .digest()
  let principal: string | undefined
  for (const { name, sha256 } of access.keys) {
    const isNamed = presented?.name === undefined || presented.name === name
    if (timingSafeEqual(hash, sha256) && isNamed && presented !== undefined) principal = `key:${name}`
  }
  return principal === undefined ? { admitted: false, answer: unauthenticated(access) } : { admitted: true, principal }
}

/** RFC 6750 and RFC 7617; the scheme in any case, one token, nothing behind it. */
const bearer = /^bearer +([A-Za-z0-9._~+/=-]{1,1024})$/i
const basic = /^basic +([A-Za-z0-9+/]{1,2048}={0,2})$/i

const presentedToken = (header = ''): { readonly name: string | undefined; readonly token: string } | undefined => {
  const token = bearer.exec(header)?.[1]
  if (token !== undefined) return { name: undefined, token }
  const pair = Buffer.from(basic.exec(header)?.[1] ?? '', 'base64').toString()
  const colon = pair.indexOf(':')
  return colon > 0 && colon < pair.length - 1 ? { name: pair.slice(0, colon), token: pair.slice(colon + 1) } : undefined
}

/** Says what would be accepted, never what was wrong with what was sent. */
const unauthenticated = ({ iam, keys }: Access): Answer => {
  const ways = [
    ...(keys.length > 0 ? ['an API key as "Authorization: Bearer <token>"'] : []),
    ...(iam ? ['a request signed for IAM'] : []),
  ]
  const hint = ways.length > 0 ? `Send ${ways.join(' or ')}.` : 'Nobody is let in yet: set WADI_API_KEYS or WADI_AUTH.'
  const detail = 'This request does not say who sends it, or not so that it can be believed.'
  return problemAnswer({ code: 'UNAUTHENTICATED', detail, hint, headers: challenge })
}

/**
 * With every 401 (RFC 9110). `Basic` is accepted and not asked for: a browser would ask its user for a key, keep it, and
 * send it along with whatever pages of other origins post here.
 */
const challenge = { 'www-authenticate': 'Bearer realm="wadi"' } as const

const keyName = /^[A-Za-z0-9._-]{1,64}$/
const sha256Hex = /^[0-9a-f]{64}$/i
/** Nobody's hash: that of no token at all. */
const hashOfNothing = createHash('sha256').update('').digest('hex')

/** Keys as they are written in a setting: `name:sha256hex` with commas between. Undefined where it is anything else. */
export const parseApiKeys = (text: string): readonly ApiKey[] | undefined => {
  const keys = text.split(',').flatMap((entry): readonly ApiKey[] => {
    const [name = '', hash = '', ...more] = entry.trim().split(':')
    const isKey = keyName.test(name) && sha256Hex.test(hash) && more.length === 0
    return isKey && hash.toLowerCase() !== hashOfNothing ? [{ name, sha256: Buffer.from(hash, 'hex') }] : []
  })
  return keys.length === text.split(',').length ? keys : undefined
}
