import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { run } from '../../lib/bench/process.ts'
import { wadiDev } from '../support/dev-server.ts'
import { skipWithout } from '../support/tools.ts'
import { runCommand } from '../support/wadi-command.ts'

const main = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url))

test.skipIf(skipWithout('script'))('a terminal gets tables with colours, and none of them with NO_COLOR', async () => {
  const server = await wadiDev(['--memory'])
  const url = { WADI_URL: server.httpUrl }
  await runCommand(['topic', 'create', 'orders'], { environment: url })
  await runCommand(['produce', 'orders', '-k', 'c9'], { environment: url, input: 'one\n' })
  const onTerminal = async (line: string, environment: Readonly<Record<string, string>>) => {
    const args = ['-qec', `'${process.execPath}' '${main}' ${line}`, '/dev/null']
    const { stdout } = await run({ command: 'script', args }, { timeoutMs: 30_000, environment })
    // Escapes as people write them.
    return stdout.toString().replaceAll('\r\n', '\n').replaceAll('\x1b', '^')
  }
  const pretty = { ...url, NO_COLOR: '' }
  const plain = { ...url, NO_COLOR: '1' }
  expect(await onTerminal('topic ls', pretty)).toMatch(/^\^\[1mTOPIC +PARTITIONS .*\^\[22m\norders +1 +auto /)
  expect(await onTerminal('topic ls', plain)).toMatch(/^TOPIC +PARTITIONS .*\norders +1 +auto /)
  expect(await onTerminal('consume orders -e -q', pretty)).toMatch(/^\^\[2morders {2}0:0 .*\^\[22m {2}c9 {2}one\n$/)
  expect(await onTerminal('consume orders -e -q', plain)).toMatch(/^orders {2}0:0 .* {2}c9 {2}one\n$/)
})
