import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Finished, run } from '../../lib/bench/process.ts'
import { compatProgram } from '../support/compat.ts'
import { temporaryFolder, wadiDev } from '../support/dev-server.ts'
import { shortKafkaProgram, skipWithout } from '../support/tools.ts'
import { type Step, scenarios } from './compat-scenarios.ts'

type Programs = typeof shortKafkaProgram

const timeoutMs = 60_000
const golden = new URL('./golden/', import.meta.url)

/** What the steps, one after the other, print to a fresh server. */
const transcript = async (steps: readonly Step[], program: Programs): Promise<string> => {
  const server = await wadiDev(['--memory'])
  const folder = temporaryFolder()
  const parts: string[] = []
  for (const { tool, args, input, files = {} } of steps) {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
    const given = args.map((arg) => (arg.startsWith('@') ? join(folder, arg.slice(1)) : arg))
    const all = ['--bootstrap-server', server.bootstrap, ...given]
    const finished = await run(program(tool, all), {
      timeoutMs,
      ...(input !== undefined && { input }),
    })
    parts.push(`$ ${tool} ${args.join(' ')}\n${shown(finished, server.bootstrap)}`)
  }
  return parts.join('\n')
}

/** Both streams and the status; without what is drawn, and without Java's stacks and lists of options. */
const shown = ({ status, stdout, stderr }: Finished, bootstrap: string): string => {
  const out = masked(stdout.toString(), bootstrap)
  const lines = masked(stderr, bootstrap)
    .split(/^(?:Option {5,}|usage: )/m)[0]
    ?.split('\n')
    .map((line) => line.replace(/^\[main\] (ERROR|WARN) \S+ - /, ''))
    .filter((line) => line.trim() !== '' && !/^\tat |^Caused by: |^joptsimple|^\t\.\.\. |^\[kafka-/.test(line))
  const told = lines?.filter((line, i) => i === 0 || line !== `java.lang.IllegalArgumentException: ${lines[i - 1]}`)
  const err = (told ?? []).map((line) => `! ${line}\n`).join('')
  return `${out}${out === '' || out.endsWith('\n') ? '' : '\n'}${err}status ${status}\n`
}

const masked = (text: string, bootstrap: string): string =>
  text
    .replaceAll(bootstrap, 'HOST:PORT')
    .replaceAll(/TopicId: [\w-]{22}/g, 'TopicId: ID')
    .replaceAll(/CreateTime:\d+/g, 'CreateTime:TIME')
    .replaceAll(/"timestamp":\d+/g, '"timestamp":TIME')
    .replaceAll(/"avg_throughput":[\d.E-]+/g, '"avg_throughput":RATE')

const cases = Object.entries(scenarios).map(([name, steps]) => ({ name, steps }))

test.for(cases)(
  'wadi compat prints of $name what Kafka’s own tools print',
  { timeout: 120_000 },
  async ({ name, steps }) => {
    expect(await transcript(steps, compatProgram)).toBe(readFileSync(new URL(`${name}.txt`, golden), 'utf8'))
  },
)

describe.skipIf(skipWithout('kafka'))('Kafka’s own tools', { timeout: 300_000 }, () => {
  test.for(cases)('print of $name what is written down', async ({ name, steps }) => {
    const printed = await transcript(steps, shortKafkaProgram)
    const file = new URL(`${name}.txt`, golden)
    if (process.env['WADI_GOLDEN'] === 'write') writeFileSync(file, printed)
    expect(printed).toBe(readFileSync(file, 'utf8'))
  })
})
