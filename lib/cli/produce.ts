import { command } from './command.ts'
import { UsageError } from './failures.ts'
import { formatFrom, formats, outputFlags } from './output.ts'
import { clientFlags } from './server-address.ts'

export const produce = command({
  name: 'produce',
  summary: 'Appends records to a topic, one for each line',
  about: `Lines come from stdin, or from --file. A line is a value as it stands; with --format json it is JSON, of which a
string loses its quotes, null is a tombstone and { "$bytes": "<base64>" } is any bytes; with --format record it is what
wadi consume prints: { "key": …, "value": …, "headers": …, "partition": …, "timestamp": … }.

What has come is sent at once, many lines together. A request that is not answered is repeated under the same key, and
appended once. Where the records have come to stand is told for each partition.`,
  arguments: [{ name: 'topic', says: 'its name' }],
  flags: {
    key: { kind: 'text', short: 'k', says: 'the key of records that have none of their own' },
    'key-separator': { kind: 'text', short: 'K', says: 'a line is a key, this, and a value' },
    header: { kind: 'texts', short: 'H', value: 'name=value', says: 'a header of every record' },
    partition: { kind: 'text', short: 'p', value: 'number', says: "instead of the key's" },
    format: { kind: 'text', short: 'f', value: 'text|json|record', otherwise: 'text', says: 'what a line is' },
    file: { kind: 'text', value: 'file', says: 'read the lines from it' },
    rate: { kind: 'text', value: '100/s', says: 'no more records than that in a second, minute (m) or hour (h)' },
    ...outputFlags,
    ...clientFlags,
  },
  examples: [
    { line: 'echo \'{"total":12}\' | wadi produce orders -k c9', says: 'one record' },
    { line: 'wadi produce orders --file orders.ndjson --rate 100/s', says: 'a line each, at a rate' },
    { line: 'wadi consume a --exit | wadi produce b -f record', says: 'from a topic to another' },
  ],
  run: async ({ flags, arguments: [topic = ''] }, around) => {
    const { rateFrom } = await import('./pace.ts')
    const { lineFormats } = await import('./record-line.ts')
    const lineFormat = lineFormats.find((one) => one === (flags.format ?? 'text'))
    if (lineFormat === undefined) {
      throw new UsageError(`--format is "${flags.format}": it must be ${lineFormats.join(', ')}`)
    }
    const { unescaped } = await import('./record-text.ts')
    const separator = flags['key-separator'] === undefined ? undefined : unescaped(flags['key-separator'])
    if (separator === '') throw new UsageError('--key-separator is empty')
    const { runProduce } = await import('./produce-run.ts')
    return runProduce(
      {
        topic,
        client: flags,
        file: flags.file,
        lines: {
          format: lineFormat,
          key: flags.key,
          separator,
          headers: headersIn(flags.header),
          partition: partitionIn(flags.partition),
        },
        perSecond: flags.rate === undefined ? undefined : rateFrom(flags.rate),
        format: formatFrom(flags.output, around.out, formats),
        isQuiet: flags.quiet,
      },
      around,
    )
  },
})

const headersIn = (given: readonly string[]): Readonly<Record<string, unknown>> => {
  const headers = new Map<string, string[]>()
  for (const text of given) {
    const equals = text.indexOf('=')
    if (equals < 1) throw new UsageError(`--header is "${text}": it must be name=value`)
    const name = text.slice(0, equals)
    headers.set(name, [...(headers.get(name) ?? []), text.slice(equals + 1)])
  }
  return Object.fromEntries([...headers].map(([name, values]) => [name, values.length === 1 ? values[0] : values]))
}

/** Throws `UsageError`. */
export const partitionIn = (given: string | undefined): number | undefined => {
  if (given === undefined) return undefined
  if (/^\d{1,9}$/.test(given)) return Number(given)
  throw new UsageError(`--partition is "${given}": it must be a whole number`)
}
