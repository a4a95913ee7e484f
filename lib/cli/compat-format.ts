import type { ConsumedRecord } from '../client/fetch.ts'
import { ToolUsageError } from './compat-flags.ts'

/** What a record is printed as. */
export type Formatter = (record: ConsumedRecord) => Buffer

/** Kafka's `DefaultMessageFormatter`, as its properties have it. Throws `ToolUsageError`. */
export const formatterFrom = (properties: ReadonlyMap<string, string>): Formatter => {
  const isOn = (name: string, otherwise = false): boolean =>
    (properties.get(name)?.trim().toLowerCase() ?? String(otherwise)) === 'true'
  const bytesOf = (name: string, otherwise: string): Buffer => Buffer.from(properties.get(name) ?? otherwise)
  const separator = bytesOf('key.separator', '\t')
  const lineEnd = bytesOf('line.separator', '\n')
  const headersSeparator = bytesOf('headers.separator', ',')
  const nullLiteral = bytesOf('null.literal', 'null')
  const [keyText, valueText, headerText] = ['key', 'value', 'headers'].map((part) =>
    deserializer(properties.get(`${part}.deserializer`)),
  )
  const shown = (bytes: Buffer | null, text: Deserializer | undefined): Buffer =>
    bytes === null ? nullLiteral : text === undefined ? bytes : Buffer.from(text(bytes))
  const headersOf = ({ headers }: ConsumedRecord): Buffer => {
    if (headers.length === 0) return Buffer.from('NO_HEADERS')
    return joined(
      headers.map(({ key, value }) => Buffer.concat([Buffer.from(`${key}:`), shown(value, headerText)])),
      headersSeparator,
    )
  }
  const parts: readonly ((record: ConsumedRecord) => Buffer)[] = [
    ...(isOn('print.timestamp') ? [(record: ConsumedRecord) => Buffer.from(timestampText(record))] : []),
    ...(isOn('print.partition') ? [({ partition }: ConsumedRecord) => Buffer.from(`Partition:${partition}`)] : []),
    ...(isOn('print.offset') ? [({ offset }: ConsumedRecord) => Buffer.from(`Offset:${offset}`)] : []),
    ...(isOn('print.headers') ? [headersOf] : []),
    ...(isOn('print.key') ? [({ key }: ConsumedRecord) => shown(key, keyText)] : []),
    ...(isOn('print.value', true) ? [({ value }: ConsumedRecord) => shown(value, valueText)] : []),
  ]
  return (record) =>
    Buffer.concat([
      joined(
        parts.map((part) => part(record)),
        separator,
      ),
      parts.length === 0 ? Buffer.alloc(0) : lineEnd,
    ])
}

const joined = (parts: readonly Buffer[], by: Buffer): Buffer =>
  Buffer.concat(parts.flatMap((part, i) => (i === 0 ? [part] : [by, part])))

const timestampText = ({ timestamp, timestampType }: ConsumedRecord): string =>
  timestamp < 0n ? 'NO_TIMESTAMP' : `${timestampType === 'create' ? 'CreateTime' : 'LogAppendTime'}:${timestamp}`

type Deserializer = (bytes: Buffer) => string

/** By the names of Kafka's own classes; bytes are printed as they are without one. */
const deserializer = (className: string | undefined): Deserializer | undefined => {
  switch (className?.replace('org.apache.kafka.common.serialization.', '')) {
    case undefined:
    case 'StringDeserializer':
    case 'ByteArrayDeserializer':
      return undefined
    case 'LongDeserializer':
      return (bytes) => String(bytes.readBigInt64BE())
    case 'IntegerDeserializer':
      return (bytes) => String(bytes.readInt32BE())
    case 'ShortDeserializer':
      return (bytes) => String(bytes.readInt16BE())
    case 'DoubleDeserializer':
      return (bytes) => String(bytes.readDoubleBE())
    case 'FloatDeserializer':
      return (bytes) => String(bytes.readFloatBE())
    default:
      throw new ToolUsageError(`The deserializer ${className} is not known here`)
  }
}
