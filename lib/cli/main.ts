#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { version } from '../version.ts'

const usage = `wadi: Kafka that runs dry

  wadi dev        a server on this machine, for any Kafka client
  wadi audit      checks that everything is where it must be
  wadi bench      measures this build with stock clients
  wadi help       this; wadi <command> --help tells more
  wadi --version

`

type Command = (args: readonly string[]) => Promise<number>

/** Loaded when asked for: most of a start is reading modules. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  dev: async () => (await import('./dev.ts')).runDev,
  audit: async () => (await import('./audit.ts')).runAudit,
  bench: async () => (await import('./bench.ts')).runBench,
}

/** Runs a command; the exit status: 0 ok, 1 error, 2 usage. */
const main = async ([name, ...args]: readonly string[]): Promise<number> => {
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stderr.write(usage)
    return name === undefined ? 2 : 0
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${version()}\n`)
    return 0
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (load === undefined) {
    process.stderr.write(`wadi: there is no command "${name}"; wadi help lists them\n`)
    return 2
  }
  return (await load())(args)
}

// A bug, or a promise that nobody looks at: the process is in no state that anybody has thought of, so it ends.
process.on('uncaughtException', (error) => {
  process.stderr.write(`wadi: a bug ended this process: ${error instanceof Error ? error.stack : error}\n`)
  process.exit(1)
})
// Keeps the compiled modules beside the system's temporary files: the second start takes half the time.
enableCompileCache()
process.exitCode = await main(process.argv.slice(2))
