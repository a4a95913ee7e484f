import { parseArgs } from 'node:util'
import { type FuzzReport, runFuzz } from './fuzz.ts'

/** A report in Markdown, with everything that was found behind it. */
export const tableOf = ({ byTarget, finds }: FuzzReport): readonly string[] => [
  '| target | inputs | accepted | refused | slowest ms |',
  '|---|---:|---:|---:|---:|',
  ...byTarget.map(
    ({ name, inputs, accepted, refused, slowestMs }) =>
      `| ${name} | ${inputs} | ${accepted} | ${refused} | ${slowestMs.toFixed(1)} |`,
  ),
  ...finds.map(({ target, seed, number, what, hex }) => `\n${target}, seed ${seed}, input ${number}: ${what}\n${hex}`),
]

const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`

/** Where nobody watches, progress is told so seldom. */
const quietMs = 60_000

// As a program: node test/fuzz/run.ts --inputs 20000000 --seed 1 [--target row --target request]
if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      inputs: { type: 'string', default: '1000000' },
      seed: { type: 'string' },
      target: { type: 'string', multiple: true },
    },
  })
  const seed = Number(values.seed ?? Date.now() % 2 ** 31)
  const startMs = performance.now()
  let toldMs = startMs
  const summary = ({ inputs, finds }: FuzzReport): string => {
    const seconds = (performance.now() - startMs) / 1000
    const cpuSeconds = (process.cpuUsage().user + process.cpuUsage().system) / 1e6
    return `${inputs} inputs in ${seconds.toFixed(0)} s (${cpuSeconds.toFixed(0)} s of a core), ${finds.length} finds`
  }
  const report = await runFuzz({
    inputs: Number(values.inputs),
    seed,
    ...(values.target && { targets: values.target }),
    onProgress: (now) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${summary(now)} `)
      else if (performance.now() - toldMs > quietMs) {
        toldMs = performance.now()
        process.stderr.write(`${summary(now)}\n`)
      }
    },
  })
  for (const line of tableOf(report)) process.stdout.write(`${line}\n`)
  process.stdout.write(`\nseed ${seed}: ${summary(report)}\n`)
  process.stdout.write(`peak ${mib(report.peakRssBytes)}, grown by ${mib(report.grownRssBytes)}\n`)
  process.exitCode = report.finds.length === 0 ? 0 : 1
}
