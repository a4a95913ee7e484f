import type { ValueFormat } from '../log/config.ts'
import { isDeeperThan, parseExact, textOf } from './json.ts'
import { isObject } from './validate.ts'

/** A JSON value that stands for no bytes, and why. */
export class NoBytes extends Error {
  override readonly name = 'NoBytes'
}

/**
 * The bytes that a JSON value stands for: those of its JSON text, of a string without its quotes; null for a tombstone,
 * and `{ "$bytes": "<base64>" }` for any bytes. Throws `NoBytes`.
 */
export const bytesOf = (value: unknown): Buffer | null => {
  if (value === null) return null
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new NoBytes('it has half of a surrogate pair, which UTF-8 cannot have')
    return Buffer.from(value)
  }
  if (isObject(value) && Object.hasOwn(value, '$bytes')) return fromBase64(value)
  return Buffer.from(JSON.stringify(value))
}

const fromBase64 = (value: Readonly<Record<string, unknown>>): Buffer => {
  const text = value['$bytes']
  if (Object.keys(value).length > 1) throw new NoBytes('beside "$bytes" there is something else')
  const isBase64 = typeof text === 'string' && /^[A-Za-z0-9+/_-]*={0,2}$/.test(text)
  if (!isBase64) throw new NoBytes('"$bytes" is no base64')
  return Buffer.from(text, 'base64')
}

/** What stored bytes are as a JSON value; `bytesOf` of it gives the same bytes, or JSON text that means the same. */
export const valueFrom = (bytes: Buffer | null, format: ValueFormat): unknown => {
  if (bytes === null) return null
  const text = format === 'bytes' ? undefined : textOf(bytes)
  if (text === undefined) return asBytes(bytes)
  switch (format) {
    case 'string':
      return text
    case 'json':
      return readable(text) ?? asBytes(bytes)
    default:
      return /^\s*[{[]/.test(text) ? (readable(text) ?? text) : text
  }
}

/** What stands for bytes that are left out. `bytesOf` refuses it: nobody writes it back in place of them. */
export const leftOut = (bytes: Buffer | null): unknown =>
  bytes === null ? null : { $bytes: null, sizeBytes: bytes.length }

const asBytes = (bytes: Buffer) => ({ $bytes: bytes.toString('base64') })

/** Kafka clients may store deeper JSON than comes in over HTTP; beyond this it is read as text. */
const maxReadDepth = 500

/** The JSON value of a text; undefined when it is none, or one that would be taken for bytes. */
const readable = (text: string): NonNullable<unknown> | undefined => {
  if (isDeeperThan(text, maxReadDepth)) return undefined
  try {
    const value = parseExact(text)
    // The text `null` is no tombstone.
    if (value === null || value === undefined) return undefined
    return isObject(value) && Object.hasOwn(value, '$bytes') ? undefined : value
  } catch {
    return undefined
  }
}

export const isJson = (bytes: Buffer): boolean => {
  const text = textOf(bytes)
  if (text === undefined) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
