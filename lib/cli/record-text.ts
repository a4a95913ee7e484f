import { UsageError } from './failures.ts'
import { dim, shown } from './output.ts'

/** A record as the API tells it, with its topic. */
export type ReadRecord = {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number | null
  readonly key: unknown
  readonly value: unknown
  readonly headers: Readonly<Record<string, unknown>>
}

export type RecordFormat = {
  /** How the API is asked for values: `string` gives keys and values as they stand. */
  readonly values: 'auto' | 'string'
  readonly textOf: (record: ReadRecord) => string | Buffer
}

/** `json`, `table`, `raw`, or a template. Throws `UsageError`. */
export const recordFormat = (given: string, isPretty: boolean): RecordFormat => {
  if (given === 'json' || given === 'ndjson') {
    return { values: 'auto', textOf: (record) => `${JSON.stringify(ordered(record))}\n` }
  }
  if (given === 'raw') return { values: 'string', textOf: ({ value }) => Buffer.concat([bytesOf(value), newline]) }
  if (given === 'table') return { values: 'auto', textOf: (record) => tableLine(record, isPretty) }
  if (given.includes('%')) return { values: 'string', textOf: templateOf(given) }
  throw new UsageError(`--format is "${given}": it must be json, table, raw or a template such as '%p:%o %k %v\\n'`)
}

const newline = Buffer.from('\n')

const ordered = ({ topic, partition, offset, timestamp, key, value, headers }: ReadRecord): ReadRecord => ({
  topic,
  partition,
  offset,
  timestamp,
  key,
  value,
  headers,
})

/** What the API tells as text is that text, what it tells as `$bytes` those bytes. */
const bytesOf = (told: unknown): Buffer => {
  if (told === null || told === undefined) return Buffer.alloc(0)
  if (typeof told === 'string') return Buffer.from(told)
  const isBytes = typeof told === 'object' && '$bytes' in told && typeof told.$bytes === 'string'
  return isBytes ? Buffer.from(String(told.$bytes), 'base64') : Buffer.from(JSON.stringify(told))
}

const placeWidth = 12

const tableLine = ({ topic, partition, offset, timestamp, key, value }: ReadRecord, isPretty: boolean): string => {
  const soft = isPretty ? dim : (text: string) => text
  const place = `${partition}:${offset}`.padEnd(placeWidth)
  const time = timestamp === null ? '-' : new Date(timestamp).toISOString()
  return `${soft(`${shown(topic)}  ${place}  ${time}`)}  ${shown(key)}  ${shown(value)}\n`
}

const fields: Readonly<Record<string, (record: ReadRecord) => Buffer>> = {
  t: ({ topic }) => Buffer.from(topic),
  p: ({ partition }) => Buffer.from(String(partition)),
  o: ({ offset }) => Buffer.from(String(offset)),
  T: ({ timestamp }) => Buffer.from(String(timestamp ?? -1)),
  k: ({ key }) => bytesOf(key),
  v: ({ value }) => bytesOf(value),
  h: ({ headers }) => Buffer.from(headersText(headers)),
  '%': () => Buffer.from('%'),
}

const templateDescription = '%t topic, %p partition, %o offset, %T timestamp in ms, %k key, %v value, %h headers'

const headersText = (headers: ReadRecord['headers']): string =>
  Object.entries(headers)
    .flatMap(([name, value]) => [value].flat().map((one) => `${name}=${bytesOf(one).toString()}`))
    .join(',')

const templateOf = (template: string): RecordFormat['textOf'] => {
  const parts = template.split(/(%.|\\.)/s).map((part): ((record: ReadRecord) => Buffer) => {
    if (part.startsWith('%')) {
      const field = fields[part.slice(1)]
      if (field === undefined) throw new UsageError(`--format has "${part}": it knows ${templateDescription}, and %%`)
      return field
    }
    const text = Buffer.from(unescaped(part))
    return () => text
  })
  return (record) => Buffer.concat(parts.map((part) => part(record)))
}

const escapes: Readonly<Record<string, string>> = { '\\n': '\n', '\\t': '\t', '\\r': '\r', '\\0': '\0', '\\\\': '\\' }

/** What shells leave as it is: `\n`, `\t`, `\r`, `\0` and a backslash. */
export const unescaped = (text: string): string => text.replace(/\\./g, (found) => escapes[found] ?? found)
