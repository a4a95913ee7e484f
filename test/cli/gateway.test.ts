import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Kafka, logLevel } from 'kafkajs'
import { expect, onTestFinished, test } from 'vitest'
import { startDoors } from '../gateway/https-doors.ts'

const start = (args: readonly string[], environment: NodeJS.ProcessEnv = {}) => {
  const child = spawn(process.execPath, ['lib/cli/main.ts', 'gateway', ...args], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let told = ''
  const port = Promise.withResolvers<number>()
  child.stderr.setEncoding('utf8').on('data', (text) => {
    told += text
    const found = /Kafka 127\.0\.0\.1:(\d+)/.exec(told)?.[1]
    if (found !== undefined) port.resolve(Number(found))
  })
  const ended = once(child, 'close').then(([status]) => ({ status, told }))
  /** The Kafka port, as soon as it is told. */
  const ready = (): Promise<number> =>
    Promise.race([port.promise, ended.then(({ told }) => Promise.reject(new Error(`it did not start: ${told}`)))])
  return { child, ended, ready }
}

test('a gateway to an API serves Kafka clients until it is told to stop', async () => {
  await using doors = await startDoors()
  const gateway = start(['--url', doors.url, '--port', '0'])
  const port = await gateway.ready()
  const admin = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  expect(await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 2 }] })).toBe(true)
  expect((await admin.describeCluster()).brokers).toEqual([{ nodeId: 1, host: '127.0.0.1', port }])
  await admin.disconnect()
  gateway.child.kill('SIGTERM')
  expect((await gateway.ended).status).toBe(0)
})

test.each([
  [[], 'neither --url nor --direct is given'],
  [['--url', 'ftp://x'], '--url is "ftp://x": it must begin with https:// or http://'],
  [['--url', 'http://127.0.0.1:1', '--direct'], 'only one of them is possible'],
  [['--url', 'http://127.0.0.1:1', '--port', 'x'], 'WADI_KAFKA_PORT is "x"'],
  [['--what'], "Unknown option '--what'"],
])('%j is answered with what is wrong and the usage', async (args, told) => {
  const { status, told: heard } = await start(args).ended
  expect(status).toBe(2)
  expect(heard).toContain(told)
  expect(heard).toContain('wadi gateway [flags]')
})

test('a credential that is not accepted is told before anybody connects', async () => {
  await using doors = await startDoors(`a:${'0'.repeat(64)}`)
  const { status, told } = await start(['--url', doors.url, '--port', '0', '--api-key', 'a:b']).ended
  expect(status).toBe(4)
  expect(told).toContain('does not accept the credential')
})

test('an API that is not there is told, and what to do', async () => {
  const { status, told } = await start(['--url', 'http://127.0.0.1:1', '--port', '0']).ended
  expect(status).toBe(1)
  expect(told).toContain('http://127.0.0.1:1/kafka/admin does not answer')
})

test('a URL that shows everything to the network on the way is warned of', async () => {
  const { status, told } = await start(['--url', 'http://0.0.0.0:1', '--port', '0', '--api-key', 'a:b']).ended
  expect(status).toBe(1)
  expect(told).toContain('use https://')
})
