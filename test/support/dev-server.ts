import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

/** `wadi` as a process, as people start it. */
export type WadiProcess = {
  readonly kill: (signal: NodeJS.Signals) => void
  /** What it has said to people so far. */
  readonly said: () => string
  /** Resolves when it has said something that matches; rejects when it ends before. */
  readonly says: (pattern: RegExp) => Promise<RegExpExecArray>
  readonly ended: Promise<{ readonly status: number | null; readonly signal: NodeJS.Signals | null }>
}

const main = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url))

/** Started now, and killed when the test ends. `program` is another than that of the sources. */
export const wadi = (
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  program = main,
): WadiProcess => nodeProcess([program, ...args], environment)

/** The same for any file that Node runs. */
export const nodeProcess = (args: readonly string[], environment: Readonly<Record<string, string>>): WadiProcess => {
  const child = spawn(process.execPath, args, { env: { ...process.env, ...environment } })
  let said = ''
  let heard = Promise.withResolvers<void>()
  const tell = (): void => {
    heard.resolve()
    heard = Promise.withResolvers()
  }
  let hasEnded = false
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      said += bytes.toString()
      tell()
    })
  }
  const ended = once(child, 'close').then(([status, signal]) => {
    hasEnded = true
    tell()
    return { status, signal }
  })
  // It is waited for: what it writes to is removed next.
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return {
    kill: (signal) => void child.kill(signal),
    said: () => said,
    says: async (pattern) => {
      for (;;) {
        const found = pattern.exec(said)
        if (found) return found
        if (hasEnded) throw new Error(`it ended without saying ${pattern}:\n${said}`)
        await heard.promise
      }
    },
    ended,
  }
}

/** `wadi dev` on free ports, ready. */
export const wadiDev = async (
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  program = main,
) => {
  const server = wadi(['dev', '--kafka-port', '0', '--http-port', '0', ...args], environment, program)
  const [, kafkaPort] = await server.says(/Kafka +127\.0\.0\.1:(\d+)\n/)
  const [, httpUrl] = await server.says(/HTTP +(http:\/\/127\.0\.0\.1:\d+)\/healthz\n/)
  await server.says(/Ctrl-C stops it/)
  return { ...server, bootstrap: `127.0.0.1:${kafkaPort}`, kafkaPort: Number(kafkaPort), httpUrl: httpUrl ?? '' }
}

/** A folder that is removed when the test ends. */
export const temporaryFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'wadi-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
