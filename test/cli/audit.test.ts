import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { dynamoItems } from '../../lib/store/dynamodb.ts'
import { openFolder } from '../../lib/store/folder.ts'
import { groupKey, topicKey } from '../../lib/store/keys.ts'
import { kafkaJs, withAdmin } from '../support/admin.ts'
import { temporaryFolder, wadi, wadiDev } from '../support/dev-server.ts'
import { createBucket, createTable, environmentOf, startEmulator } from '../support/emulator.ts'

/** A server on a folder with records in segments and in the tail, and with a group that has committed. */
const busyServer = async () => {
  const data = join(temporaryFolder(), 'data')
  const server = await wadiDev(['--data', data])
  const { bootstrap, httpUrl } = server
  const topic = 'orders'
  await withAdmin(bootstrap, (admin) => admin.createTopics({ topics: [{ topic, numPartitions: 2 }] }))
  const producer = kafkaJs(bootstrap).producer()
  await producer.connect()
  const send = (value: string) => producer.send({ topic, messages: [0, 1].map((partition) => ({ value, partition })) })
  await send('x'.repeat(20_000))
  await fetch(`${httpUrl}/v1/maintenance:run?flush=true`, { method: 'POST' })
  await send('y'.repeat(20_000))
  await send('small')
  await producer.disconnect()
  await withAdmin(bootstrap, (admin) =>
    admin.setOffsets({ groupId: 'readers', topic, partitions: [{ partition: 0, offset: '1' }] }),
  )
  const stop = async (): Promise<void> => {
    server.kill('SIGTERM')
    await server.ended
  }
  return { data, stop }
}

const audit = async (args: readonly string[], environment: Readonly<Record<string, string>> = {}) => {
  const process = wadi(['audit', ...args], environment)
  const { status } = await process.ended
  return { status, said: process.said() }
}

test('a folder is audited when nobody uses it: JSON in a pipe, a table on request, and status 1 when it is damaged', async () => {
  const { data, stop } = await busyServer()
  const used = await audit(['--data', data])
  expect(used.status).toBe(1)
  expect(used.said).toMatch(
    /^wadi audit: the folder .* is in use by process \d+: stop that one, or name another folder\n$/,
  )
  await stop()

  const sound = await audit(['--data', data, '--deep'])
  expect(sound.status).toBe(0)
  expect(JSON.parse(sound.said)).toMatchObject({
    _v: 1,
    _cmd: 'audit',
    data: { sound: true, topics: 1, shards: 1, partitions: 2, groups: 1, problemCount: 0, problems: [] },
  })

  {
    using folder = openFolder(data, { fsync: false })
    const segments = (await folder.objects.list('', '')).filter(({ key }) => key.includes('/seg/'))
    for (const { key } of segments) await folder.objects.delete(key)
    const group = await folder.items.get(groupKey('readers'), { consistent: true })
    const body = Buffer.from('{"format":1}')
    await folder.items.replace(groupKey('readers'), { attempt: 'damage', body }, group?.version ?? 0)
  }
  const damaged = await audit(['--data', data, '--sample', '0'])
  expect(damaged.status).toBe(1)
  const problems = [
    { kind: 'object', topic: 'orders', shard: 0, what: expect.stringMatching(/^seg\/.* is missing/) },
    { kind: 'group', group: 'readers', todo: expect.stringContaining('restore') },
  ]
  expect(JSON.parse(damaged.said).data).toMatchObject({ sound: false, problemCount: 2, problems })
  const table = await audit(['--data', data, '-o', 'table'])
  expect(table.status).toBe(1)
  expect(table.said).toMatch(/^topics +1, and 0 being deleted$/m)
  expect(table.said).toMatch(
    /^object, topic orders, shard 0, partition 0: seg\/.* is missing, with records of partitions 0, 1\n {2}restore/m,
  )
})

test('a folder that is not there is said, and not made', async () => {
  const data = join(temporaryFolder(), 'nowhere')
  const { status, said } = await audit(['--data', data])
  expect(status).toBe(1)
  expect(said).toBe(`wadi audit: there is nothing of Wadi in ${data}: name its folder\n`)
  expect(existsSync(data)).toBe(false)
})

test('a table and a bucket are audited', async () => {
  const emulator = await startEmulator()
  await createTable(emulator.dynamo, 'wadi')
  await createBucket(emulator.s3, 'wadi')
  const environment = environmentOf(emulator)
  expect(await audit([], environment)).toMatchObject({ status: 0, said: expect.stringContaining('"sound":true') })
  using items = dynamoItems(emulator.dynamo, 'wadi')
  await items.putIfAbsent(topicKey('orders'), { attempt: 'damage', body: Buffer.from('{') })
  expect(await audit([], environment)).toMatchObject({
    status: 1,
    said: expect.stringContaining('T/orders is damaged'),
  })
  const gone = await audit([], { ...environment, WADI_TABLE: 'gone' })
  expect(gone.status).toBe(1)
  expect(gone.said).toMatch(/^wadi audit: the table gone: there is no such table/)
  await emulator.close()
})

test.each([
  { args: ['--sample', 'few'], says: /--sample is "few": it must be a number/ },
  { args: ['-o', 'xml'], says: /-o is "xml": it must be table or json/ },
  { args: ['--fix'], says: /Unknown option '--fix'/ },
])('$args is a mistake in the usage: status 2', async ({ args, says }) => {
  const { status, said } = await audit(args)
  expect(status).toBe(2)
  expect(said).toMatch(says)
})

test('there is nothing to audit in memory, and help is help', async () => {
  expect(await audit([], { WADI_STORE: 'memory' })).toMatchObject({ status: 2 })
  expect((await audit(['--help'])).status).toBe(0)
})
