import { command } from './command.ts'
import { UsageError } from './failures.ts'
import { isPretty } from './output.ts'
import { partitionIn } from './produce.ts'
import { clientFlags } from './server-address.ts'

export const consume = command({
  name: 'consume',
  summary: 'Prints the records of topics, and goes on as more come',
  about: `Begins at the start, or where --offset says, and ends with --exit where the topics end, after -n records, where a
range ends, or with Ctrl-C. The cursors to go on from are told then: each is a value for --offset.

With --group records are handed out once among all who consume for it, by leases, and what is printed is committed.

A format is json (a line each, what a pipe gets), table (what a terminal gets), raw (values, a newline after each), or a
template: %t topic, %p partition, %o offset, %T timestamp in ms, %k key, %v value, %h headers, %%, \\n, \\t.`,
  arguments: [{ name: 'topic', says: 'its name', isRepeated: true }],
  flags: {
    group: { kind: 'text', short: 'g', value: 'name', says: 'as one of this group' },
    offset: {
      kind: 'text',
      short: 'o',
      value: 'place',
      otherwise: 'start',
      says: 'start | end | n | -n | n:m | @time | -1h | -1h:now | a cursor',
    },
    count: { kind: 'text', short: 'n', value: 'number', says: 'end after so many records' },
    format: { kind: 'text', short: 'f', value: 'format', says: "json, table, raw, or '%p:%o %k %v\\n'" },
    partition: { kind: 'text', short: 'p', value: 'number', says: 'only this one' },
    key: { kind: 'text', short: 'k', says: 'only records with this key' },
    where: { kind: 'text', value: 'condition', says: 'only records for which it holds: value.total > 10' },
    exit: { kind: 'yes', short: 'e', says: 'end where the topics end now' },
    quiet: { kind: 'yes', short: 'q', says: 'nothing but data and errors' },
    ...clientFlags,
  },
  examples: [
    { line: 'wadi consume orders', says: 'everything, and what comes' },
    { line: 'wadi consume orders -o -1h:now', says: 'what came within the last hour' },
    { line: "wadi consume orders -o end --where 'value.total > 100'", says: 'large ones from now on' },
    { line: "wadi consume orders payments -n 10 -f '%t %k %v\\n'", says: 'the first ten of two topics' },
  ],
  run: async ({ flags, arguments: topics }, around) => {
    const { recordFormat } = await import('./record-text.ts')
    const { rangeFrom } = await import('./offset-range.ts')
    const { realClock } = await import('../clock.ts')
    const pretty = isPretty(around.out, around)
    const options = {
      topics,
      client: flags,
      format: recordFormat(flags.format ?? (around.out.isTTY ? 'table' : 'json'), pretty),
      count: countIn(flags.count),
      isQuiet: flags.quiet,
    }
    if (flags.group !== undefined) {
      const other = (['offset', 'partition', 'key', 'where'] as const).find((name) => flags[name] !== undefined)
      if (other !== undefined) throw new UsageError(`--${other} is not possible with --group`)
      const { runGroupConsume } = await import('./consume-group.ts')
      return runGroupConsume({ ...options, group: flags.group, isEnding: flags.exit }, around)
    }
    const { runConsume } = await import('./consume-run.ts')
    const range = rangeFrom(flags.offset ?? 'start', realClock.now())
    return runConsume(
      {
        ...options,
        range: { ...range, until: range.until ?? (flags.exit ? { kind: 'end' } : undefined) },
        partition: partitionIn(flags.partition),
        key: flags.key,
        where: flags.where,
      },
      around,
    )
  },
})

const countIn = (given: string | undefined): number => {
  if (given === undefined) return Number.POSITIVE_INFINITY
  if (/^[1-9]\d{0,11}$/.test(given)) return Number(given)
  throw new UsageError(`--count is "${given}": it must be a whole number from 1`)
}
