import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { wadiDev } from '../support/dev-server.ts'
import { createBucket, createTable, environmentOf, startEmulator } from '../support/emulator.ts'
import { temporaryFile } from '../support/tools.ts'
import { linesOf, runCommand } from '../support/wadi-command.ts'

const doctor = async (environment: Readonly<Record<string, string>>, ...args: readonly string[]) => {
  const { status, out } = await runCommand(['doctor', ...args], { environment })
  const findings = Object.fromEntries(
    linesOf(out).map((line) => {
      if (typeof line !== 'object' || line === null || !('check' in line)) throw new Error('no finding')
      return [String(line.check), line]
    }),
  )
  return { status, findings }
}

/** Nobody is there, and it is nobody's default. */
const freePorts = { WADI_KAFKA_PORT: '9', WADI_HTTP_PORT: '9' }

test('where all is well every line says so, and the status is 0', async () => {
  const server = await wadiDev(['--memory'])
  const { status, findings } = await doctor({ ...freePorts, WADI_URL: server.httpUrl })
  expect(findings).toMatchObject({
    node: { state: 'ok', says: expect.stringContaining(process.versions.node) },
    data: { state: 'ok', says: expect.stringContaining('.wadi is made by the first wadi dev') },
    'Kafka port': { state: 'ok', says: '9 is free' },
    server: { state: 'ok', says: expect.stringContaining('from WADI_URL: wadi 0.1.0') },
    clock: { state: 'ok' },
    aws: { state: 'ok' },
  })
  expect(status).toBe(0)
  const table = await runCommand(['doctor', '-o', 'table', '--url', server.httpUrl], { environment: freePorts })
  expect(table.out).toMatch(/^ok {4}node {8}wadi /)
})

test('a server that was named and is not there fails', async () => {
  const named = await doctor({ ...freePorts, WADI_URL: 'http://127.0.0.1:9' })
  expect(named).toMatchObject({ status: 1, findings: { server: { state: 'fail', todo: expect.any(String) } } })
})

test('a port that somebody has, a folder that cannot be written and a clock that is wrong are told with what to do', async () => {
  const other = createTcpServer().listen(0, '127.0.0.1')
  onTestFinished(() => void other.close())
  await once(other, 'listening')
  const address = other.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const late = createServer((request, response) => {
    response.writeHead(200, { date: 'Thu, 01 Jan 2026 00:00:00 GMT', 'content-type': 'application/json' })
    response.end(request.url === '/v1/version' ? '{"name":"wadi","version":"0.0.1"}' : '{"topics":[],"next":null}')
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void late.close())
  await once(late, 'listening')
  const there = late.address()
  const url = `http://127.0.0.1:${typeof there === 'object' ? there?.port : ''}`
  const { status, findings } = await doctor(
    { ...freePorts, WADI_KAFKA_PORT: String(port), WADI_DATA: temporaryFile('file', '') },
    '--url',
    url,
  )
  expect(status).toBe(1)
  expect(findings).toMatchObject({
    'Kafka port': { state: 'warn', todo: expect.stringContaining('--kafka-port') },
    data: { state: 'fail', todo: expect.stringContaining('--data') },
    server: { state: 'warn', says: expect.stringContaining('wadi 0.0.1') },
    clock: { state: 'fail', todo: 'set this clock by NTP' },
  })
})

test('table and bucket are asked where AWS is used, and what is missing is named', async () => {
  const emulator = await startEmulator()
  onTestFinished(() => emulator.close())
  await createTable(emulator.dynamo, 'wadi')
  await createBucket(emulator.s3, 'wadi')
  const environment = { ...freePorts, ...environmentOf(emulator) }
  const well = await doctor(environment)
  expect(well.findings).toMatchObject({
    credentials: { state: 'ok' },
    region: { state: 'ok', says: 'us-east-1' },
    table: { state: 'ok' },
    bucket: { state: 'ok' },
  })
  const gone = await doctor({ ...environment, WADI_TABLE: 'gone', WADI_BUCKET: 'gone' })
  expect(gone).toMatchObject({
    status: 1,
    findings: {
      table: { state: 'fail', says: expect.stringContaining('the table gone') },
      bucket: { state: 'fail', says: expect.stringContaining('the bucket gone') },
    },
  })
  expect(await doctor({ ...environment, AWS_REGION: '' })).toMatchObject({
    status: 1,
    findings: { region: { state: 'fail' } },
  })
})
