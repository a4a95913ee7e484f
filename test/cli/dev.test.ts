import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { kafkaJs, withAdmin } from '../support/admin.ts'
import { temporaryFolder, wadi, wadiDev } from '../support/dev-server.ts'
import { createTable, environmentOf, startEmulator } from '../support/emulator.ts'
import { fetchTopic } from '../support/fetch.ts'

test('it says when it is ready, answers health and version, and ends with status 0 on SIGTERM and SIGINT', async () => {
  const data = join(temporaryFolder(), 'data')
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const server = await wadiDev(['--data', data], { WADI_COMMIT: 'abc1234' })
    expect(server.said()).toContain(`records   in ${data}`)
    expect(server.said()).toContain(`kcat -P -b ${server.bootstrap} -t first`)
    const get = async (path: string): Promise<unknown> => (await fetch(`${server.httpUrl}${path}`)).json()
    expect(await get('/healthz')).toEqual({ status: 'ok' })
    expect(await get('/readyz')).toEqual({ status: 'ready' })
    expect(await get('/v1/version')).toMatchObject({ name: 'wadi', version: '0.1.0', commit: 'abc1234' })
    server.kill(signal)
    expect(await server.ended).toEqual({ status: 0, signal: null })
  }
})

test('one Ctrl-C that arrives twice, as below npm, is one', async () => {
  const server = await wadiDev(['--memory'])
  server.kill('SIGINT')
  server.kill('SIGTERM')
  expect(await server.ended).toEqual({ status: 0, signal: null })
})

test('it writes no colours where nobody sees them', async () => {
  expect((await wadiDev(['--memory'])).said()).not.toContain('\x1b')
})

test('what was acknowledged is there after kill -9', async () => {
  const data = join(temporaryFolder(), 'data')
  const first = await wadiDev(['--data', data])
  await withAdmin(first.bootstrap, (admin) => admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 2 }] }))
  const producer = kafkaJs(first.bootstrap).producer()
  await producer.connect()
  const values = Array.from({ length: 300 }, (_, i) => `order ${i}`)
  for (let i = 0; i < values.length; i += 10) {
    const messages = values.slice(i, i + 10).map((value) => ({ value, partition: i % 2 }))
    await producer.send({ topic: 'orders', messages })
  }
  first.kill('SIGKILL')
  await first.ended
  await producer.disconnect().catch(() => {})
  const second = await wadiDev(['--data', data])
  const read = async () => (await fetchTopic(second.bootstrap, 'orders')).map(({ value }) => value).toSorted()
  expect(await read()).toEqual(values.toSorted())
  const flushed = await fetch(`${second.httpUrl}/v1/maintenance:run?flush=true`, { method: 'POST' })
  expect(await flushed.json()).toMatchObject({ flushes: 1, errors: 0 })
  expect(await read()).toEqual(values.toSorted())
})

test('a port in use is named, with what to do, and the status is 1', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const address = other.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  for (const flag of ['--kafka-port', '--http-port']) {
    const server = wadi(['dev', '--memory', '--kafka-port', '0', '--http-port', '0', flag, String(address.port)])
    expect((await server.ended).status).toBe(1)
    expect(server.said()).toBe(
      `wadi dev: port ${address.port} on 127.0.0.1 is in use: stop what listens there, or choose another with --kafka-port or --http-port\n`,
    )
  }
  other.close()
})

test('a folder that cannot be used is named, with what to do, and the status is 1', async () => {
  const folder = temporaryFolder()
  const newer = join(folder, 'newer')
  mkdirSync(newer)
  writeFileSync(join(newer, 'format'), '99\n')
  const file = join(folder, 'file')
  writeFileSync(file, 'not a folder')
  const foreign = join(folder, 'foreign')
  mkdirSync(foreign)
  writeFileSync(join(foreign, 'letter.txt'), 'dear')
  const used = join(folder, 'used')
  await wadiDev(['--data', used])
  const expected = [
    [newer, /has format 99, this build knows 1: start the build that wrote it/],
    [file, /cannot write to the folder .*file .*: make it writable, or name another/],
    [foreign, /holds letter\.txt and is not one of ours/],
    [used, /is in use by process \d+: stop that one, or name another folder/],
  ] as const
  for (const [data, message] of expected) {
    const server = wadi(['dev', '--kafka-port', '0', '--http-port', '0', '--data', data])
    expect((await server.ended).status).toBe(1)
    expect(server.said()).toMatch(message)
    expect(server.said().split('\n')).toHaveLength(2)
  }
})

test('a table or bucket that is not there is named, with what to do, and the status is 1', async () => {
  const emulator = await startEmulator()
  await createTable(emulator.dynamo, 'there')
  const environment = environmentOf(emulator)
  const dev = ['dev', '--kafka-port', '0', '--http-port', '0']
  const [noTable, noBucket] = [
    wadi(dev, { ...environment, WADI_TABLE: 'gone' }),
    wadi(dev, { ...environment, WADI_TABLE: 'there', WADI_BUCKET: 'gone' }),
  ]
  expect((await noTable.ended).status).toBe(1)
  expect((await noBucket.ended).status).toBe(1)
  expect(noTable.said()).toMatch(/^wadi dev: the table gone: there is no such table: deploy it/)
  expect(noBucket.said()).toMatch(/^wadi dev: the bucket gone: there is no such bucket: deploy it/)
  await emulator.close()
})

test('settings come from flags, then from the environment', async () => {
  const data = join(temporaryFolder(), 'from-environment')
  expect((await wadiDev([], { WADI_DATA: data })).said()).toContain(`in ${data}`)
  expect((await wadiDev(['--memory'], { WADI_DATA: data })).said()).toContain('gone when it stops')
})

test.each([
  { args: ['dev', '--kafka-port', 'many'], says: /WADI_KAFKA_PORT is "many": it must be a whole number/ },
  { args: ['dev', '--port', '1'], says: /Unknown option '--port'/ },
  { args: ['devv'], says: /there is no command "devv"; wadi help lists them/ },
  { args: [], says: /wadi dev +A server on this machine/ },
])('$args is a mistake in the usage: status 2', async ({ args, says }) => {
  const process = wadi(args)
  expect((await process.ended).status).toBe(2)
  expect(process.said()).toMatch(says)
})

test.each([['help'], ['--help'], ['dev', '--help'], ['--version']])(
  'wadi %s %s ends with status 0',
  async (...args) => {
    expect((await wadi(args).ended).status).toBe(0)
  },
)
