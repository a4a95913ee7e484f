import * as z from 'zod/mini'
import { type ValueFormat, valueFormats } from '../log/config.ts'
import type { RecordHeader } from '../protocol/record.ts'
import { HttpProblem } from './http-problem.ts'
import { described, maxPartitionIndex } from './parameters.ts'
import { timeFrom } from './point-in-time.ts'
import { checked, isObject } from './validate.ts'
import { bytesOf, isJson, NoBytes } from './value.ts'

/** A record that somebody wants appended. */
export type Incoming = {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly RecordHeader[]
  /** Undefined: its key, or the request, chooses one. */
  readonly partition: number | undefined
  /** In ms; undefined: now. */
  readonly timestamp: bigint | undefined
  /** Where it stands in the body. */
  readonly path: string
}

/** Records of one request. */
export const maxRecords = 10_000
const maxHeaders = 64
export const maxKeyBytes = 64 * 1024
const maxTimestamp = 2 ** 53 - 1

const anyJson = (description: string, ...examples: unknown[]) =>
  described(z.optional(z.unknown()), description, ...examples)

const fields = {
  value: anyJson('Any JSON; null: a tombstone; { "$bytes": base64 }: any bytes.', { id: 1 }),
  key: anyJson('Like a value. Records with the same key have the same partition.', 'c9'),
  headers: described(
    z.optional(z.record(z.string(), z.unknown())),
    'Values by name; an array is a header that is there more than once.',
    { source: 'web' },
  ),
  partition: described(
    z.optional(z.int().check(z.minimum(0), z.maximum(maxPartitionIndex))),
    'Instead of the key’s.',
    0,
  ),
  timestamp: described(
    z.optional(z.union([z.int().check(z.minimum(-1), z.maximum(maxTimestamp)), z.string().check(z.maxLength(40))])),
    'Milliseconds since 1970, or a date and time; now by default.',
    1_790_000_000_000,
  ),
}

export const recordSchema = z.strictObject(fields)

export const topicRecordSchema = z.strictObject({
  topic: described(z.string().check(z.maxLength(249)), 'The name of the topic.', 'orders'),
  ...fields,
})

/** The record that a JSON object stands for. */
export const incomingFrom = (given: unknown, path: string, nowMs: number): Incoming => {
  if (!isObject(given) || !Object.hasOwn(given, 'value')) throw notWrapped(given, path)
  const record = checked(recordSchema, given, { in: 'body', under: path })
  const key = record.key === undefined ? null : bytesAt(record.key, `${path}/key`)
  if (key !== null && key.length > maxKeyBytes) {
    throw new HttpProblem('TOO_LARGE', `At ${path}/key are ${key.length} bytes, a key has at most ${maxKeyBytes}.`)
  }
  return {
    key,
    value: bytesAt(record.value, `${path}/value`),
    headers: headersFrom(record.headers ?? {}, `${path}/headers`),
    partition: record.partition,
    timestamp: timestampFrom(record.timestamp, `${path}/timestamp`, nowMs),
    path,
  }
}

/** The same with the name of the topic that the object says. */
export const topicIncomingFrom = (
  given: unknown,
  path: string,
  nowMs: number,
): { readonly topic: string; readonly record: Incoming } => {
  if (!isObject(given)) throw notWrapped(given, path)
  const { topic, ...record } = given
  const named = checked(
    z.strictObject({ topic: topicRecordSchema.shape.topic }),
    { topic },
    { in: 'body', under: path },
  )
  return { topic: named.topic, record: incomingFrom(record, path, nowMs) }
}

const notWrapped = (given: unknown, path: string): HttpProblem => {
  const where = path === '' ? 'The body' : `What stands at ${path}`
  const hint = 'A record is { "value": … }, several are { "records": [{ "value": … }] }.'
  const detail = isObject(given) ? `${where} has no "value".` : `${where} is no record.`
  return new HttpProblem('INVALID_REQUEST', detail, {
    hint,
    errors: [{ path: `${path}/value`, message: 'it is missing' }],
  })
}

const bytesAt = (value: unknown, path: string): Buffer | null => {
  try {
    return bytesOf(value)
  } catch (error) {
    if (!(error instanceof NoBytes)) throw error
    throw invalid(path, error.message)
  }
}

const invalid = (path: string, message: string): HttpProblem =>
  new HttpProblem('SCHEMA_INVALID', `At ${path}: ${message}.`, { errors: [{ path, message }] })

const headersFrom = (given: Readonly<Record<string, unknown>>, path: string): readonly RecordHeader[] => {
  const headers = Object.entries(given).flatMap(([key, value]): readonly RecordHeader[] => {
    if (!key.isWellFormed()) throw invalid(path, 'a name has half of a surrogate pair')
    const values = Array.isArray(value) ? value : [value]
    return values.map((one) => ({ key, value: bytesAt(one, `${path}/${key.slice(0, 100)}`) }))
  })
  return limitedHeaders(headers, path)
}

/** The headers, unless they are too many. */
export const limitedHeaders = (headers: readonly RecordHeader[], path: string): readonly RecordHeader[] => {
  if (headers.length <= maxHeaders) return headers
  throw new HttpProblem('TOO_LARGE', `At ${path} are ${headers.length} headers, a record has at most ${maxHeaders}.`)
}

const timestampFrom = (given: number | string | undefined, path: string, nowMs: number): bigint | undefined => {
  if (given === undefined) return undefined
  const timestamp = typeof given === 'number' ? BigInt(given) : timeFrom(given, nowMs)
  if (timestamp === undefined) throw invalid(path, 'it is no time')
  return timestamp
}

/** Throws a problem where a topic's values have a format and this one has another. */
export const requireFormat = ({ value, path }: Incoming, format: ValueFormat): void => {
  if (format !== valueFormats[1] || value === null || isJson(value)) return
  throw invalid(`${path}/value`, 'the topic has the value format json, and this is no JSON text')
}
