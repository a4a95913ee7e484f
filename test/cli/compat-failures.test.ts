import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { compat } from '../support/compat.ts'
import { wadiDev } from '../support/dev-server.ts'
import { listening } from '../support/loopback.ts'
import { temporaryFile } from '../support/tools.ts'

const timeout = 60_000

/** Accepts everybody, and says nothing. */
const silence = (): Promise<string> => listening(createServer())

const tools: readonly (readonly [string, ...string[]])[] = [
  ['kafka-topics', '--list'],
  ['kafka-verifiable-producer', '--topic', 't', '--max-messages', '1'],
  ['kafka-verifiable-consumer', '--topic', 't', '--group-id', 'g'],
]

test.each(tools)('%s at a port where something else answers says so at once', { timeout }, async (tool, ...args) => {
  const address = await listening(createHttpServer())
  const { status, stderr } = await compat(tool, ['--bootstrap-server', address, ...args])
  expect([status, stderr]).toEqual([
    1,
    `wadi compat: ${address} is no Kafka broker: check --bootstrap-server, and its port\n`,
  ])
})

test.each(tools)('%s ends where a server accepts and says nothing', { timeout }, async (tool, ...args) => {
  const address = await silence()
  const limits = 'request.timeout.ms=200\ndefault.api.timeout.ms=500\ndelivery.timeout.ms=500\n'
  const file = temporaryFile('client.properties', limits)
  const { status, stderr } = await compat(tool, ['--bootstrap-server', address, '--command-config', file, ...args])
  const told = `TimeoutException: ${address} does not answer ApiVersions within 0.2 s`
  expect([status, stderr]).toEqual([1, expect.stringContaining(told)])
  expect(stderr.trim()).not.toContain('\n')
})

test.each([
  ['/nope', 'wadi compat: /nope cannot be read (ENOENT'],
  ['@request.timeout.ms=soon', 'request.timeout.ms=soon is no number of milliseconds'],
  ['@security.protocol=SSL\nssl.truststore.location=/nope', 'ssl.truststore.location=/nope cannot be read'],
])('%j as a file of client properties is told in a line', { timeout }, async (given, told) => {
  const file = given.startsWith('@') ? temporaryFile('client.properties', given.slice(1)) : given
  const { status, stderr } = await compat('kafka-topics', [
    ...['--bootstrap-server', '127.0.0.1:9', '--command-config', file, '--list'],
  ])
  expect([status, stderr]).toEqual([1, expect.stringContaining(told)])
  expect(stderr.trim()).not.toContain('\n')
})

test('what a broker refuses to a verifiable consumer is told in Kafka’s words', { timeout }, async () => {
  const { bootstrap } = await wadiDev(['--memory'])
  const { status, stderr } = await compat('kafka-verifiable-consumer', [
    ...['--bootstrap-server', bootstrap, '--topic', 't', '--group-id', 'g', '--session-timeout', '1'],
  ])
  expect([status, stderr]).toEqual([1, expect.stringContaining('The session timeout is not within the range')])
  expect(stderr).toMatch(/^org\.apache\.kafka\.common\.errors\.InvalidSessionTimeoutException: .*\n$/)
})
