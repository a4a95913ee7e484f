import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { helpJson, helpText } from './command-help.ts'
import { CommandError, exits, failureOf, UsageError } from './failures.ts'

/** A command: enough to run it, to explain it and to complete it in a shell. */
export type Command<F extends Flags = Flags> = {
  /** The words after `wadi`: `topic create`. */
  readonly name: string
  /** One line, without a full stop. */
  readonly summary: string
  /** What else whoever uses it wants to know; blank lines between paragraphs. */
  readonly about?: string
  readonly arguments: readonly Argument[]
  readonly flags: F
  readonly examples?: readonly Example[]
  /** Whatever comes after its name are arguments to it: flags too, unless the first asks for help. */
  readonly readsFlagsItself?: boolean
  /** The exit status. Throws `UsageError` and `CommandError`. */
  readonly run: (given: Given<F>, surroundings: Surroundings) => Promise<number>
}

type Argument = {
  readonly name: string
  readonly says: string
  readonly isOptional?: boolean
  /** The last one may stand for any number. */
  readonly isRepeated?: boolean
}

export type Flag = {
  /** `yes`: it is there or not · `text`: it has a value · `texts`: it may be there again and again. */
  readonly kind: 'yes' | 'text' | 'texts'
  readonly short?: string
  /** What the help calls its value. */
  readonly value?: string
  /** The variable that says the same where the flag is not given. */
  readonly variable?: string
  /** Also after `says`, as what holds without it. */
  readonly otherwise?: string
  readonly says: string
}

export type Flags = { readonly [name: string]: Flag }

type Example = { readonly line: string; readonly says: string }

/** What was given: flags by name, from the command line or else from their variables, and the arguments in order. */
export type Given<F extends Flags> = {
  readonly flags: { readonly [Name in keyof F]: ValueOf<F[Name]['kind']> }
  readonly arguments: readonly string[]
}

type ValueOf<Kind extends Flag['kind']> = Kind extends 'yes'
  ? boolean
  : Kind extends 'text'
    ? string | undefined
    : readonly string[]

/** Where a command runs. Data goes to `out`, everything for people to `err`. */
export type Surroundings = {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly out: NodeJS.WriteStream
  readonly err: NodeJS.WriteStream
  readonly in: NodeJS.ReadStream
}

/** Lets a command keep the types of its own flags in a list of commands. */
export const command = <const F extends Flags>(it: Command<F>): Command => ({
  ...it,
  // Reason for `as`: what is given to `run` is made of these very flags.
  run: (given, surroundings) => it.run(given as Given<F>, surroundings),
})

const everywhere: Flags = {
  help: { kind: 'yes', short: 'h', says: 'this' },
  'help-json': { kind: 'yes', says: 'the same for programs' },
}

/** Reads the arguments, runs the command and tells what went wrong; the exit status. */
export const runCommand = async (it: Command, args: readonly string[], around: Surroundings): Promise<number> => {
  try {
    const given = givenOf(it, args, around.environment)
    if (given.flags['help'] === true) {
      around.out.write(helpText(it))
      return exits.ok
    }
    if (given.flags['help-json'] === true) {
      around.out.write(`${JSON.stringify(helpJson(it))}\n`)
      return exits.ok
    }
    return await it.run(given, around)
  } catch (error) {
    const ports = Object.keys(it.flags).filter((name) => name.endsWith('port'))
    const failure = await failureOf(error, ports.map((name) => `--${name}`).join(' or '))
    if (failure === undefined) throw error
    around.err.write(`wadi ${it.name}: ${failure.message}\n`)
    if (failure instanceof UsageError) around.err.write(`\n${helpText(it)}`)
    return failure instanceof CommandError ? failure.exit : exits.usage
  }
}

/** Throws `UsageError`. */
const givenOf = (it: Command, args: readonly string[], environment: Surroundings['environment']): Given<Flags> => {
  if (it.readsFlagsItself && !/^(-h|--help(-json)?)$/.test(args[0] ?? '')) return { flags: {}, arguments: args }
  const flags: Flags = { ...it.flags, ...everywhere }
  const { values, positionals } = parsed(flags, args)
  const isHelp = values['help'] === true || values['help-json'] === true
  if (!isHelp) checkArguments(it, positionals)
  const valued = Object.entries(flags).map(([name, { kind, variable }]) => {
    const told = values[name] ?? (variable === undefined ? undefined : environment[variable] || undefined)
    if (kind === 'yes') return [name, told === true || told === 'true']
    if (kind === 'texts') return [name, told === undefined ? [] : [told].flat()]
    return [name, told]
  })
  return { flags: Object.fromEntries(valued), arguments: positionals }
}

const parsed = (flags: Flags, args: readonly string[]) => {
  const options: ParseArgsOptionsConfig = Object.fromEntries(
    Object.entries(flags).map(([name, { kind, short }]) => [
      name,
      { type: kind === 'yes' ? 'boolean' : 'string', multiple: kind === 'texts', ...(short && { short }) },
    ]),
  )
  try {
    return parseArgs({ args: withNegativeValues(flags, args), options, allowPositionals: true, strict: true })
  } catch (error) {
    // Node's own words end with advice that is about Node.
    if (error instanceof Error) throw new UsageError(error.message.split('. To specify')[0] ?? error.message)
    throw error
  }
}

/** `-o -10` means what `-o-10` means; Node would take the number for a flag. */
const withNegativeValues = (flags: Flags, args: readonly string[]): string[] => {
  const valued = new Set(
    Object.entries(flags).flatMap(([name, { kind, short }]) =>
      kind === 'yes' ? [] : [`--${name}`, ...(short === undefined ? [] : [`-${short}`])],
    ),
  )
  const joined: string[] = []
  for (const [i, arg] of args.entries()) {
    const flag = args[i - 1]
    if (args.slice(0, i).includes('--') || flag === undefined || !valued.has(flag) || !/^-\d/.test(arg))
      joined.push(arg)
    else joined.splice(-1, 1, flag.startsWith('--') ? `${flag}=${arg}` : `${flag}${arg}`)
  }
  return joined
}

const checkArguments = (it: Command, given: readonly string[]): void => {
  const missing = it.arguments.find(({ isOptional }, i) => !isOptional && given[i] === undefined)
  if (missing !== undefined) throw new UsageError(`<${missing.name}> is missing: ${missing.says}`)
  const superfluous = it.arguments.at(-1)?.isRepeated ? undefined : given[it.arguments.length]
  if (superfluous !== undefined) throw new UsageError(`"${superfluous}" is one argument too many`)
}
