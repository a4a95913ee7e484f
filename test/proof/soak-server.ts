import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { run } from '../../lib/bench/process.ts'

export type SoakServerOptions = {
  readonly kafkaPort: number
  readonly httpPort: number
  readonly environment: Readonly<Record<string, string>>
}

const main = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url))
const startTimeoutMs = 30_000
const auditTimeoutMs = 300_000
const maxKeptText = 20_000

/** `wadi dev` as a process that is killed, stopped and continued at will, and started again on the same ports and data. */
export class SoakServer {
  readonly kafkaPort: number
  /** What no server may do: ending by itself, or saying that it has met a bug. */
  readonly problems: string[] = []
  readonly #options: SoakServerOptions
  #child: ChildProcess | undefined
  #ended: Promise<unknown> = Promise.resolve()
  #isPaused = false
  #isKilled = false
  #isReady = false

  constructor(options: SoakServerOptions) {
    this.#options = options
    this.kafkaPort = options.kafkaPort
  }

  /** It serves, as far as anybody outside can know. */
  get isUp(): boolean {
    return this.#isReady && !this.#isPaused
  }

  /** Starts it, at once; `ready` resolves when it serves, or when it was killed before. */
  start(): { readonly ready: Promise<void> } {
    const { kafkaPort, httpPort, environment } = this.#options
    const args = [main, 'dev', '--kafka-port', String(kafkaPort), '--http-port', String(httpPort)]
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...environment },
    })
    this.#child = child
    this.#isKilled = false
    this.#ended = once(child, 'close')
    const ready = Promise.withResolvers<void>()
    let said = ''
    const late = setTimeout(() => this.problems.push(`a server did not start:\n${said}`), startTimeoutMs)
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-maxKeptText)
      if (this.#isReady || !said.includes('Ctrl-C stops it')) return
      this.#isReady = true
      clearTimeout(late)
      ready.resolve()
    })
    child.once('close', (status) => {
      clearTimeout(late)
      this.#isReady = false
      if (!this.#isKilled) this.problems.push(`a server ended with status ${status}:\n${said}`)
      ready.resolve()
    })
    return { ready: ready.promise }
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.#isKilled = true
    this.#isReady = false
    this.#isPaused = false
    this.#child?.kill('SIGKILL')
    await this.#ended
  }

  /** SIGSTOP: it stands still at whatever it does. */
  pause(): void {
    this.#isPaused = true
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#isPaused = false
    this.#child?.kill('SIGCONT')
  }

  /** Asks for everything that maintenance can do now, and does not wait for it. */
  maintain(): void {
    const url = `http://127.0.0.1:${this.#options.httpPort}/v1/maintenance:run?flush=true`
    // Whoever is killed meanwhile does not answer.
    fetch(url, { method: 'POST' }).then(
      (answer) => answer.arrayBuffer().catch(() => {}),
      () => {},
    )
  }
}

/** `wadi audit --deep` of what servers with this environment keep; what is wrong, one line each. */
export const auditDeep = async (environment: Readonly<Record<string, string>>): Promise<readonly string[]> => {
  const program = { command: process.execPath, args: [main, 'audit', '--deep', '-o', 'table'] }
  const { status, stdout, stderr } = await run(program, { timeoutMs: auditTimeoutMs, environment })
  return status === 0 ? [] : [`audit, status ${status}: ${stdout.toString()}${stderr}`]
}
