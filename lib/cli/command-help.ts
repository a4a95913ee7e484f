import type { Command, Flag } from './command.ts'

/** What `--help` prints. */
export const helpText = (it: Command): string => {
  const parts = [
    `${usageLine(it)}\n\n${it.summary}.`,
    it.about,
    section('', [
      ...it.arguments.map(({ name, says }): Row => [`<${name}>`, says]),
      ...Object.entries(it.flags).map(flagRow),
    ]),
    section(
      'Examples',
      (it.examples ?? []).map(({ line, says }): Row => [line, says]),
    ),
  ]
  return `${parts.filter((part) => part !== undefined && part !== '').join('\n\n')}\n`
}

/** What commands there are, a line for each. */
export const overview = (commands: readonly Command[]): string =>
  [
    'wadi: Kafka that runs dry',
    section(
      '',
      commands.map(({ name, summary }): Row => [`wadi ${name}`, summary]),
    ),
    'wadi <command> --help tells more, wadi --version which one this is.\n',
  ].join('\n\n')

/** The same, for programs: completion, documentation. */
export const helpJson = ({ name, summary, about, arguments: named, flags, examples }: Command) => ({
  name,
  summary,
  ...(about !== undefined && { about }),
  arguments: named,
  flags: Object.entries(flags).map(([flag, rest]) => ({ name: `--${flag}`, ...rest })),
  examples: examples ?? [],
})

const usageLine = (it: Command): string => {
  const named = it.arguments.map(({ name, isOptional, isRepeated }) => {
    const word = `<${name}>${isRepeated ? '…' : ''}`
    return isOptional ? `[${word}]` : word
  })
  return ['wadi', it.name, ...named, ...(Object.keys(it.flags).length > 0 ? ['[flags]'] : [])].join(' ')
}

type Row = readonly [left: string, right: string]

const flagRow = ([name, flag]: [string, Flag]): Row => {
  const short = flag.short === undefined ? '    ' : `-${flag.short}, `
  const value = flag.kind === 'yes' ? '' : ` <${flag.value ?? 'text'}>`
  const more = [flag.variable && `$${flag.variable}`, flag.otherwise && `otherwise ${flag.otherwise}`].filter(Boolean)
  return [`${short}--${name}${value}`, more.length === 0 ? flag.says : `${flag.says} (${more.join(', ')})`]
}

const section = (title: string, rows: readonly Row[]): string => {
  const width = Math.max(0, ...rows.map(([left]) => left.length))
  const lines = rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
  return rows.length === 0 ? '' : [...(title === '' ? [] : [`${title}:`]), ...lines].join('\n')
}
