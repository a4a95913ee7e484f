import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { type Finished, type Program, run, runWell } from '../../lib/bench/process.ts'
import {
  findKafkaJars,
  findKcat,
  type KafkaProgram,
  kafkaProgram,
  missingForKafka,
  shortLivedJvm,
} from '../../lib/bench/tools.ts'

/** Longer than any program of the suites takes on a busy machine with two cores. */
const programTimeoutMs = 60_000

export type Tool = 'kcat' | 'kafka' | 'javac' | 'curl' | 'script' | 'zsh' | 'fish' | 'go' | 'registry'

/**
 * For `describe.skipIf`: true when a tool is missing, and then a line on stderr says which and how to get it.
 * With `WADI_TEST_SKIP=never`, as in CI, a missing tool is an error.
 */
export const skipWithout = (...tools: readonly Tool[]): boolean => {
  const missing = tools.map((tool) => lacks[tool]()).filter((reason) => reason !== undefined)
  for (const reason of missing) process.stderr.write(`skipped: this suite needs ${reason}\n`)
  if (missing.length > 0 && process.env['WADI_TEST_SKIP'] === 'never') throw new Error(`Missing: ${missing.join('; ')}`)
  return missing.length > 0
}

/** What a tool is and how to get it, unless this program ends well. */
const unlessRuns = (what: string, command: string, args: readonly string[], cwd?: string): string | undefined =>
  spawnSync(command, args, { cwd, timeout: lookTimeoutMs }).status === 0 ? undefined : what

const lookTimeoutMs = 60_000

/** A program that stands for clients of Go; its modules come from Go's proxy, the first time. */
export const goClient = fileURLToPath(new URL('../http/go-client', import.meta.url))

const lacks: Readonly<Record<Tool, () => string | undefined>> = {
  kcat: () => (findKcat() === undefined ? 'kcat, on Debian: apt-get install kcat' : undefined),
  kafka: missingForKafka,
  javac: () => missingForKafka() ?? missingForJavac(),
  curl: () => unlessRuns('curl, on Debian: apt-get install curl', 'curl', ['--version']),
  // Gives a program a terminal; that of other systems takes other flags.
  script: () => unlessRuns('script of util-linux', 'script', ['-qec', 'true', '/dev/null']),
  zsh: () => unlessRuns('zsh, on Debian: apt-get install zsh', 'zsh', ['-c', 'true']),
  fish: () => unlessRuns('fish, on Debian: apt-get install fish', 'fish', ['-c', 'true']),
  go: () =>
    unlessRuns('Go and its module proxy, on Debian: apt-get install golang-go', 'go', ['mod', 'download'], goClient),
  registry: () =>
    unlessRuns('a registry of npm packages', 'npm', ['ping', '--fetch-timeout=20000', '--fetch-retries=1']),
}

/** The same Java that runs Apache Kafka's tools. */
export const java = (): string => kafkaProgram('kafka-topics', [], []).command

const missingForJavac = (): string | undefined => {
  const { stdout } = spawnSync(java(), ['--list-modules'], { encoding: 'utf8', timeout: lookTimeoutMs })
  return /^jdk\.compiler/m.test(stdout) ? undefined : 'a Java compiler, on Debian: apt-get install default-jdk-headless'
}

/** For suites that compile or run Java against Apache Kafka's own classes: a class path, or undefined where it is missing. */
export const kafkaClassPath = (): string | undefined => {
  const jars = missingForKafka() === undefined ? findKafkaJars() : undefined
  return jars === undefined ? undefined : join(jars, '*')
}

/** Runs kcat, which must succeed; what it printed. */
export const kcat = (args: readonly string[], input?: Buffer | string): Promise<Buffer> =>
  runWell(kcatProgram(args), withInput(input))

/** The same, with stderr and whatever status. */
export const tryKcat = (args: readonly string[], input?: Buffer | string): Promise<Finished> =>
  run(kcatProgram(args), withInput(input))

/** Runs one of Apache Kafka's tools, which must succeed; what it printed. */
export const kafkaTool = async (
  name: KafkaProgram,
  args: readonly string[],
  input?: Buffer | string,
): Promise<string> => (await runWell(kafkaProgram(name, args, shortLivedJvm), withInput(input))).toString()

/** The same, with stderr and whatever status. */
export const tryKafkaTool = (name: KafkaProgram, args: readonly string[]): Promise<Finished> =>
  run(kafkaProgram(name, args, shortLivedJvm), withInput(undefined))

/** kcat, to be started by who wants to end it. */
export const kcatProgram = (args: readonly string[]): Program => {
  const command = findKcat()
  if (command === undefined) throw new Error('kcat is not here')
  return { command, args }
}

/** One of Apache Kafka's tools, to be started by who wants to end it. */
export const shortKafkaProgram = (name: KafkaProgram, args: readonly string[]): Program =>
  kafkaProgram(name, args, shortLivedJvm)

const withInput = (input: Buffer | string | undefined) =>
  input === undefined ? { timeoutMs: programTimeoutMs } : { timeoutMs: programTimeoutMs, input }

/** A file with this content in a folder of its own, removed when the running test ends; its path. */
export const temporaryFile = (name: string, content: string): string => {
  const folder = mkdtempSync(join(tmpdir(), 'wadi-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, name)
  writeFileSync(file, content)
  return file
}
