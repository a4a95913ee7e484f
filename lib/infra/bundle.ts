import type { BuildOptions } from 'esbuild'

/** The functions, each a file in `functions` and a bundle of its own. */
export const functionNames = ['produce', 'fetch', 'admin', 'groups', 'maintenance'] as const

export type FunctionName = (typeof functionNames)[number]

/**
 * How a function is bundled, wherever that is done: one file, because a cold start reads least of one. CommonJS, although
 * the sources are modules: importing `node:http` into a module loads everything that it exports lazily, HTTP/2 and
 * `fetch` among it, which takes 20 ms. Nothing of Node's own is bundled; the SDK's credential providers are left to the
 * runtime, which has them and never needs them, because a function's credentials are in its environment.
 */
export const bundleOptions = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node24',
  minify: true,
  sourcemap: false,
  legalComments: 'none',
  external: ['@aws-sdk/credential-provider-node'],
} as const satisfies BuildOptions

/** The file that the runtime loads for `index.handler`. */
export const bundleFile = 'index.js'

/** What a bundle may weigh, minified. */
export const maxBundleBytes = 400 * 1024
