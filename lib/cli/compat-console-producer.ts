import { KafkaProducer, type ProducerSettings } from '../client/producer.ts'
import { realClock } from '../clock.ts'
import type { NewRecord } from '../protocol/build-batch.ts'
import { codecs } from '../protocol/compression.ts'
import type { RecordHeader } from '../protocol/record.ts'
import type { Surroundings } from './command.ts'
import { exceptionFrom, shownException } from './compat-errors.ts'
import { type GivenFlags, propertiesIn, ToolUsageError } from './compat-flags.ts'
import { connectionFlags, failed, textOf, tool, withCluster } from './compat-tool.ts'
import { lineBatches } from './line-queue.ts'

const flags = {
  ...connectionFlags,
  topic: 'value',
  sync: 'nothing',
  'compression-codec': 'maybe',
  'batch-size': 'value',
  'message-send-max-retries': 'value',
  'retry-backoff-ms': 'value',
  timeout: 'value',
  'request-required-acks': 'value',
  'request-timeout-ms': 'value',
  'metadata-expiry-ms': 'value',
  'max-block-ms': 'value',
  'max-memory-bytes': 'value',
  'max-partition-memory-bytes': 'value',
  'socket-buffer-size': 'value',
  'line-reader': 'value',
  'reader-config': 'value',
  property: 'value',
  'reader-property': 'value',
  'producer-property': 'value',
  'command-property': 'value',
  'producer.config': 'value',
} as const

type Given = GivenFlags<typeof flags>

/** Lines that come in at once travel together, up to so many. */
const maxLines = 1000
const maxBatchBytes = 900_000
const defaultTimeoutMs = 60_000

/** `kafka-console-producer` (Kafka source: `ConsoleProducer`, `LineMessageReader`). */
export const kafkaConsoleProducer = tool({
  name: 'kafka-console-producer',
  flags,
  run: async (given, around) => {
    const topic = given.required('topic')
    tellRenamed(given, around, 'property', 'reader-property')
    tellRenamed(given, around, 'producer-property', 'command-property')
    const file = given.text('reader-config')
    const reader = readerFrom(
      new Map([
        ...(file === undefined ? [] : propertiesIn(textOf(file))),
        ...given.properties('property', 'reader-property'),
      ]),
    )
    const configFile = given.text('command-config') ?? given.text('producer.config')
    const at = { servers: given.text('bootstrap-server'), configFile }
    return withCluster(at, given.properties('producer-property', 'command-property'), async (cluster, properties) => {
      const producer = new KafkaProducer(cluster, topic, settingsFrom(given, properties))
      let line = 0
      const isTerminal = around.in.isTTY === true
      if (isTerminal) around.out.write('>')
      try {
        const isAlone = given.has('sync')
        for await (const lines of lineBatches(around.in, {
          maxLines: isAlone ? 1 : maxLines,
          maxBytes: maxBatchBytes,
        })) {
          const records: NewRecord[] = []
          let wrong: Error | undefined
          for (const text of lines) {
            line += 1
            try {
              records.push(reader(text, line))
            } catch (error) {
              if (!(error instanceof LineError)) throw error
              wrong = error
              break
            }
          }
          for (const outcome of await producer.send(records)) {
            if ('failure' in outcome) tellFailure(outcome.failure, topic, around)
          }
          if (wrong !== undefined) {
            around.err.write(`org.apache.kafka.common.KafkaException: ${wrong.message}\n`)
            return failed
          }
          if (isTerminal) around.out.write('>')
        }
        return 0
      } catch (error) {
        tellFailure(error, topic, around)
        return failed
      }
    })
  },
})

/** Kafka has renamed a flag, takes both, and says so. */
const tellRenamed = <F extends string>(
  given: { readonly has: (name: F) => boolean },
  { out }: Surroundings,
  old: F,
  now: F,
): void => {
  if (!given.has(old)) return
  if (given.has(now)) throw new ToolUsageError(`--${now} and --${old} cannot be specified together.`)
  out.write(`Warning: --${old} is deprecated and will be removed in a future version. Use --${now} instead.\n`)
}

