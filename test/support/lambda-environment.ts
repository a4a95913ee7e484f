import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { LambdaContext } from '../../lib/lambda.ts'

/** One environment of a function: it has one event at a time, and stands still in between. */
export type LambdaEnvironment = {
  /** What the handler returned. Throws when it threw, or when the environment ended. */
  readonly invoke: (event: unknown, limits: { readonly timeoutMs: number }) => Promise<unknown>
  /** What goes on after an answer, if anything does: it would stand still too. */
  readonly floating: readonly string[]
  readonly end: () => Promise<void>
}

/** A handler in this process: nothing freezes, and its stores are the test's own. */
export const environmentInProcess = (
  handler: (event: never, context: LambdaContext) => Promise<unknown>,
): LambdaEnvironment => ({
  invoke: (event, { timeoutMs }) => {
    const endMs = performance.now() + timeoutMs
    const context = { awsRequestId: 'in-process', getRemainingTimeInMillis: () => endMs - performance.now() }
    // Handlers take the events of their own triggers; which they are is the host's to know.
    return handler(event as never, context)
  },
  floating: [],
  end: async () => {},
})

/** A bundle in a process of its own, which is stopped between events as Lambda freezes an environment. */
export const environmentOfBundle = async (
  bundle: string,
  variables: Readonly<Record<string, string>>,
): Promise<LambdaEnvironment> => {
  const runtime = new URL('lambda-process.ts', import.meta.url)
  const child = fork(runtime, [bundle], { env: variables, execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  // One that stands still would outlive whoever started it.
  const abandon = (): void => void child.kill('SIGKILL')
  process.once('exit', abandon)
  child.once('exit', () => process.off('exit', abandon))
  let errors = ''
  child.stderr?.on('data', (chunk) => {
    errors += chunk
  })
  const floating: string[] = []
  const ended = once(child, 'exit').then(() => {
    throw new Error(`the environment ended: ${errors}`)
  })
  // Whoever waits for a message hears of it; nobody may be waiting.
  ended.catch(() => {})
  const next = async (): Promise<Message> => {
    const [message] = await Promise.race([once(child, 'message'), ended])
    return message
  }
  await next()
  child.kill('SIGSTOP')
  return {
    floating,
    invoke: async (event, { timeoutMs }) => {
      child.kill('SIGCONT')
      child.send({ event, awsRequestId: `request-${child.pid}`, remainingMs: timeoutMs })
      const message = await next()
      child.kill('SIGSTOP')
      floating.push(...(message.floating ?? []))
      if (message.failed !== undefined) throw new Error(message.failed)
      return message.result
    },
    end: () => end(child),
  }
}

type Message = { readonly result?: unknown; readonly failed?: string; readonly floating?: readonly string[] }

const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
