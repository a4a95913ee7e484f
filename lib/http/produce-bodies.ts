import type { Context } from 'hono'
import { batchType, binaryEvent, isBinaryEvent, structuredEvent, structuredType } from './cloud-events.ts'
import { HttpProblem } from './http-problem.ts'
import { type Incoming, incomingFrom, limitedHeaders, maxKeyBytes, maxRecords } from './incoming.ts'
import { parseJson, parseJsonSequence } from './json.ts'
import { mediaTypeOf } from './media-type.ts'
import { readBody } from './request-body.ts'
import { urlencoded } from './route.ts'
import { isObject } from './validate.ts'

/** Records of a body; `isSingle` when it was one record and not a list of one. */
export type Body = { readonly records: readonly Incoming[]; readonly isSingle: boolean }

/** What the query says of records that do not say it themselves. */
export type Defaults = { readonly key?: string | undefined; readonly partition?: number | undefined }

const types = [
  'application/json',
  'application/x-ndjson',
  'text/*',
  'application/octet-stream',
  structuredType,
  batchType,
]

/** The records of a request to one topic, by the type of its body. */
export const recordsOf = async (c: Context, defaults: Defaults, nowMs: number): Promise<Body> => {
  const bytes = await readBody(c)
  const { records, isSingle } = bodyOf(c, bytes, nowMs)
  if (records.length === 0) throw new HttpProblem('INVALID_REQUEST', 'There are no records in the body.')
  return { records: records.map((record) => withDefaults(record, defaults)), isSingle }
}

const bodyOf = (c: Context, bytes: Buffer, nowMs: number): Body => {
  const { headers } = c.req.raw
  const type = mediaTypeOf(c.req.header('content-type'))?.essence
  if (type === structuredType) return { records: [structuredEvent(parseJson(bytes), '')], isSingle: true }
  if (type === batchType)
    return { records: listOf(parseJson(bytes), '').map((event, i) => structuredEvent(event, `/${i}`)), isSingle: false }
  if (isBinaryEvent(headers)) return { records: [binaryEvent(headers, bytes)], isSingle: true }
  if (isNdjson(type)) return { records: jsonRecords(bytes, nowMs).records, isSingle: false }
  if (type === undefined || type === urlencoded || type.endsWith('/json') || type.endsWith('+json')) {
    return jsonRecords(bytes, nowMs)
  }
  if (type.startsWith('text/') || type === 'application/octet-stream')
    return { records: [rawRecord(bytes)], isSingle: true }
  const hint = `Send ${types.join(', ')}, or anything to /v1/in/{topic}.`
  throw new HttpProblem('UNSUPPORTED_MEDIA_TYPE', `The body has the type ${type}.`, { hint })
}

const isNdjson = (type: string | undefined): boolean =>
  type === 'application/x-ndjson' || type === 'application/ndjson' || type === 'application/jsonl'

const rawRecord = (value: Buffer): Incoming => ({
  key: null,
  value,
  headers: [],
  partition: undefined,
  timestamp: undefined,
  path: '',
})

/** One record, `{ "records": […] }`, or several records one after the other. */
const jsonRecords = (bytes: Buffer, nowMs: number): Body => {
  const values = parseJsonSequence(bytes, maxRecords)
  const [first] = values
  if (values.length > 1) {
    return { records: values.map((value, i) => incomingFrom(value, `/${i}`, nowMs)), isSingle: false }
  }
  if (first === undefined) return { records: [], isSingle: false }
  const list = recordList(first)
  if (list === undefined) return { records: [incomingFrom(first, '', nowMs)], isSingle: true }
  return { records: list.map((value, i) => incomingFrom(value, `/records/${i}`, nowMs)), isSingle: false }
}

/** The list in `{ "records": […] }`; undefined when there is none. */
export const recordList = (body: unknown): readonly unknown[] | undefined => {
  if (!isObject(body) || !Object.hasOwn(body, 'records')) return undefined
  const other = Object.keys(body).find((name) => name !== 'records')
  if (other !== undefined) {
    throw new HttpProblem(
      'INVALID_REQUEST',
      `Beside "records" there is "${other.slice(0, 100)}", which is not known here.`,
    )
  }
  return listOf(body['records'], '/records')
}

const listOf = (value: unknown, path: string): readonly unknown[] => {
  if (!Array.isArray(value))
    throw new HttpProblem('INVALID_REQUEST', `At ${path === '' ? 'the top' : path} is no list.`)
  if (value.length <= maxRecords) return value
  const detail = `There are ${value.length} records, at most ${maxRecords} may be.`
  throw new HttpProblem('TOO_LARGE', detail, { hint: `Send batches of at most ${maxRecords} records.` })
}

const withDefaults = (record: Incoming, { key, partition }: Defaults): Incoming => ({
  ...record,
  key: record.key ?? (key === undefined ? null : Buffer.from(key)),
  partition: record.partition ?? partition,
})

/** What a webhook sends: its body is the value, its headers are the record's but for secrets and those of the way. */
export const webhookRecord = async (c: Context, defaults: Defaults): Promise<Incoming> => {
  const value = await readBody(c)
  const kept = [...c.req.raw.headers].filter(([name]) => !ofTheWay.test(name) && !isSecret(name))
  const headers = kept.map(([key, text]) => ({ key, value: Buffer.from(text) }))
  return withDefaults({ ...rawRecord(value), headers: limitedHeaders(headers, '/headers') }, defaults)
}

/** Between two hops, or for whoever answers. */
const ofTheWay =
  /^(accept(-.*)?|cache-control|connection|content-length|expect|forwarded|host|idempotency-key|if-match|keep-alive|pragma|prefer|priority|producer-(id|epoch|seq)|proxy-.*|sec-.*|te|trailer|transfer-encoding|upgrade|via|x-amz.*|x-forwarded-.*|x-real-ip)$/

/** What opens a door to whoever reads it is not stored. A signature opens none, and readers of the record verify it. */
const isSecret = (name: string): boolean => secret.test(name) && !name.includes('signature')

const secret =
  /authorization|cookie|credential|jwt|pass(phrase|wd|word)|secret|token|(access|api|auth|private|subscription)[-_]?key|^x-auth(-|$)/

export const maxQueryKeyCharacters = maxKeyBytes / 4
