import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { functionNames, maxBundleBytes } from '../../lib/infra/bundle.ts'
import { temporaryFolder } from '../support/dev-server.ts'
import { bundleFunctions } from '../support/function-bundles.ts'
import { environmentOfBundle } from '../support/lambda-environment.ts'

const folder = fileURLToPath(new URL('../../functions', import.meta.url))
const maxLines = 30

test('there is one short file for each function, and none beside them', () => {
  const files = readdirSync(folder).filter((file) => file.endsWith('.ts'))
  expect(files.toSorted()).toEqual(functionNames.map((name) => `${name}.ts`).toSorted())
  for (const file of files) {
    const lines = readFileSync(join(folder, file), 'utf8').split('\n').length
    expect([file, lines <= maxLines]).toEqual([file, true])
  }
})

test(`no bundle has more than ${maxBundleBytes} bytes`, async () => {
  using bundles = await bundleFunctions(functionNames)
  for (const name of functionNames) expect([name, bundles.of(name).bytes <= maxBundleBytes]).toEqual([name, true])
})

test('the host sees what goes on after an answer', async () => {
  const file = join(temporaryFolder(), 'index.cjs')
  writeFileSync(
    file,
    'exports.handler = async ({ floats }) => { if (floats) setTimeout(() => {}, 10_000); return floats }',
  )
  const environment = await environmentOfBundle(file, {})
  try {
    expect(await environment.invoke({ floats: false }, { timeoutMs: 1000 })).toBe(false)
    expect(environment.floating).toEqual([])
    expect(await environment.invoke({ floats: true }, { timeoutMs: 1000 })).toBe(true)
    expect(environment.floating).toEqual(['Timeout'])
  } finally {
    await environment.end()
  }
})

test('every part of the HTTP API is served by a function', () => {
  const everyPart = readFileSync(join(folder, '..', 'lib', 'http', 'every-part.ts'), 'utf8')
  const parts = [...new Set(everyPart.match(/\b\w+Routes\b/g))]
  const functions = functionNames.map((name) => readFileSync(join(folder, `${name}.ts`), 'utf8')).join('')
  expect(parts.length).toBeGreaterThan(1)
  expect(parts.filter((part) => !functions.includes(`{ ${part} }`))).toEqual([])
})
