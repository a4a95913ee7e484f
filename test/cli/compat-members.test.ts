import { expect, test } from 'vitest'
import { run } from '../../lib/bench/process.ts'
import { makeBroker } from '../../lib/broker/make-broker.ts'
import { realClock } from '../../lib/clock.ts'
import { startGateway } from '../../lib/gateway/server.ts'
import { brokerWorld } from '../broker/world.ts'
import { createTopic, endOffsetsOf } from '../support/admin.ts'
import { compat, compatProgram } from '../support/compat.ts'
import { temporaryFolder, wadi, wadiDev } from '../support/dev-server.ts'
import { kcat, shortKafkaProgram, skipWithout, temporaryFile } from '../support/tools.ts'

const timeout = 60_000

/** What a verifiable consumer has told so far. */
const eventsOf = (said: string) =>
  said
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))

test.for(['classic', 'consumer'])(
  'members of the %s protocol share partitions, and one that ends leaves them to the others',
  { timeout },
  async (protocol) => {
    const server = await wadiDev(['--memory'])
    await createTopic(server.bootstrap, { topic: 'shared', partitions: 2 })
    const at = ['--bootstrap-server', server.bootstrap, '--topic', 'shared']
    const flags = ['--group-id', 'all', '--group-protocol', protocol, '--session-timeout', '10000']
    const start = () => wadi(['compat', 'kafka-verifiable-consumer', ...at, ...flags])
    const first = start()
    await first.says(/partitions_assigned.*"partition":0.*"partition":1/)
    const second = start()
    await first.says(/partitions_revoked/)
    await second.says(/partitions_assigned/)
    if (protocol === 'classic') await first.says(/partitions_assigned[^\n]*\n.*partitions_assigned[^\n]*\n/s)
    const produce = () => compat('kafka-verifiable-producer', [...at, '--max-messages', '20', '--repeating-keys', '20'])
    expect((await produce()).status).toBe(0)
    const counted = () => {
      const events = eventsOf(first.said() + second.said()).filter(({ name }) => name === 'records_consumed')
      return events.reduce((sum, { count }) => sum + count, 0)
    }
    await expect.poll(counted, { timeout: 30_000 }).toBe(20)
    for (const one of [first, second])
      expect(eventsOf(one.said()).some(({ name }) => name === 'records_consumed')).toBe(true)
    first.kill('SIGTERM')
    expect(await first.ended).toEqual({ status: 0, signal: null })
    expect(first.said()).toContain('shutdown_complete')
    // To both partitions, and who is left reads them.
    await produce()
    await expect.poll(counted, { timeout: 30_000 }).toBe(40)
  },
)

test.skipIf(skipWithout('kafka'))(
  'a member shares partitions with one of Kafka’s own client',
  { timeout: 120_000 },
  async () => {
    const server = await wadiDev(['--memory'])
    await createTopic(server.bootstrap, { topic: 'shared', partitions: 2 })
    const flags = ['--bootstrap-server', server.bootstrap, '--topic', 'shared', '--group-id', 'all']
    const own = wadi(['compat', 'kafka-verifiable-consumer', ...flags])
    await own.says(/partitions_assigned.*"partition":0.*"partition":1/)
    const theirs = run(shortKafkaProgram('kafka-verifiable-consumer', [...flags, '--max-messages', '5']), {
      timeoutMs: 100_000,
    })
    await own.says(/partitions_revoked.*partitions_assigned/s)
    const at = ['--bootstrap-server', server.bootstrap, '--topic', 'shared']
    await compat('kafka-verifiable-producer', [...at, '--max-messages', '40', '--repeating-keys', '40'])
    const { status, stdout } = await theirs
    const assigned = eventsOf(stdout.toString()).find(({ name }) => name === 'partitions_assigned')
    expect([status, assigned.partitions.length]).toEqual([0, 1])
    // It has left, and what it has not committed comes to the other.
    await own.says(/partitions_revoked.*partitions_revoked.*"partition":0.*"partition":1/s)
    const committed = async () => {
      const { stdout: described } = await compat('kafka-consumer-groups', [
        ...['--bootstrap-server', server.bootstrap, '--describe', '--group', 'all'],
      ])
      const rows = described.toString().trim().split('\n').slice(1)
      return rows.reduce((sum, row) => sum + Number(row.split(/\s+/)[3]), 0)
    }
    await expect.poll(committed, { timeout: 30_000, interval: 500 }).toBe(40)
  },
)

