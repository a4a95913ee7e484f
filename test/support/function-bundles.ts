import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { bundleFile, bundleOptions, type FunctionName } from '../../lib/infra/bundle.ts'

export type Bundles = Disposable & {
  /** The file of a function, and its size. */
  readonly of: (name: FunctionName) => { readonly file: string; readonly bytes: number }
}

/** Functions bundled as they are deployed, in a folder of their own. */
export const bundleFunctions = async (names: readonly FunctionName[]): Promise<Bundles> => {
  const folder = mkdtempSync(join(tmpdir(), 'wadi-functions-'))
  const made = new Map<FunctionName, { readonly file: string; readonly bytes: number }>()
  for (const name of names) {
    const source = fileURLToPath(new URL(`../../functions/${name}.ts`, import.meta.url))
    const file = join(folder, name, bundleFile)
    const { metafile } = await build({ ...bundleOptions, entryPoints: [source], outfile: file, metafile: true })
    made.set(name, { file, bytes: Object.values(metafile.outputs)[0]?.bytes ?? 0 })
  }
  return {
    of: (name) => {
      const bundle = made.get(name)
      if (bundle === undefined) throw new Error(`${name} is not bundled`)
      return bundle
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  }
}
