import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { temporaryFolder } from './dev-server.ts'

const main = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url))

export type CommandOptions = {
  /** Written to stdin, which ends then. */
  readonly input?: string | Buffer
  readonly environment?: Readonly<Record<string, string>>
  /** The working folder; an empty one by default. */
  readonly folder?: string
}

export type Ran = { readonly status: number; readonly out: string; readonly err: string }

/** `wadi` with these arguments, as a process that knows no setting of whoever runs the tests. */
export const startCommand = (args: readonly string[], options: CommandOptions = {}) => {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH, HOME, ...options.environment },
    cwd: options.folder ?? temporaryFolder(),
  })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    err += text
  })
  // Who ends early reads no input.
  child.stdin.on('error', () => {})
  if (options.input !== undefined) child.stdin.end(options.input)
  const ended = once(child, 'close').then(([status]): Ran => ({ status, out, err }))
  // It is waited for: its folder is removed next.
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return { child, ended, out: () => out }
}

/** The same, ended. Without input stdin is empty. */
export const runCommand = (args: readonly string[], options: CommandOptions = {}): Promise<Ran> =>
  startCommand(args, { input: '', ...options }).ended

/** JSON values, a line each. */
export const linesOf = (text: string): readonly unknown[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
