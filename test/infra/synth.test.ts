import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { bundleFile, functionNames } from '../../lib/infra/bundle.ts'
import { cdk } from './cdk.ts'

/** Whatever goes to a proxy goes nowhere. */
const offline = {
  HTTP_PROXY: 'http://127.0.0.1:1',
  HTTPS_PROXY: 'http://127.0.0.1:1',
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
}

test('without a network and without an account there is a template, and code for each function', {
  timeout: 120_000,
}, async () => {
  const output = mkdtempSync(join(tmpdir(), 'wadi-cdk-'))
  onTestFinished(() => rmSync(output, { recursive: true }))
  await cdk(['synth', '--quiet', '--output', output], offline)
  const { Resources, Outputs } = JSON.parse(readFileSync(join(output, 'Wadi.template.json'), 'utf8'))
  expect(Object.keys(Resources).length).toBeGreaterThan(40)
  expect(Object.keys(Outputs)).toContain('ApiUrl')
  const assets = readdirSync(output).filter((name) => name.startsWith('asset.'))
  const bundles = assets.map((asset) => readFileSync(join(output, asset, bundleFile)))
  const hashes = bundles.map((bundle) => createHash('sha256').update(bundle).digest('hex'))
  expect(new Set(hashes).size).toBe(functionNames.length)
  const documents = assets.map((asset) => join(output, asset, 'openapi.json')).filter(existsSync)
  const [document = ''] = documents
  expect(documents.length).toBe(1)
  expect(JSON.parse(readFileSync(document, 'utf8')).paths).toHaveProperty('/v1/topics')
})
