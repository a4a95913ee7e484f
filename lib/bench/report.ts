import type { Figures, Kind, Round } from './round.ts'

/** In and out under load; idle is waiting for records, with nothing to read; takeover is losing a gateway. */
type Part = 'in' | 'out' | 'idle' | 'takeover'

/** A figure over all rounds of a server. */
type Summary = { readonly median: number; readonly least: number; readonly most: number }

export type Report = Readonly<Record<Part, readonly Line[]>>

/** One figure; `ratio` is Wadi's median divided by Kafka's, where both have it. */
type Line = { readonly figure: string; readonly ratio?: number } & { readonly [kind in Kind]?: Summary }

/** Measured on Wadi only. */
type WadiFigures = { readonly idle: Figures; readonly takeover: ReadonlyMap<string, readonly number[]> }

/** Medians of all rounds, so that one disturbed round does not matter; `idle` was measured once. */
export const reportOf = (rounds: readonly Round[], { idle, takeover }: WadiFigures): Report => ({
  in: linesOf(rounds, 'in'),
  out: linesOf(rounds, 'out'),
  idle: [...idle].map(([figure, value]) => ({ figure, wadi: { median: value, least: value, most: value } })),
  takeover: [...takeover].map(([figure, values]) => {
    const wadi = summaryOfValues(values)
    return wadi === undefined ? { figure } : { figure, wadi }
  }),
})

/** A table for people: one line for each figure, one column for each server. */
export const tableOf = (report: Report): string => {
  const rows = [
    ['', '', 'wadi', 'kafka', 'wadi ÷ kafka'],
    ...(['in', 'out', 'idle', 'takeover'] as const).flatMap((part) =>
      report[part].map((line) => {
        const ratio = line.ratio === undefined ? '' : line.ratio.toFixed(2)
        return [part, line.figure, cell(line.wadi), cell(line.kafka), ratio]
      }),
    ),
  ]
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const aligned = rows.map((row) =>
    row.map((text, column) => (column < 2 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0))),
  )
  return `${aligned.map((row) => row.join('  ').trimEnd()).join('\n')}\n`
}

const linesOf = (rounds: readonly Round[], direction: 'in' | 'out'): readonly Line[] => {
  const summaryOf = (kind: Kind, figure: string): Summary | undefined =>
    summaryOfValues(rounds.filter((round) => round.kind === kind).map((round) => round[direction].get(figure)))
  return figuresOf(rounds.map((round) => round[direction])).map((figure) => {
    const [wadi, kafka] = [summaryOf('wadi', figure), summaryOf('kafka', figure)]
    return {
      figure,
      ...(wadi === undefined ? {} : { wadi }),
      ...(kafka === undefined ? {} : { kafka }),
      ...(wadi === undefined || kafka === undefined ? {} : { ratio: wadi.median / kafka.median }),
    }
  })
}

const figuresOf = (all: readonly Figures[]): readonly string[] => [...new Set(all.flatMap((each) => [...each.keys()]))]

const summaryOfValues = (values: readonly (number | undefined)[]): Summary | undefined => {
  const sorted = values.filter((value) => value !== undefined).toSorted((a, b) => a - b)
  const [least, median, most] = [sorted[0], sorted[Math.floor((sorted.length - 1) / 2)], sorted.at(-1)]
  return least === undefined || median === undefined || most === undefined ? undefined : { median, least, most }
}

const cell = (summary: Summary | undefined): string => {
  if (summary === undefined) return ''
  const text = (value: number): string => value.toLocaleString('en', { maximumSignificantDigits: 4 })
  const { median, least, most } = summary
  return least === most ? text(median) : `${text(median)} (${text(least)} – ${text(most)})`
}
