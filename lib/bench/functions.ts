import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleFile, bundleOptions, type FunctionName, functionNames, maxBundleBytes } from '../infra/bundle.ts'

export type FunctionFigures = {
  readonly name: FunctionName
  readonly bundleBytes: number
  /** From nothing loaded to a handler, in a new process: the least and the median of several. */
  readonly importMs: { readonly least: number; readonly median: number }
  /** Processor time of the same, the least: what a busy machine does not change. */
  readonly importCpuMs: number
}

/** What loading a function may take on the machine of the bench. */
const maxImportMs = 60
const starts = 9

/** Bundles every function as it is deployed, and loads it in new processes. */
export const measureFunctions = async (): Promise<readonly FunctionFigures[]> => {
  // Not among what an installed Wadi brings along: whoever measures bundles has the repository.
  const { build } = await import('esbuild')
  const folder = mkdtempSync(join(tmpdir(), 'wadi-bench-'))
  try {
    const figures: FunctionFigures[] = []
    for (const name of functionNames) {
      const source = fileURLToPath(new URL(`../../functions/${name}.ts`, import.meta.url))
      const file = join(folder, name, bundleFile)
      const { metafile } = await build({ ...bundleOptions, entryPoints: [source], outfile: file, metafile: true })
      const bundleBytes = Object.values(metafile.outputs)[0]?.bytes ?? 0
      figures.push({ name, bundleBytes, ...timesOf(file) })
    }
    return figures
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/**
 * Which functions are above their limits: in bytes, or in the time that loading takes. On a busy machine that is its
 * processor time, in which waiting for others is not.
 */
export const functionsAbove = (figures: readonly FunctionFigures[]): readonly FunctionName[] =>
  figures
    .filter(({ bundleBytes, importMs, importCpuMs }) => {
      return bundleBytes > maxBundleBytes || Math.min(importMs.least, importCpuMs) > maxImportMs
    })
    .map(({ name }) => name)

/** A table for people. */
export const functionsTable = (figures: readonly FunctionFigures[]): string =>
  [
    `functions      bundle, KB (≤ ${maxBundleBytes / 1024})   import, ms (≤ ${maxImportMs}; median)   processor, ms`,
    ...figures.map(({ name, bundleBytes, importMs, importCpuMs }) => {
      const times = `${importMs.least.toFixed(0)} (${importMs.median.toFixed(0)})`
      const bytes = (bundleBytes / 1024).toFixed(0)
      return `  ${name.padEnd(12)} ${bytes.padStart(18)} ${times.padStart(29)} ${importCpuMs.toFixed(0).padStart(16)}`
    }),
    '',
  ].join('\n')

/** Run by a new process: loads a file as Lambda's runtime does, and tells what it took. */
const loading = `
const before = process.cpuUsage(), start = performance.now()
require(process.argv[1])
const ms = performance.now() - start, { user, system } = process.cpuUsage(before)
process.stdout.write(ms + ' ' + (user + system) / 1000)`

const timesOf = (file: string): Pick<FunctionFigures, 'importMs' | 'importCpuMs'> => {
  const runs = Array.from({ length: starts }, () =>
    execFileSync(process.execPath, ['-e', loading, file], { encoding: 'utf8' }).split(' ').map(Number),
  )
  const sorted = (column: number): readonly number[] => runs.map((run) => run[column] ?? 0).toSorted((a, b) => a - b)
  const [wall, processor] = [sorted(0), sorted(1)]
  const importMs = { least: wall[0] ?? 0, median: wall[Math.floor(starts / 2)] ?? 0 }
  return { importMs, importCpuMs: processor[0] ?? 0 }
}
