import { parseExact, textOf } from '../http/json.ts'
import { UsageError } from './failures.ts'

export const lineFormats = ['text', 'json', 'record'] as const
type LineFormat = (typeof lineFormats)[number]

/** A record as `POST /v1/topics/{topic}/records` takes it. */
export type RecordBody = Readonly<Record<string, unknown>>

export type LineOptions = {
  readonly format: LineFormat
  /** Of records that have none of their own. */
  readonly key: string | undefined
  /** What stands between a key and its value. */
  readonly separator: string | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly partition: number | undefined
}

/** What `consume` says of a record and nobody may choose. */
const told = new Set(['topic', 'offset'])

/** The record that a line stands for. Throws `UsageError` for a line that stands for none. */
export const recordOfLine = (line: Buffer, lineNumber: number, options: LineOptions): RecordBody => {
  const { format, headers, partition } = options
  const defaults = {
    ...(options.key !== undefined && { key: options.key }),
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(partition !== undefined && { partition }),
  }
  if (format === 'record') return { ...defaults, ...wholeRecord(line, lineNumber) }
  const { key, rest } = keyIn(line, options.separator, lineNumber)
  const value = format === 'json' ? jsonIn(rest, lineNumber) : bytesAsJson(rest)
  return { ...defaults, ...(key !== undefined && { key: bytesAsJson(key) }), value }
}

/** Text where it is text, which comes to the same bytes. */
const bytesAsJson = (bytes: Buffer): unknown => textOf(bytes) ?? { $bytes: bytes.toString('base64') }

const keyIn = (line: Buffer, separator: string | undefined, lineNumber: number) => {
  if (separator === undefined) return { key: undefined, rest: line }
  const end = line.indexOf(separator)
  if (end < 0) throw new UsageError(`line ${lineNumber} has no "${separator}" between a key and a value`)
  return { key: line.subarray(0, end), rest: line.subarray(end + Buffer.byteLength(separator)) }
}

const jsonIn = (line: Buffer, lineNumber: number): unknown => {
  try {
    return parseExact(line.toString())
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new UsageError(`line ${lineNumber} is no JSON: ${error.message}`)
  }
}

const wholeRecord = (line: Buffer, lineNumber: number): RecordBody => {
  const record = jsonIn(line, lineNumber)
  if (typeof record !== 'object' || record === null || Array.isArray(record) || !('value' in record)) {
    throw new UsageError(`line ${lineNumber} is no record: { "key": "c9", "value": { "id": 1 } }`)
  }
  return Object.fromEntries(Object.entries(record).filter(([name]) => !told.has(name)))
}
