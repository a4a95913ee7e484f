import { readFileSync } from 'node:fs'
import { KafkaCluster, timeoutsFrom } from '../client/cluster.ts'
import { securityFrom } from '../client/connection.ts'
import type { Surroundings } from './command.ts'
import { exceptionFrom, shownException } from './compat-errors.ts'
import { type GivenFlags, propertiesIn, readFlags, type ToolFlags, ToolUsageError } from './compat-flags.ts'
import { CommandError, exits } from './failures.ts'

/** One of Apache Kafka's tools. */
export type Tool = (args: readonly string[], around: Surroundings) => Promise<number>

type Definition<F extends ToolFlags> = {
  readonly name: string
  readonly flags: F
  /** The exit status. Throws `ToolUsageError`. */
  readonly run: (given: GivenFlags<F>, around: Surroundings, args: readonly string[]) => Promise<number>
}

export const failed = 1

/** Reads the flags and runs it; who types what means nothing is told what there is, and whom a broker refuses, why. */
export const tool =
  <const F extends ToolFlags>({ name, flags, run }: Definition<F>): Tool =>
  async (args, around) => {
    const help = Object.keys(flags)
      .toSorted()
      .map((flag) => `  --${flag}${flags[flag] === 'nothing' ? '' : ' <value>'}\n`)
      .join('')
    const usage = `usage: ${name} …\n${help}`
    if (args.length === 0 || args.includes('--help')) {
      around.err.write(usage)
      return args.length === 0 ? failed : 0
    }
    try {
      return await run(readFlags(flags, args), around, args)
    } catch (error) {
      if (error instanceof ToolUsageError) {
        around.err.write(`${error.message}\n${usage}`)
        return failed
      }
      const exception = exceptionFrom(error)
      if (exception === undefined) throw error
      around.err.write(`${shownException(exception)}\n`)
      return failed
    }
  }

/** Flags of every tool; the older names of `--bootstrap-server` and of the file of client properties among them. */
export const connectionFlags = {
  'bootstrap-server': 'value',
  'command-config': 'value',
} as const satisfies ToolFlags

type Connecting = { readonly servers: string | undefined; readonly configFile?: string | undefined }

type Properties = ReadonlyMap<string, string>

/** Does something with a cluster; `work` is given the client properties too. */
export const withCluster = async <Result>(
  { servers, configFile }: Connecting,
  more: Properties,
  work: (cluster: KafkaCluster, properties: Properties) => Promise<Result>,
): Promise<Result> => {
  if (servers === undefined) throw new ToolUsageError('--bootstrap-server must be specified')
  const file = configFile === undefined ? [] : propertiesIn(textOf(configFile))
  const properties = new Map([...file, ...more])
  const clientId = properties.get('client.id') ?? 'wadi-compat'
  const cluster = new KafkaCluster(servers, securityFrom(properties), clientId, timeoutsFrom(properties))
  try {
    return await work(cluster, properties)
  } finally {
    cluster.close()
  }
}

/** What a file that was named says. */
export const textOf = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const why = error instanceof Error ? error.message : error
    throw new CommandError(`${file} cannot be read (${why}): check its path`, exits.error, { cause: error })
  }
}

/** Only one of these, and one. Throws `ToolUsageError`. */
export const oneAction = <Action extends string>(
  given: { readonly has: (name: Action) => boolean },
  actions: readonly Action[],
  message: string,
): Action => {
  const [action, ...others] = actions.filter((name) => given.has(name))
  if (action === undefined || others.length > 0) throw new ToolUsageError(message)
  return action
}
