import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { runWell } from '../lib/bench/process.ts'
import { settingsFrom } from '../lib/environment.ts'
import { apiTable } from '../lib/protocol/apis.ts'
import { wadiDev } from './support/dev-server.ts'
import { fetchTopic } from './support/fetch.ts'
import { skipWithout } from './support/tools.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const readme = readFileSync(`${root}/README.md`, 'utf8')

/** The code blocks of a language. */
const snippets = (language: string): readonly string[] =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(([, code]) => code ?? '')

const snippetWith = (language: string, word: string): string => {
  const found = snippets(language).find((code) => code.includes(word))
  if (found === undefined) throw new Error(`no ${language} snippet with ${word}`)
  return found
}

test('the table of APIs is that of the code', () => {
  const table = /<!-- apis[^>]*-->\n(.*?)<!-- \/apis -->/s.exec(readme)?.[1]
  expect(table?.trim()).toBe(apiTable())
})

test('every setting in the table has the default that the code has', () => {
  const rows = [...readme.matchAll(/^\| `(--[a-z-]+)` \| `(WADI_[A-Z_]+)` \| `?([^`|]+?)`? \|/gm)]
  const settings: Readonly<Record<string, unknown>> = settingsFrom({})
  expect(rows.map(([, flag]) => flag)).toEqual(['--kafka-port', '--http-port', '--data'])
  for (const [, flag = '', name = '', otherwise] of rows) {
    const setting = flag.slice(2).replace(/-(.)/, (_, letter: string) => letter.toUpperCase())
    expect(String(settings[setting])).toBe(otherwise)
    expect(settingsFrom({ [name]: '1' })).toMatchObject({ [setting]: setting === 'data' ? '1' : 1 })
  }
})

test('every npm script that is named exists', () => {
  const { scripts } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'))
  const named = [...readme.matchAll(/npm (?:run (\w+)|(start|test))/g)].map(([, run, short]) => run ?? short ?? '')
  expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([])
})

test('every file and folder that is named exists', () => {
  const named = [...readme.matchAll(/`((?:lib|test|\.ci)\/[\w./-]+)`/g)].map(([, path]) => path ?? '')
  expect(named.length).toBeGreaterThan(2)
  expect(named.filter((path) => !isThere(path))).toEqual([])
})

const isThere = (path: string): boolean => {
  try {
    readFileSync(`${root}/${path}`)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EISDIR'
  }
}

test('the KafkaJS snippet produces', async () => {
  const server = await wadiDev(['--memory'])
  const code = snippetWith('js', 'kafkajs').replace('127.0.0.1:9092', server.bootstrap)
  const args = ['--input-type=module', '--eval', `${code}\nawait producer.disconnect()`]
  await runWell(
    { command: process.execPath, args },
    { timeoutMs: 60_000, environment: { KAFKAJS_NO_PARTITIONER_WARNING: '1' } },
  )
  expect(await fetchTopic(server.bootstrap, 'orders')).toMatchObject([{ key: 'c9', value: '{"total":12}' }])
})

/** All of a section's commands, as one script. */
const scriptOf = (heading: string): string => {
  const section = new RegExp(`^## ${heading}\\n(.*?)(?=^## )`, 'ms').exec(readme)?.[1] ?? ''
  const blocks = [...section.matchAll(/^```sh\n(.*?)^```/gms)].map(([, code]) => code ?? '')
  if (blocks.length === 0) throw new Error(`no commands below ${heading}`)
  return blocks.join('')
}

test.skipIf(skipWithout('curl'))('the commands of the HTTP section do what they say', async () => {
  const server = await wadiDev(['--memory'])
  const script = scriptOf('HTTP').replaceAll('http://127.0.0.1:8080', server.httpUrl)
  const out = (await runWell({ command: 'bash', args: ['-ec', script] }, { timeoutMs: 60_000 })).toString()
  expect(out).not.toContain('urn:wadi:error')
  expect(out).toContain('"name":"orders"')
  expect(out).toContain('event: caught-up')
  expect(out).toContain('"dryRun":true')
  const [, lent] = out.split('"dryRun":true}')
  expect(lent).toMatch(/"lease":".*"records":\[\{/)
  expect(lent).toContain('"lag":')
})

test('the commands of the command line section do what they say', async () => {
  const server = await wadiDev(['--memory'])
  const wadi = `wadi() { "${process.execPath}" ${root}/lib/cli/main.ts "$@"; }\n`
  const script = scriptOf('Command line').replaceAll('127.0.0.1:9092', server.bootstrap)
  const environment = { WADI_URL: server.httpUrl, WADI_KAFKA_PORT: '0', WADI_HTTP_PORT: '0' }
  const out = (
    await runWell({ command: 'bash', args: ['-ec', wadi + script] }, { timeoutMs: 60_000, environment })
  ).toString()
  expect(out).toMatch(/^\d:0 c9 \{"id":1,"total":12\}$/m)
  expect(out).toMatch(/^payments$/m)
})

test.skipIf(skipWithout('kcat'))('the kcat snippet sends and reads a record', async () => {
  const server = await wadiDev(['--memory'])
  const code = snippetWith('sh', 'kcat').replaceAll('127.0.0.1:9092', server.bootstrap)
  const out = await runWell({ command: 'sh', args: ['-ec', code] }, { timeoutMs: 60_000 })
  expect(out.toString()).toBe('k1:hello\n')
})
