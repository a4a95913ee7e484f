import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type PartResult, partNames, type Task } from './part.ts'
import { type Planned, partsNamed, plan, workers } from './plan.ts'
import { type Finished, proofReport } from './table.ts'
import type { WorkerMessage } from './worker.ts'

const usage = `npm run proof -- [--minutes 10] [--seed S] [--only soak,mutants] [--output FILE]

Runs every proof there is in about so many minutes and prints one table; the status is 1 when anything was found.
Parts: ${partNames.join(', ')}; soak means both.
`

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string' },
      only: { type: 'string' },
      output: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) {
    process.stderr.write(usage)
    return 0
  }
  const [minutes, seed] = [Number(values.minutes), Number(values.seed ?? Date.now() % 2 ** 31)]
  if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
    process.stderr.write(usage)
    return 2
  }
  const startMs = performance.now()
  say(`seed ${seed}, ${minutes} minutes`)
  const planned = plan({ minutes, seed, only: partsNamed(values.only ?? partNames.join(',')) })
  const finished = await runAll(planned, startMs + minutes * 60_000)
  const { markdown, status } = proofReport(finished, {
    date: new Date().toISOString().slice(0, 'YYYY-MM-DD'.length),
    commit: commit(),
    seed,
    only: values.only,
    minutes,
    took: Math.round((performance.now() - startMs) / 60_000),
    machine: `${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`,
  })
  process.stdout.write(markdown)
  if (values.output !== undefined) writeFileSync(values.output, markdown)
  return status
}

const say = (line: string): void => void process.stderr.write(`proof: ${line}\n`)

/** Tasks are begun in their order, by whoever is free. */
const runAll = async (planned: readonly Planned[], endMs: number): Promise<readonly Finished[]> => {
  const waiting = [...planned]
  const finished: Finished[] = []
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { takesTheRest, ...task } = next
      const budgetMs = takesTheRest ? Math.max(leastMs(task), endMs - performance.now()) : task.budgetMs
      say(`${task.part} begins, seed ${task.seed}`)
      const result = await run({ ...task, budgetMs })
      say(`${task.part} ends, ${result.problems.length} anomalies: ${JSON.stringify(result.counted)}`)
      finished.push({ part: task.part, result })
    }
  }
  await Promise.all(Array.from({ length: workers }, work))
  return finished
}

/** What comes last gets this much, even when others took more than their time. */
const leastMs = ({ budgetMs }: Task): number => budgetMs / 5

const worker = fileURLToPath(new URL('worker.ts', import.meta.url))

/** Runs a task in a process of its own, which must tell its result. */
const run = (task: Task): Promise<PartResult> =>
  new Promise((resolve) => {
    const child = fork(worker, [JSON.stringify(task)], { stdio: ['ignore', 2, 2, 'ipc'] })
    running.add(child)
    let result: PartResult | undefined
    child.on('message', (message: WorkerMessage) => {
      if ('result' in message) result = message.result
      else say(`${task.part}: ${message.progress}`)
    })
    child.on('exit', (status, signal) => {
      running.delete(child)
      if (isEnding) return
      const problem = `it ended with ${signal ?? `status ${status}`} and no result, seed ${task.seed}`
      resolve(result ?? { counted: {}, faults: {}, problems: [problem] })
    })
  })

const running = new Set<ChildProcess>()
let isEnding = false
const endWithinMs = 2000
const interrupted = 130

/** Workers end what they have started as soon as they look up; some never do. */
const endAll = async (): Promise<void> => {
  isEnding = true
  for (const child of running) child.disconnect()
  await pause(endWithinMs)
  for (const child of running) child.kill('SIGKILL')
  process.exit(interrupted)
}

const git = (...args: readonly string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim()

const commit = (): string => {
  try {
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') === '' ? '' : ' (dirty)'}`
  } catch {
    return 'unknown'
  }
}

process.once('SIGINT', endAll)
process.once('SIGTERM', endAll)
process.exitCode = await main()
