import { spawn } from 'node:child_process'

/** How a program ended. `stdout` stays bytes, because records may be any bytes. */
export type Finished = { readonly status: number; readonly stdout: Buffer; readonly stderr: string }

export type Program = { readonly command: string; readonly args: readonly string[] }

export type RunOptions = {
  /** Written to stdin, which is closed afterwards. */
  readonly input?: Buffer | string
  /** The program is killed after this time, and that is an error. */
  readonly timeoutMs: number
  readonly environment?: Readonly<Record<string, string>>
}

/** Runs a program to its end. Any exit status is a result; no exit within the time is thrown. */
export const run = (program: Program, options: RunOptions): Promise<Finished> =>
  new Promise((resolve, reject) => {
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    const child = spawn(program.command, program.args, {
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
      env: { ...process.env, ...options.environment },
    })
    child.stdout.on('data', (bytes: Buffer) => stdout.push(bytes))
    child.stderr.on('data', (bytes: Buffer) => stderr.push(bytes))
    child.on('error', reject)
    child.on('close', (status, signal) => {
      const errors = Buffer.concat(stderr).toString()
      if (status === null) {
        const line = [program.command, ...program.args].join(' ')
        reject(new Error(`Killed by ${signal} within ${options.timeoutMs} ms: ${line}\n${errors}`))
        return
      }
      resolve({ status, stdout: Buffer.concat(stdout), stderr: errors })
    })
    // A program may end without reading all of its input; its status says whether that was right.
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
  })

/** Runs a program that must succeed; its output, or an error with what it said. */
export const runWell = async (program: Program, options: RunOptions): Promise<Buffer> => {
  const finished = await run(program, options)
  if (finished.status !== 0) {
    const line = [program.command, ...program.args].join(' ')
    throw new Error(`Status ${finished.status}: ${line}\n${finished.stderr}${finished.stdout}`)
  }
  return finished.stdout
}
