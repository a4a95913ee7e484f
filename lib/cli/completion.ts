import { type Command, command } from './command.ts'
import { exits, UsageError } from './failures.ts'

export const completion = command({
  name: 'completion',
  summary: 'Prints what completes commands and flags in a shell',
  arguments: [{ name: 'shell', says: 'bash, zsh or fish' }],
  flags: {},
  examples: [
    { line: 'source <(wadi completion bash)', says: 'in ~/.bashrc' },
    { line: 'source <(wadi completion zsh)', says: 'in ~/.zshrc, behind compinit' },
    { line: 'wadi completion fish | source', says: 'in ~/.config/fish/config.fish' },
  ],
  run: async ({ arguments: [shell = ''] }, { out }) => {
    const print = Object.hasOwn(shells, shell) ? shells[shell] : undefined
    if (print === undefined) throw new UsageError(`"${shell}" is not known: it must be bash, zsh or fish`)
    const { everyCommand } = await import('./commands.ts')
    out.write(print(await everyCommand()))
    return exits.ok
  },
})

type Words = readonly string[]

const flagsOf = ({ flags }: Command): Words => [...Object.keys(flags).map((name) => `--${name}`), '--help']

/** First words, and second words by their first. */
const firstWords = (commands: readonly Command[]): Words => [
  ...new Set([...commands.map(({ name }) => name.split(' ')[0] ?? ''), 'help']),
]

const verbsOf = (commands: readonly Command[]): ReadonlyMap<string, Words> => {
  const verbs = new Map<string, Words>()
  for (const { name } of commands) {
    const [noun = '', verb] = name.split(' ')
    if (verb !== undefined) verbs.set(noun, [...(verbs.get(noun) ?? []), verb])
  }
  return verbs
}

/** Everything is in the text itself: nothing is started while somebody types. */
const bash = (commands: readonly Command[]): string => `_wadi() {
  local word="\${COMP_WORDS[COMP_CWORD]}" words
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${firstWords(commands).join(' ')}"
  else
    case "\${COMP_WORDS[1]} \${COMP_WORDS[2]}" in
${commands
  .filter(({ name }) => name.includes(' '))
  .map((one) => `      "${one.name}") words="${flagsOf(one).join(' ')}" ;;`)
  .join('\n')}
    esac
    if [ -z "$words" ]; then
      case "\${COMP_WORDS[1]}" in
${[...verbsOf(commands)].map(([noun, verbs]) => `        ${noun}) words="${verbs.join(' ')}" ;;`).join('\n')}
${commands
  .filter(({ name }) => !name.includes(' '))
  .map((one) => `        ${one.name}) words="${flagsOf(one).join(' ')}" ;;`)
  .join('\n')}
      esac
    fi
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _wadi wadi
`

/** zsh reads what bash does. */
const zsh = (commands: readonly Command[]): string => `autoload -U +X bashcompinit && bashcompinit\n${bash(commands)}`

const fish = (commands: readonly Command[]): string => {
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const lines = firstWords(commands).map((word) => `complete -c wadi -n __fish_use_subcommand -f -a ${word}`)
  for (const [noun, verbs] of verbsOf(commands)) {
    const none = `__fish_seen_subcommand_from ${noun}; and not __fish_seen_subcommand_from ${verbs.join(' ')}`
    for (const verb of verbs) lines.push(`complete -c wadi -n ${quoted(none)} -f -a ${verb}`)
  }
  for (const { name, flags } of commands) {
    const seen = name
      .split(' ')
      .map((word) => `__fish_seen_subcommand_from ${word}`)
      .join('; and ')
    for (const [flag, { kind, short, says }] of Object.entries(flags)) {
      const letter = short === undefined ? '' : ` -s ${short}`
      const value = kind === 'yes' ? '' : ' -r'
      lines.push(`complete -c wadi -n ${quoted(seen)} -l ${flag}${letter}${value} -d ${quoted(says)}`)
    }
  }
  return `${lines.join('\n')}\n`
}

const shells: Readonly<Record<string, (commands: readonly Command[]) => string>> = { bash, zsh, fish }
