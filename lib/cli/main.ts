#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { version } from '../version.ts'

/** Runs a command; the exit status. */
const main = async (args: readonly string[]): Promise<number> => {
  // Most of a start is reading modules, and this needs no others.
  if (args[0] === '--version' || args[0] === '-v') {
    process.stdout.write(`${version()}\n`)
    return 0
  }
  const { env: environment, stdout: out, stderr: err } = process
  const { runNamed } = await import('./commands.ts')
  return runNamed(args, {
    environment,
    out,
    err,
    // Asking for it opens it, and most commands have no use for it.
    get in() {
      return process.stdin
    },
  })
}

// A bug, or a promise that nobody looks at: the process is in no state that anybody has thought of, so it ends.
process.on('uncaughtException', (error) => {
  process.stderr.write(`wadi: a bug ended this process: ${error instanceof Error ? error.stack : error}\n`)
  process.exit(1)
})
// Whoever read what is printed has seen enough, as `head` has.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})
// Keeps the compiled modules beside the system's temporary files: the second start takes half the time.
enableCompileCache()
process.exitCode = await main(process.argv.slice(2))
