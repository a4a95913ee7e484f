import * as z from 'zod/mini'
import type { RecordHeader } from '../protocol/record.ts'
import type { Appended } from './append-records.ts'
import { HttpProblem } from './http-problem.ts'
import { type Incoming, limitedHeaders, maxKeyBytes, maxRecords } from './incoming.ts'
import { described, maxPartitionIndex } from './parameters.ts'
import { timeFrom } from './point-in-time.ts'
import { checked } from './validate.ts'

/** A record, and of what types its parts were said to be. */
export type RestRecord = {
  readonly incoming: Incoming
  readonly keyType: string | null
  readonly valueType: string | null
}

const part = () =>
  z.nullish(
    z.object({
      type: described(z.nullish(z.string()), 'BINARY (base64, the default), JSON or STRING.', 'JSON'),
      data: described(z.optional(z.unknown()), 'What it is; null: nothing, as a value a tombstone.'),
    }),
  )

const fields = {
  partition_id: described(
    z.nullish(z.int().check(z.minimum(0), z.maximum(maxPartitionIndex))),
    'Instead of the key’s.',
    0,
  ),
  headers: described(
    z.nullish(z.array(z.object({ name: z.string(), value: z.nullish(z.string()) }))),
    'Names, and values in base64.',
  ),
  key: part(),
  value: part(),
  timestamp: described(z.nullish(z.string().check(z.maxLength(40))), 'A date and time; now by default.'),
}

export const restRecordSchema = z.object(fields)

const maxIdCharacters = 80

const entrySchema = z.object({ id: z.string().check(z.minLength(1), z.maxLength(maxIdCharacters)), ...fields })

export const batchSchema = z.object({
  entries: described(z.array(entrySchema).check(z.minLength(1), z.maxLength(maxRecords)), 'Records with ids.'),
})

/** Entries of a batch, whose records are looked at one by one. Throws a problem where their ids are not. */
export const entriesIn = (body: unknown): readonly { readonly id: string; readonly record: unknown }[] => {
  const idsOnly = z.object({
    entries: z.array(z.looseObject({ id: entrySchema.def.shape.id })).check(z.minLength(1), z.maxLength(maxRecords)),
  })
  const { entries } = checked(idsOnly, body, { in: 'body' })
  const repeated = entries.find(({ id }, i) => entries.findIndex((other) => other.id === id) !== i)
  if (repeated) throw new HttpProblem('INVALID_REQUEST', `Ids are there once: "${repeated.id}" is repeated.`)
  return entries.map(({ id, ...record }) => ({ id, record }))
}

/** Throws a problem where it is no record. */
export const restRecordFrom = (given: unknown, path: string, nowMs: number): RestRecord => {
  const record = checked(restRecordSchema, given, { in: 'body', under: path })
  const key = bytesOf(record.key, `${path}/key`)
  if (key !== null && key.length > maxKeyBytes) {
    throw new HttpProblem('TOO_LARGE', `At ${path}/key are ${key.length} bytes, a key has at most ${maxKeyBytes}.`)
  }
  const headers = (record.headers ?? []).map(
    ({ name, value }, i): RecordHeader => ({
      key: wellFormed(name, `${path}/headers/${i}/name`),
      value: value === null || value === undefined ? null : fromBase64(value, `${path}/headers/${i}/value`),
    }),
  )
  return {
    incoming: {
      key,
      value: bytesOf(record.value, `${path}/value`),
      headers: limitedHeaders(headers, `${path}/headers`),
      partition: record.partition_id ?? undefined,
      timestamp: timestampFrom(record.timestamp, `${path}/timestamp`, nowMs),
      path,
    },
    keyType: typeOf(record.key),
    valueType: typeOf(record.value),
  }
}

type Part = z.infer<ReturnType<typeof part>>

const typeOf = (given: Part): string | null =>
  given?.data === undefined || given.data === null ? null : (given.type ?? 'BINARY').toUpperCase()

const bytesOf = (given: Part, path: string): Buffer | null => {
  const type = typeOf(given)
  const data = given?.data
  switch (type) {
    case null:
      return null
    case 'BINARY':
      if (typeof data !== 'string') throw invalid(`${path}/data`, 'BINARY data is a string in base64')
      return fromBase64(data, `${path}/data`)
    case 'STRING':
      if (typeof data !== 'string') throw invalid(`${path}/data`, 'STRING data is a string')
      return Buffer.from(wellFormed(data, `${path}/data`))
    case 'JSON':
      return Buffer.from(JSON.stringify(data))
    case 'AVRO':
    case 'JSONSCHEMA':
    case 'PROTOBUF':
      throw invalid(`${path}/type`, `${type} needs a schema registry, and there is none here`)
    default:
      throw invalid(`${path}/type`, 'it is none of BINARY, JSON, STRING')
  }
}

const fromBase64 = (text: string, path: string): Buffer => {
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) throw invalid(path, 'it is no base64')
  return Buffer.from(text, 'base64')
}

const wellFormed = (text: string, path: string): string => {
  if (text.isWellFormed()) return text
  throw invalid(path, 'it has half of a surrogate pair, which UTF-8 cannot have')
}

const timestampFrom = (text: string | null | undefined, path: string, nowMs: number): bigint | undefined => {
  if (text === null || text === undefined) return undefined
  const timestamp = timeFrom(text, nowMs)
  if (timestamp === undefined) throw invalid(path, 'it is no time')
  return timestamp
}

const invalid = (path: string, message: string): HttpProblem =>
  new HttpProblem('INVALID_REQUEST', `At ${path}: ${message}.`, { errors: [{ path, message }] })

/** What is told of a record that was appended. */
export const producedRecord = (clusterId: string, { incoming, keyType, valueType }: RestRecord, appended: Appended) => {
  const partOf = (bytes: Buffer | null, type: string | null) => (bytes === null ? null : { type, size: bytes.length })
  return {
    cluster_id: clusterId,
    topic_name: appended.topic,
    partition_id: appended.partition,
    offset: appended.offset,
    timestamp: appended.timestamp === null ? null : new Date(appended.timestamp).toISOString(),
    key: partOf(incoming.key, keyType),
    value: partOf(incoming.value, valueType),
  }
}
