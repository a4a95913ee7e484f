import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, expectTypeOf, test } from 'vitest'
import type { wadiSockets as declared } from '../../bin/kafkajs.d.ts'
import { run, runWell } from '../../lib/bench/process.ts'
import type { wadiSockets } from '../../lib/kafkajs.ts'
import { version } from '../../lib/version.ts'
import { temporaryFolder, wadiDev } from '../support/dev-server.ts'
import { skipWithout } from '../support/tools.ts'
import { linesOf } from '../support/wadi-command.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Bundling, and what an installation brings from the registry, on a busy machine. */
const timeoutMs = 240_000

test.skipIf(skipWithout('registry'))(
  'the package can be installed anywhere, and has the command',
  { timeout: timeoutMs },
  async () => {
    const folder = temporaryFolder()
    const npm = (...args: readonly string[]) =>
      runWell({ command: 'npm', args: ['--prefix', root, ...args] }, { timeoutMs })
    const packed = JSON.parse((await npm('pack', root, '--json', '--pack-destination', folder)).toString())
    const files: readonly string[] = packed[0].files.map(({ path }: { readonly path: string }) => path)
    const known = /^(bin\/|dist\/|package\.json$|README\.md$|LICENSE$)/
    expect(files.filter((file) => !known.test(file))).toEqual([])
    expect(files).toEqual(expect.arrayContaining(['bin/wadi.js', 'dist/cli/main.js', 'dist/kafkajs.js']))

    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
    const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
    await runWell(
      { command: 'npm', args: ['--prefix', folder, ...install, join(folder, packed[0].filename)] },
      { timeoutMs },
    )
    const wadi = (args: readonly string[], input = '') =>
      run({ command: join(folder, 'node_modules/.bin/wadi'), args }, { timeoutMs, input })
    expect((await wadi(['--version'])).stdout.toString()).toBe(`${version()}\n`)
    expect((await wadi(['help'])).stdout.toString()).toContain('wadi consume')
    expect(await wadi(['bench'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('in a repository of Wadi'),
    })

    const server = await wadiDev(['--data', join(folder, 'data')], {}, join(folder, 'node_modules/wadi/bin/wadi.js'))
    await wadi(['topic', 'create', 'orders', '--url', server.httpUrl])
    expect((await wadi(['produce', 'orders', '--url', server.httpUrl], 'a\nb\n')).status).toBe(0)
    const consumed = await wadi(['consume', 'orders', '--exit', '--url', server.httpUrl])
    expect(linesOf(consumed.stdout.toString())).toMatchObject([{ value: 'a' }, { value: 'b' }])

    const script = `import { wadiSockets } from 'wadi/kafkajs'
console.log(typeof wadiSockets({ url: '${server.httpUrl}' }))`
    writeFileSync(join(folder, 'sockets.js'), script)
    const sockets = await runWell({ command: process.execPath, args: [join(folder, 'sockets.js')] }, { timeoutMs })
    expect(sockets.toString()).toBe('function\n')
  },
)

test('a Node that is too old is told so in a line', async () => {
  const old = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } })`
  const finished = await run(
    { command: process.execPath, args: ['--import', `data:text/javascript,${old}`, join(root, 'bin/wadi.js'), 'dev'] },
    { timeoutMs },
  )
  expect(finished.status).toBe(1)
  expect(finished.stderr).toBe('wadi: this is Node 20.1.0, and wadi needs Node 24 or newer: https://nodejs.org\n')
})

test('what the package declares of its sockets is what they are', () => {
  expectTypeOf<typeof wadiSockets>().toEqualTypeOf<typeof declared>()
})
