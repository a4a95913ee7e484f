import type { RecordHeader } from '../protocol/record.ts'
import { HttpProblem } from './http-problem.ts'
import { type Incoming, limitedHeaders, maxKeyBytes } from './incoming.ts'
import { mediaTypeOf } from './media-type.ts'
import { isObject } from './validate.ts'

/*
 * CloudEvents 1.0 in, in the forms of its HTTP binding; out of all of them comes a record as its Kafka binding has it in
 * binary mode: attributes are headers `ce_…`, the data is the value, `datacontenttype` the header `content-type`, and
 * the extension `partitionkey` the key.
 */

export const structuredType = 'application/cloudevents+json'
export const batchType = 'application/cloudevents-batch+json'

const required = ['id', 'source', 'specversion', 'type'] as const
const specversion = '1.0'
/** CloudEvents: lower-case letters and digits; they should not be longer than 20. */
const attributeName = /^[a-z0-9]{1,100}$/

type Event = {
  readonly attributes: Readonly<Record<string, string>>
  readonly contentType: string | undefined
  readonly value: Buffer | null
}

/** An event in structured form. */
export const structuredEvent = (given: unknown, path: string): Incoming => {
  if (!isObject(given)) throw invalid(path, 'it is no object')
  const { data, data_base64: base64, datacontenttype, ...rest } = given
  const attributes: Record<string, string> = {}
  for (const [name, value] of Object.entries(rest)) {
    if (value === null) continue
    if (typeof value === 'object')
      throw invalid(`${path}/${name.slice(0, 100)}`, 'an attribute is text, a number or a boolean')
    attributes[name] = String(value)
  }
  const contentType = datacontenttype ?? undefined
  if (contentType !== undefined && typeof contentType !== 'string')
    throw invalid(`${path}/datacontenttype`, 'it is no text')
  if (data !== undefined && base64 !== undefined) throw invalid(path, 'it has both "data" and "data_base64"')
  return recordOf(
    { attributes, contentType: contentType ?? defaultType(data), value: dataOf(given, contentType) },
    path,
  )
}

const defaultType = (data: unknown): string | undefined => (data === undefined ? undefined : 'application/json')

const dataOf = (event: Readonly<Record<string, unknown>>, contentType: string | undefined): Buffer | null => {
  const { data, data_base64: base64 } = event
  if (base64 !== undefined) {
    if (typeof base64 !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64))
      throw invalid('/data_base64', 'it is no base64')
    return Buffer.from(base64, 'base64')
  }
  if (data === undefined) return null
  const essence = contentType === undefined ? 'application/json' : mediaTypeOf(contentType)?.essence
  const isJson = essence === undefined || essence.endsWith('/json') || essence.endsWith('+json')
  if (typeof data === 'string' && !isJson) return Buffer.from(data)
  return Buffer.from(JSON.stringify(data))
}

/** An event in binary form: its attributes are headers `ce-…`, percent-encoded. */
export const binaryEvent = (headers: Headers, body: Buffer): Incoming => {
  const attributes: Record<string, string> = {}
  for (const [name, value] of headers) if (name.startsWith('ce-')) attributes[name.slice(3)] = percentDecoded(value)
  return recordOf({ attributes, contentType: headers.get('content-type') ?? undefined, value: body }, '')
}

const percentDecoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export const isBinaryEvent = (headers: Headers): boolean => headers.has('ce-specversion') || headers.has('ce-id')

const recordOf = ({ attributes, contentType, value }: Event, path: string): Incoming => {
  for (const name of required) if (!attributes[name]) throw invalid(`${path}/${name}`, 'an event has it')
  if (attributes['specversion'] !== specversion) throw invalid(`${path}/specversion`, `it is not ${specversion}`)
  const wrong = Object.keys(attributes).find((name) => !attributeName.test(name))
  if (wrong !== undefined)
    throw invalid(`${path}/${wrong.slice(0, 100)}`, 'an attribute has lower-case letters and digits')
  const own = Object.entries(attributes).map(
    ([name, text]): RecordHeader => ({ key: `ce_${name}`, value: Buffer.from(text) }),
  )
  const typed = contentType === undefined ? [] : [{ key: 'content-type', value: Buffer.from(contentType) }]
  const key = attributes['partitionkey']
  if (key !== undefined && Buffer.byteLength(key) > maxKeyBytes) throw invalid(`${path}/partitionkey`, 'it is too long')
  return {
    key: key === undefined ? null : Buffer.from(key),
    value,
    headers: limitedHeaders([...own, ...typed], path),
    partition: undefined,
    timestamp: undefined,
    path,
  }
}

const invalid = (path: string, message: string): HttpProblem =>
  new HttpProblem('SCHEMA_INVALID', `This is no CloudEvent: at ${path}: ${message}.`, { errors: [{ path, message }] })
