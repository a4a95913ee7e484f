import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { wadiSockets } from '../../lib/kafkajs.ts'
import { wadi } from '../support/dev-server.ts'
import { anybody } from '../support/emulator.ts'
import { readWithKcat, sendWithKcat } from '../support/kcat-records.ts'
import { skipWithout } from '../support/tools.ts'
import { cdk } from './cdk.ts'

const endpoint = process.env['AWS_ENDPOINT_URL'] ?? ''
if (endpoint === '') process.stderr.write('skipped: the deployment needs an emulator at AWS_ENDPOINT_URL\n')

type Outputs = Readonly<Record<'ApiUrl' | 'KafkaUrl' | 'TableName' | 'BucketName' | 'Version', string>>

/** The token that stacks in emulators let in. */
const apiKey = 'local'
const stackName = 'WadiDeployTest'
const adoptingName = 'WadiAdoptTest'
const environment = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: anybody.region }

/** The commands of the README, for a stack that the emulator runs; each takes its time on a busy machine. */
describe.skipIf(endpoint === '')('a stack that is deployed', { timeout: 240_000 }, () => {
  let folder: string
  let outputs: Outputs

  const command = (name: string, context: Readonly<Record<string, string>>, ...args: readonly string[]) => {
    const all = { local: 'true', stack: stackName, endpoint, ...context }
    const pairs = Object.entries(all).flatMap(([key, value]) => ['--context', `${key}=${value}`])
    return cdk([name, ...pairs, '--output', join(folder, 'cdk.out'), ...args], environment)
  }
  const deploy = async (context: Readonly<Record<string, string>>): Promise<Outputs> => {
    const file = join(folder, 'outputs.json')
    await command('deploy', context, '--require-approval', 'never', '--outputs-file', file)
    return JSON.parse(readFileSync(file, 'utf8'))[context['stack'] ?? stackName]
  }
  /** By its name: ministack does nothing, and says nothing, when a stack is to be deleted by its id, as the command does. */
  const remove = async (name: string): Promise<void> => {
    const authorization = 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/cloudformation/aws4_request'
    const body = new URLSearchParams({ Action: 'DeleteStack', Version: '2010-05-15', StackName: name })
    expect((await fetch(endpoint, { method: 'POST', headers: { authorization }, body })).status).toBe(200)
  }
  const isThere = async ({ ApiUrl }: Outputs): Promise<boolean> => (await fetch(`${ApiUrl}/healthz`)).ok

  const kafka = ({ ApiUrl: url }: Outputs): Kafka => {
    const socketFactory = wadiSockets({ url, apiKey })
    return new Kafka({ brokers: ['wadi:9092'], socketFactory, logLevel: logLevel.NOTHING })
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'wadi-deploy-'))
    await command('bootstrap', {})
    outputs = await deploy({})
  }, 240_000)

  afterAll(async () => {
    rmSync(folder, { recursive: true })
    for (const name of [adoptingName, stackName]) await remove(name)
  })

  test('prints where it is', () => {
    expect(outputs).toMatchObject({ KafkaUrl: `${outputs.ApiUrl}/kafka`, Version: expect.stringMatching(/^\d/) })
  })

  test.each([
    ['without a key', {}],
    ['with a wrong key', { authorization: 'Bearer wrong' }],
  ])('refuses who comes %s, at every door', async (_, headers) => {
    for (const path of ['/kafka/produce', '/kafka/fetch', '/kafka/admin', '/kafka/groups', '/v1/topics/t/records']) {
      const answer = await fetch(outputs.ApiUrl + path, { method: 'POST', headers, body: 'x' })
      expect([path, answer.status]).toEqual([path, 401])
      expect(answer.headers.get('content-type')).toBe('application/problem+json')
      expect(await answer.json()).toMatchObject({ code: 'UNAUTHENTICATED', status: 401 })
    }
  })

  test('describes its routes', async () => {
    const answer = await fetch(`${outputs.ApiUrl}/openapi.json`, { headers: { authorization: `Bearer ${apiKey}` } })
    expect(await answer.json()).toMatchObject({ openapi: '3.1.0' })
  })

  test('KafkaJS creates a topic, produces and consumes through it, with no TCP at all', async () => {
    const admin = kafka(outputs).admin()
    await admin.connect()
    expect(await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 3 }] })).toBe(true)
    const producer = kafka(outputs).producer({ idempotent: true })
    await producer.connect()
    const sent = ['inline', 'object '.repeat(20_000), 'zürich\n']
    for (const value of sent) await producer.send({ topic: 'orders', messages: [{ key: 'k', value }] })
    await producer.disconnect()
    expect(await consumed(outputs, 'billing', sent.length)).toEqual(sent)
    const [committed] = await admin.fetchOffsets({ groupId: 'billing', topics: ['orders'] })
    expect(committed?.partitions.map(({ offset }) => offset).toSorted()).toEqual(['-1', '-1', '3'])
    await admin.disconnect()
  })

  test.skipIf(skipWithout('kcat'))('kcat does, through the gateway', async () => {
    const gateway = wadi(['gateway', '--url', outputs.ApiUrl, '--api-key', apiKey, '--port', '0'])
    const [, bootstrap = ''] = await gateway.says(/(127\.0\.0\.1:\d+)/)
    const records = Array.from({ length: 100 }, (_, i) => ({ key: `k${i % 7}`, value: `value ${i}` }))
    expect((await sendWithKcat({ bootstrap, topic: 'from-kcat' }, records)).status).toBe(0)
    expect(await readWithKcat(bootstrap, 'from-kcat')).toEqual(records)
    gateway.kill('SIGTERM')
    await gateway.ended
  })

  test('maintenance runs, and nothing fails', async () => {
    const listed = await fetch(`${endpoint}/2015-03-31/functions/`)
    const [name] = new RegExp(`${stackName}-WadiMaintenance[\\w-]+`).exec(await listed.text()) ?? []
    const url = `${endpoint}/2015-03-31/functions/${name}/invocations`
    const answer = await fetch(url, { method: 'POST', body: '{}' })
    expect(await answer.json()).toMatchObject({ flushes: expect.any(Number), errors: 0 })
  })

  test('another stack takes over its table and its bucket, with all that is in them', async () => {
    const { TableName: existingTable, BucketName: existingBucket } = outputs
    const adopting = { stack: adoptingName, existingTable, existingBucket }
    const adopted = await deploy(adopting)
    expect(adopted).toMatchObject({ TableName: existingTable, BucketName: existingBucket })
    expect(adopted.ApiUrl).not.toBe(outputs.ApiUrl)
    expect(await consumed(adopted, 'later', 3)).toHaveLength(3)
    await remove(adoptingName)
    expect(await isThere(adopted)).toBe(false)
    expect(await consumed(outputs, 'last', 3)).toHaveLength(3)
  })

  test('removed, nothing answers any more', async () => {
    await remove(stackName)
    expect(await isThere(outputs)).toBe(false)
  })

  const consumed = async (from: Outputs, groupId: string, count: number): Promise<readonly string[]> => {
    const consumer = kafka(from).consumer({ groupId })
    await consumer.connect()
    await consumer.subscribe({ topic: 'orders', fromBeginning: true })
    const values: string[] = []
    const all = Promise.withResolvers<void>()
    await consumer.run({
      eachMessage: async ({ message }) => {
        values.push(String(message.value))
        if (values.length === count) all.resolve()
      },
    })
    await all.promise
    await consumer.disconnect()
    return values
  }
})
