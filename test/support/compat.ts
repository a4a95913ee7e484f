import { fileURLToPath } from 'node:url'
import { type Finished, type Program, run } from '../../lib/bench/process.ts'

const main = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url))

/** Longer than any of them takes on a busy machine. */
const timeoutMs = 60_000

/** One of the tools of `wadi compat`, to be started by who wants to end it. */
export const compatProgram = (tool: string, args: readonly string[]): Program => ({
  command: process.execPath,
  args: [main, 'compat', tool, ...args],
})

/** Runs one to its end: what it printed, and its status. */
export const compat = (tool: string, args: readonly string[], input?: string): Promise<Finished> =>
  run(compatProgram(tool, args), input === undefined ? { timeoutMs } : { timeoutMs, input })
