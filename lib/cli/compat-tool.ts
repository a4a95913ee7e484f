import { readFileSync } from 'node:fs'
import { KafkaCluster } from '../client/cluster.ts'
import { securityFrom } from '../client/connection.ts'
import type { Surroundings } from './command.ts'
import { type GivenFlags, propertiesIn, readFlags, type ToolFlags, ToolUsageError } from './compat-flags.ts'

/** One of Apache Kafka's tools. */
export type Tool = (args: readonly string[], around: Surroundings) => Promise<number>

type Definition<F extends ToolFlags> = {
  readonly name: string
  readonly flags: F
  /** The exit status. Throws `ToolUsageError`. */
  readonly run: (given: GivenFlags<F>, around: Surroundings, args: readonly string[]) => Promise<number>
}

export const failed = 1

/** Reads the flags and runs it; who types what means nothing is told what there is. */
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
      if (!(error instanceof ToolUsageError)) throw error
      around.err.write(`${error.message}\n${usage}`)
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
  const file = configFile === undefined ? [] : propertiesIn(readFileSync(configFile, 'utf8'))
  const properties = new Map([...file, ...more])
  const cluster = new KafkaCluster(servers, securityFrom(properties), properties.get('client.id') ?? 'wadi-compat')
  try {
    return await work(cluster, properties)
  } finally {
    cluster.close()
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
