import type { Flags, Surroundings } from './command.ts'
import { UsageError } from './failures.ts'

export const formats = ['table', 'json', 'ndjson', 'csv'] as const
export type Format = (typeof formats)[number]

/** For commands that print rows. */
export const outputFlags = {
  output: { kind: 'text', short: 'o', value: formats.join('|'), says: 'a terminal gets a table, a pipe NDJSON' },
  quiet: { kind: 'yes', short: 'q', says: 'nothing but data and errors' },
} as const satisfies Flags

/** For commands that destroy: without these they only tell what would happen. */
export const executeFlags = {
  execute: { kind: 'yes', says: 'do it; without this, what would happen is told' },
  yes: { kind: 'yes', short: 'y', says: 'the same' },
} as const satisfies Flags

/** For whoever has not said that it should be done. */
export const tellIfDry = (isDone: boolean, isQuiet: boolean, { err }: Pick<Surroundings, 'err'>): void => {
  if (!isDone && !isQuiet) err.write('dry run: nothing is changed; --execute does it\n')
}

/** A column of a table, and of CSV under the same name. */
export type Column<Row> = {
  readonly name: string
  readonly of: (row: Row) => unknown
  /** Aligned to the right. */
  readonly isNumber?: boolean
}

/** What was asked for, or what suits where the data goes. Throws `UsageError`. */
export const formatFrom = <const Allowed extends Format>(
  given: string | undefined,
  out: NodeJS.WriteStream,
  allowed: readonly Allowed[],
): Allowed => {
  const piped = allowed.find((format) => format === 'ndjson') ?? allowed.find((format) => format === 'json')
  const wanted = given ?? (out.isTTY ? 'table' : piped)
  const found = allowed.find((format) => format === wanted)
  if (found !== undefined) return found
  const words = [allowed.slice(0, -1).join(', '), allowed.at(-1)].join(' or ')
  throw new UsageError(`-o is "${given}": it must be ${words}`)
}

/** The whole of what a command has to tell, in one JSON value. */
export const envelope = (command: string, data: unknown): string =>
  `${JSON.stringify({ _v: 1, _cmd: command.replace(' ', '.'), data })}\n`

export type Listing<Row> = {
  /** As it is typed: `topic ls`. */
  readonly command: string
  readonly rows: readonly Row[]
  readonly columns: readonly Column<Row>[]
  /** What JSON has instead of the rows: more than fits into columns. */
  readonly whole?: unknown
}

/** Rows in a form that `formatFrom` has found. */
export const printRows = <Row>(listing: Listing<Row>, format: Format, around: Surroundings): void => {
  const { command, rows, columns, whole } = listing
  const { out } = around
  if (format === 'table') out.write(tableText(columns, rows, isPretty(out, around)))
  else if (format === 'csv') out.write(csvText(columns, rows))
  else if (format === 'json') out.write(envelope(command, whole ?? rows))
  else out.write((whole === undefined ? rows : [whole]).map((row) => `${JSON.stringify(row)}\n`).join(''))
}

/** Whether colours are seen and wanted (no-color.org). */
export const isPretty = (stream: NodeJS.WriteStream, { environment }: Pick<Surroundings, 'environment'>): boolean =>
  stream.isTTY && !environment['NO_COLOR']

export const bold = (text: string): string => `\x1b[1m${text}\x1b[22m`
export const dim = (text: string): string => `\x1b[2m${text}\x1b[22m`

const tableText = <Row>(columns: readonly Column<Row>[], rows: readonly Row[], pretty: boolean): string => {
  const cells = rows.map((row) => columns.map(({ of }) => shown(of(row))))
  const widths = columns.map(({ name }, i) => Math.max(name.length, ...cells.map((row) => row[i]?.length ?? 0)))
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, i) => (columns[i]?.isNumber ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd()
  const head = line(columns.map(({ name }) => name.toUpperCase()))
  return [pretty ? bold(head) : head, ...cells.map(line), ''].join('\n')
}

/** A value in a line for people: whatever a terminal would obey is shown instead. */
export const shown = (value: unknown): string => {
  const text = value === null || value === undefined ? '-' : typeof value === 'string' ? value : JSON.stringify(value)
  return text.replace(/\p{Cc}/gu, (control) => JSON.stringify(control).slice(1, -1))
}

/** RFC 4180, with plain newlines. */
const csvText = <Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string =>
  [columns.map(({ name }) => name), ...rows.map((row) => columns.map(({ of }) => of(row)))]
    .map((cells) => `${cells.map(csvCell).join(',')}\n`)
    .join('')

const csvCell = (value: unknown): string => {
  const text = value === null || value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
