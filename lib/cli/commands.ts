import { type Command, runCommand, type Surroundings } from './command.ts'
import { exits } from './failures.ts'

/** Every command by its words. Each is loaded when it is asked for. */
const loads: Readonly<Record<string, () => Promise<Command>>> = {
  dev: async () => (await import('./dev.ts')).dev,
  'topic ls': async () => (await import('./topic.ts')).topicLs,
  'topic create': async () => (await import('./topic-settings.ts')).topicCreate,
  'topic describe': async () => (await import('./topic.ts')).topicDescribe,
  'topic alter': async () => (await import('./topic-settings.ts')).topicAlter,
  'topic delete': async () => (await import('./topic-removal.ts')).topicDelete,
  'topic trim': async () => (await import('./topic-removal.ts')).topicTrim,
  produce: async () => (await import('./produce.ts')).produce,
  consume: async () => (await import('./consume.ts')).consume,
  'group ls': async () => (await import('./group.ts')).groupLs,
  'group describe': async () => (await import('./group.ts')).groupDescribe,
  'group lag': async () => (await import('./group.ts')).groupLag,
  'group seek': async () => (await import('./group-changes.ts')).groupSeek,
  'group delete': async () => (await import('./group-changes.ts')).groupDelete,
  gateway: async () => (await import('./gateway.ts')).gateway,
  compat: async () => (await import('./compat.ts')).compat,
  audit: async () => (await import('./audit.ts')).audit,
  cost: async () => (await import('./cost.ts')).cost,
  doctor: async () => (await import('./doctor.ts')).doctor,
  openapi: async () => (await import('./openapi.ts')).openapi,
  completion: async () => (await import('./completion.ts')).completion,
  bench: async () => (await import('./bench.ts')).bench,
}

/** All of them, in the order of the help. */
export const everyCommand = (): Promise<readonly Command[]> => Promise.all(Object.values(loads).map((load) => load()))

/** Finds the command that the first words name, and runs it; the exit status. */
export const runNamed = async (args: readonly string[], around: Surroundings): Promise<number> => {
  const [first, second] = args
  if (first === undefined) return tellUsage(around.err, exits.usage)
  if (first === 'help' && second !== undefined) return runNamed([...args.slice(1), '--help'], around)
  if (isHelp(first)) return tellUsage(around.out, exits.ok)
  const name = [`${first} ${second}`, first].find((words) => Object.hasOwn(loads, words))
  const load = name === undefined ? undefined : loads[name]
  if (load !== undefined) return runCommand(await load(), args.slice(name?.split(' ').length), around)
  const verbs = Object.keys(loads).filter((name) => name.startsWith(`${first} `))
  if (verbs.length === 0) {
    around.err.write(`wadi: there is no command "${first}"; wadi help lists them\n`)
    return exits.usage
  }
  if (second !== undefined && isHelp(second)) return tellUsage(around.out, exits.ok, verbs)
  if (second !== undefined) around.err.write(`wadi ${first}: there is no "${second}" here\n\n`)
  return tellUsage(around.err, exits.usage, verbs)
}

const isHelp = (word: string): boolean => word === 'help' || word === '--help' || word === '-h'

/** Which commands there are. */
const tellUsage = async (to: NodeJS.WriteStream, exit: number, only?: readonly string[]): Promise<number> => {
  const { overview } = await import('./command-help.ts')
  const wanted = (await everyCommand()).filter(({ name }) => only === undefined || only.includes(name))
  to.write(overview(wanted))
  return exit
}