test('what is produced under every compression is read by everybody', { timeout }, async () => {
  const server = await wadiDev(['--memory'])
  const at = ['--bootstrap-server', server.bootstrap]
  const lines = Array.from({ length: 3000 }, (_, i) => `line ${i} ${'x'.repeat(i % 97)}\n`)
  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
    const topic = `lines-${codec}`
    const sent = await compat(
      'kafka-console-producer',
      [...at, '--topic', topic, '--compression-codec', codec],
      lines.join(''),
    )
    expect([sent.status, sent.stderr]).toEqual([0, ''])
    expect(await endOffsetsOf(server.bootstrap, topic)).toBe(lines.length)
    const read = await compat('kafka-console-consumer', [
      ...[...at, '--topic', topic, '--partition', '0', '--offset', 'earliest', '--max-messages', String(lines.length)],
    ])
    expect(read.stdout.toString() === lines.join('')).toBe(true)
    if (!skipWithout('kcat')) {
      const out = await kcat(['-C', '-b', server.bootstrap, '-t', topic, '-o', 'beginning', '-e', '-q'])
      expect(out.toString() === lines.join('')).toBe(true)
    }
  }
})

test('records are written once although the server is killed and comes back', { timeout: 120_000 }, async () => {
  const data = temporaryFolder()
  const first = await wadiDev(['--data', data])
  const { kafkaPort, bootstrap } = first
  await createTopic(bootstrap, { topic: 'numbers' })
  const producer = wadi([
    ...['compat', 'kafka-verifiable-producer', '--bootstrap-server', bootstrap, '--topic', 'numbers'],
    ...['--max-messages', '600', '--throughput', '200'],
  ])
  await producer.says(/"value":"100"/)
  first.kill('SIGKILL')
  await first.ended
  const again = wadi(['dev', '--kafka-port', String(kafkaPort), '--http-port', '0', '--data', data])
  await again.says(/Ctrl-C stops it/)
  expect((await producer.ended).status).toBe(0)
  expect(producer.said()).not.toContain('producer_send_error')
  const read = await compat('kafka-console-consumer', [
    ...['--bootstrap-server', bootstrap, '--topic', 'numbers', '--partition', '0', '--offset', 'earliest'],
    ...['--max-messages', '601', '--timeout-ms', '3000'],
  ])
  expect(read.stdout.toString()).toBe(Array.from({ length: 600 }, (_, i) => `${i}\n`).join(''))
})

test('a file of client properties says user and password', { timeout }, async () => {
  const { context } = brokerWorld()
  const broker = makeBroker(context)
  const gateway = await startGateway({
    broker: async () => [],
    authenticate: async ({ username, password }) => (username === 'ada' && password === 'secret' ? broker : undefined),
    timer: realClock,
    watch: () => () => {},
    pollMs: 1000,
    host: '127.0.0.1',
    port: 0,
    log: () => {},
  })
  const list = (password: string) => {
    const jaas = `PlainLoginModule required \\\n  username="ada" password="${password}";`
    const text = `# who\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism = PLAIN\nsasl.jaas.config=${jaas}\n`
    const file = temporaryFile('client.properties', text)
    const at = ['--bootstrap-server', `127.0.0.1:${gateway.port}`, '--command-config', file]
    return run(compatProgram('kafka-topics', [...at, '--create', '--topic', `of-${password}`]), { timeoutMs: timeout })
  }
  try {
    expect((await list('secret')).stdout.toString()).toBe('Created topic of-secret.\n')
    const refused = await list('wrong')
    expect([refused.status, refused.stderr]).toEqual([4, expect.stringContaining('Authentication failed')])
  } finally {
    await gateway.stop()
  }
})

test('a tool that is not there is told with those that are', async () => {
  const unknown = await compat('kafka-reassign-partitions', [])
  expect([unknown.status, unknown.stderr]).toEqual([2, expect.stringContaining('kafka-consumer-groups')])
  const script = await compat('kafka-topics.sh', ['--help'])
  expect([script.status, script.stderr]).toEqual([0, expect.stringContaining('--bootstrap-server')])
})
