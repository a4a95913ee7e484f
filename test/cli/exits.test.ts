import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder, wadiDev } from '../support/dev-server.ts'
import { runCommand } from '../support/wadi-command.ts'

/** Whatever AWS's doors may say before anything of ours does. */
const doorThatSays = async (status: number, body: string, headers: Readonly<Record<string, string>> = {}) => {
  const seen: (string | undefined)[] = []
  const door = createServer((request, response) => {
    seen.push(request.headers.authorization)
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void door.close())
  await once(door, 'listening')
  const address = door.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { url: `http://127.0.0.1:${address.port}`, seen }
}

test.each([
  [403, '{"message":"Forbidden"}', 4, 'wadi topic ls: Forbidden Check --api-key'],
  [429, '{"message":"Too Many Requests"}', 6, 'wadi topic ls: Too Many Requests'],
  [504, '{"message":"Endpoint request timed out"}', 7, 'wadi topic ls: Endpoint request timed out'],
  [
    412,
    '{"detail":"It ends elsewhere.","code":"CONDITION_FAILED","requestId":"r1"}',
    5,
    'CONDITION_FAILED, request r1',
  ],
  [500, 'what?', 1, 'wadi topic ls: the server answered 500'],
])('status %i with %s ends with status %i', async (status, body, exit, says) => {
  // It is to be asked again later than there is time for: one answer is all.
  const { url } = await doorThatSays(status, body, { 'retry-after': '60' })
  const ran = await runCommand(['topic', 'ls', '--url', url, '--timeout', '4'])
  expect(ran).toMatchObject({ status: exit, out: '', err: expect.stringContaining(says) })
})

test('what is turned away is tried again until the time is over', async () => {
  const door = await doorThatSays(429, '{}')
  await runCommand(['topic', 'ls', '--url', door.url, '--timeout', '2'])
  expect(door.seen.length).toBeGreaterThan(1)
})

test('--iam signs with the credentials of this machine, and says so where it cannot', async () => {
  const door = await doorThatSays(200, '{"topics":[],"next":null}')
  const keys = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' }
  const wadi = (environment: Readonly<Record<string, string>>) =>
    runCommand(['topic', 'ls', '--url', door.url, '--iam'], { environment })
  expect(await wadi({ ...keys, AWS_REGION: 'eu-central-1' })).toMatchObject({ status: 0, err: '' })
  expect(door.seen).toEqual([expect.stringMatching(/^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d+\/eu-central-1\//)])
  const nowhere = await wadi(keys)
  expect(nowhere).toMatchObject({ status: 4, err: expect.stringContaining('set AWS_REGION') })
})

test('a server that says nothing is not waited for longer than --timeout', async () => {
  const door = createServer(() => {}).listen(0, '127.0.0.1')
  onTestFinished(() => door.closeAllConnections())
  onTestFinished(() => void door.close())
  await once(door, 'listening')
  const address = door.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const ran = await runCommand(['topic', 'ls', '--url', `http://127.0.0.1:${port}`, '--timeout', '0.5'])
  expect(ran).toMatchObject({ status: 7, err: expect.stringContaining('does not answer within 0.5 s') })
})

test('what a real server says has its status: not found, conflict, who asks', async () => {
  const token = 'secret-of-the-test'
  const sha256 = createHash('sha256').update(token).digest('hex')
  const server = await wadiDev(['--memory'], { WADI_API_KEYS: `shop:${sha256}` })
  const environment = { WADI_URL: server.httpUrl, WADI_API_KEY: token }
  const wadi = (...args: readonly string[]) => runCommand(args, { environment })
  expect(await wadi('topic', 'create', 'orders')).toMatchObject({ status: 0 })
  const missing = await wadi('topic', 'describe', 'ordes')
  expect(missing).toMatchObject({ status: 3, out: '' })
  expect(missing.err).toMatch(
    /^wadi topic describe: There is no topic "ordes"\. Did you mean "orders"\?\n {2}TOPIC_NOT_FOUND, request \S+\n$/,
  )
  const absent = await wadi('consume', 'absent', '--exit')
  expect(absent).toMatchObject({ status: 3, err: expect.stringContaining('`wadi topic create absent` creates it') })
  const differs = await wadi('topic', 'create', 'orders', '-p', '2')
  expect(differs).toMatchObject({ status: 5, err: expect.stringContaining('/partitions: it is 1, not 2') })
  expect(differs.err).toContain('`wadi topic alter orders` changes it')
  const refused = await runCommand(['topic', 'ls'], { environment: { WADI_URL: server.httpUrl } })
  expect(refused).toMatchObject({ status: 4, err: expect.stringContaining('UNAUTHENTICATED') })
  const named = await wadi('topic', 'ls', '--api-key', `shop:${token}`)
  expect(named.status).toBe(0)
})

test('where the server is comes from a flag, from the environment, from wadi.json, from the outputs of a stack', async () => {
  const server = await wadiDev(['--memory'])
  const folder = temporaryFolder()
  const nobody = 'http://127.0.0.1:9'
  const put = (file: string, content: unknown): void => writeFileSync(join(folder, file), JSON.stringify(content))
  const wadi = (args: readonly string[] = [], environment = {}) =>
    runCommand(['topic', 'ls', ...args], { folder, environment })

  put('cdk-outputs.json', { WadiStack: { ApiUrl: nobody } })
  expect(await wadi()).toMatchObject({ status: 1, err: expect.stringContaining('check cdk-outputs.json') })
  put('cdk-outputs.json', { WadiStack: { ApiUrl: `${server.httpUrl}/` } })
  expect((await wadi()).status).toBe(0)
  put('wadi.json', { url: nobody })
  expect(await wadi()).toMatchObject({ status: 1, err: expect.stringContaining('check wadi.json') })
  expect((await wadi([], { WADI_URL: server.httpUrl })).status).toBe(0)
  expect((await wadi(['--url', server.httpUrl], { WADI_URL: nobody })).status).toBe(0)
  put('wadi.json', 'no object')
  expect(await wadi()).toMatchObject({ status: 1, err: expect.stringContaining('wadi.json in this folder') })
})

test.each([
  [['topic', 'ls', '--what'], "Unknown option '--what'"],
  [['topic', 'ls', '-o', 'xml'], '-o is "xml": it must be table, json, ndjson or csv'],
  [['topic', 'ls', 'a', 'b'], '"b" is one argument too many'],
  [['topic', 'create'], '<topic> is missing: its name'],
  [['topic', 'create', 'a', '-p', 'two'], '--partitions is "two"'],
  [['topic', 'create', 'a', '-c', 'x'], '--config is "x": it must be name=value'],
  [['topic', 'alter', 'a'], 'nothing to change is given'],
  [['topic', 'trim', 'a'], 'one of --before and --before-time says what goes'],
  [['topic', 'trim', 'a', '--before', '7'], '--before is "7"'],
  [['topic', 'ls', '--url', 'ftp://x'], '--url says "ftp://x"'],
  [['topic', 'ls', '--timeout', 'soon'], '--timeout is "soon"'],
  [['produce', 'a', '-f', 'xml'], '--format is "xml"'],
  [['produce', 'a', '-H', 'x'], '--header is "x"'],
  [['produce', 'a', '--rate', 'fast'], '--rate is "fast"'],
  [['consume', 'a', '-o', 'there'], '--offset is "there"'],
  [['consume', 'a', '-n', '0'], '--count is "0"'],
  [['consume', 'a', '-f', '%z'], '--format has "%z"'],
  [['consume', 'a', '-g', 'b', '-o', 'end'], '--offset is not possible with --group'],
  [['group', 'seek', 'a'], '--to is missing'],
  [['group', 'lag', 'a', '--watch', '--every', 'x'], '--every is "x"'],
  [['completion', 'cmd'], '"cmd" is not known'],
  [['bench', '--only', 'java'], '--only is "java"'],
])('%j is a mistake in the usage: status 2', async (args, says) => {
  const ran = await runCommand(args)
  expect(ran).toMatchObject({ status: 2, out: '' })
  expect(ran.err).toContain(says)
  expect(ran.err).toContain(`\n\nwadi ${args[0]} `)
})

test('nobody at the place where a server would be is told with how to start one', async () => {
  const ran = await runCommand(['topic', 'ls', '--url', 'http://127.0.0.1:9'])
  expect(ran).toMatchObject({ status: 1, err: expect.stringContaining('there is no server at http://127.0.0.1:9') })
  expect(ran.err).toContain('`wadi dev` starts a server on this machine')
})

test.each([
  [200, '<!doctype html><html></html>', {}],
  [404, '<!doctype html><html></html>', {}],
  [302, '', { location: 'https://example.org/' }],
])('whoever answers with %i and is no Wadi is told so after one request', async (status, body, headers) => {
  const door = await doorThatSays(status, body, { 'content-type': 'text/html', ...headers })
  const ran = await runCommand(['topic', 'ls', '--url', door.url])
  expect(ran).toMatchObject({ status: 1, err: expect.stringContaining(`${door.url} answers, but is no Wadi`) })
  expect(ran.err).toContain('check --url')
  expect(door.seen).toHaveLength(1)
})