const tellFailure = (error: unknown, topic: string, { err }: Surroundings): void => {
  const exception = exceptionFrom(error)
  if (exception === undefined) throw error
  err.write(`Error when sending message to topic ${topic}: ${shownException(exception)}\n`)
}

/** Throws `ToolUsageError`. */
const settingsFrom = (given: Given, properties: ReadonlyMap<string, string>): ProducerSettings => {
  const compression = given.has('compression-codec')
    ? (given.text('compression-codec') ?? 'gzip')
    : (properties.get('compression.type') ?? 'none')
  const codec = codecs.find((one) => one === compression)
  if (codec === undefined) throw new ToolUsageError(`Unknown compression name: ${compression}`)
  return {
    codec,
    acks: acksFrom(given.text('request-required-acks') ?? properties.get('acks') ?? '-1'),
    maxBatchBytes,
    deliveryTimeoutMs: given.integer('max-block-ms') ?? Number(properties.get('max.block.ms') ?? defaultTimeoutMs),
  }
}

/** Throws `ToolUsageError`. */
export const acksFrom = (text: string): ProducerSettings['acks'] => {
  if (text === '-1' || text === 'all') return -1
  if (text === '0') return 0
  if (text === '1') return 1
  throw new ToolUsageError(`Invalid value ${text} for acks: -1, 0 and 1 are`)
}

/** A line that is no record. */
class LineError extends Error {
  override readonly name = 'LineError'
}

type LineReader = (line: Buffer, number: number) => NewRecord

/** Headers, key and value of a line, each before its separator, as far as the properties want them. */
const readerFrom = (properties: ReadonlyMap<string, string>): LineReader => {
  const isOn = (name: string): boolean => properties.get(name)?.trim().toLowerCase() === 'true'
  const bytesOf = (name: string, otherwise: string): Buffer => Buffer.from(properties.get(name) ?? otherwise)
  const [hasKey, hasHeaders, ignoresErrors] = [isOn('parse.key'), isOn('parse.headers'), isOn('ignore.error')]
  const keySeparator = bytesOf('key.separator', '\t')
  const headersDelimiter = bytesOf('headers.delimiter', '\t')
  const headersSeparator = properties.get('headers.separator') ?? ','
  const headerKeySeparator = properties.get('headers.key.separator') ?? ':'
  const marker = properties.get('null.marker')
  const nullMarker = marker === undefined ? undefined : Buffer.from(marker)
  const orNull = (bytes: Buffer): Buffer | null => (nullMarker?.equals(bytes) ? null : bytes)

  const cut = (rest: Buffer, by: Buffer, what: string, { text, number }: Line): readonly [Buffer | null, Buffer] => {
    const at = rest.indexOf(by)
    if (at >= 0) return [rest.subarray(0, at), rest.subarray(at + by.length)]
    if (ignoresErrors) return [null, rest]
    throw new LineError(`No ${what} found on line number ${number}: '${text.toString()}'`)
  }
  const headersIn = (bytes: Buffer | null, number: number): readonly RecordHeader[] => {
    if (bytes === null || orNull(bytes) === null) return []
    return bytes
      .toString()
      .split(headersSeparator)
      .map((pair): RecordHeader => {
        const at = pair.indexOf(headerKeySeparator)
        if (at < 0 && !ignoresErrors) {
          throw new LineError(`No header key separator found in pair '${pair}' on line number ${number}`)
        }
        if (at < 0) return { key: pair, value: null }
        const key = pair.slice(0, at)
        if (key === marker) throw new LineError(`Header keys should not be equal to the null marker '${marker}'`)
        return { key, value: orNull(Buffer.from(pair.slice(at + headerKeySeparator.length))) }
      })
  }
  return (text, number) => {
    const line = { text, number }
    const [headers, afterHeaders] = hasHeaders ? cut(text, headersDelimiter, 'headers delimiter', line) : [null, text]
    const [key, value] = hasKey ? cut(afterHeaders, keySeparator, 'key separator', line) : [null, afterHeaders]
    return {
      key: key === null ? null : orNull(key),
      value: orNull(value),
      headers: headersIn(headers, number),
      timestamp: BigInt(realClock.now()),
    }
  }
}

type Line = { readonly text: Buffer; readonly number: number }
