import { expect, test } from 'vitest'
import { wadiDev } from '../support/dev-server.ts'
import { linesOf, runCommand } from '../support/wadi-command.ts'

test('topics are created, listed, described, changed, trimmed and deleted', async () => {
  const server = await wadiDev(['--memory'])
  const environment = { WADI_URL: server.httpUrl }
  const wadi = (...args: readonly string[]) => runCommand(args, { environment })

  const created = await wadi('topic', 'create', 'orders', '-p', '2', '-c', 'retention.ms=3600000')
  expect(created).toMatchObject({ status: 0, err: 'the topic orders is created\n' })
  expect(linesOf(created.out)).toMatchObject([{ name: 'orders', partitions: 2, retentionMs: 3_600_000, created: true }])
  const again = await wadi('topic', 'create', 'orders', '-p', '2')
  expect(again).toMatchObject({ status: 0, err: 'there is a topic orders like this already\n' })
  const dry = await wadi('topic', 'create', 'others', '--dry-run', '-o', 'csv')
  expect(dry.out).toBe('topic,partitions,shards,created,configs\nothers,1,1,false,{}\n')

  expect(linesOf((await wadi('topic', 'ls')).out)).toMatchObject([{ name: 'orders', partitions: 2 }])
  expect((await wadi('topic', 'ls', 'x', '-o', 'table')).out).toBe('TOPIC  PARTITIONS  FORMAT  ID\n')
  expect(JSON.parse((await wadi('topic', 'ls', '-o', 'json')).out)).toMatchObject({
    _v: 1,
    _cmd: 'topic.ls',
    data: [{ name: 'orders' }],
  })

  const planned = await wadi('topic', 'alter', 'orders', '-p', '4', '--delete-config', 'retention.ms', '--dry-run')
  expect(planned.err).toBe('dry run: nothing is changed\n')
  expect(linesOf(planned.out)).toEqual([
    { setting: 'partitions', before: 2, after: 4 },
    { setting: 'retention.ms', before: '3600000', after: null },
  ])
  expect(linesOf((await wadi('topic', 'alter', 'orders', '-p', '3')).out)).toHaveLength(1)
  const described = await wadi('topic', 'describe', 'orders', '-o', 'json')
  expect(JSON.parse(described.out).data).toMatchObject({ name: 'orders', partitions: 3, records: 0 })
  expect((await wadi('topic', 'describe', 'orders', '-o', 'table')).out).toMatch(/^retentionMs +3600000\n/m)

  await runCommand(['produce', 'orders', '-p', '1'], { environment, input: 'a\nb\nc\n' })
  const trimming = ['topic', 'trim', 'orders', '--before', '1:2']
  const trimmed = [{ partition: 1, earliest: 2, deleted: 2, before: 0 }]
  expect(await wadi(...trimming)).toMatchObject({ err: expect.stringContaining('dry run'), status: 0 })
  expect(linesOf((await wadi(...trimming)).out)).toEqual(trimmed)
  expect(linesOf((await wadi(...trimming, '--execute')).out)).toEqual(trimmed)
  expect(linesOf((await wadi(...trimming)).out)).toEqual([{ partition: 1, earliest: 2, deleted: 0, before: 2 }])
  const all = await wadi('topic', 'trim', 'orders', '--before', '1:end', '--yes', '-o', 'table')
  expect(all).toMatchObject({ err: '', out: 'PARTITION  BEFORE  AFTER  DELETED\n        1       2      3        1\n' })

  const dropping = await wadi('topic', 'delete', 'orders')
  expect(linesOf(dropping.out)).toMatchObject([{ topic: 'orders', deleted: false }])
  expect(linesOf((await wadi('topic', 'ls')).out)).toHaveLength(1)
  expect(linesOf((await wadi('topic', 'delete', 'orders', '--execute')).out)).toMatchObject([{ deleted: true }])
  expect(await wadi('topic', 'ls')).toMatchObject({ status: 0, out: '' })
})

test('topics of --seed are there from the start, and one that differs is told', async () => {
  const { temporaryFile } = await import('../support/tools.ts')
  const seed = temporaryFile('topics.json', '{ "orders": { "partitions": 3, "configs": { "retention.ms": "1000" } } }')
  const server = await wadiDev(['--memory', '--seed', seed])
  const listed = await runCommand(['topic', 'describe', 'orders'], { environment: { WADI_URL: server.httpUrl } })
  expect(linesOf(listed.out)).toMatchObject([{ partitions: 3, retentionMs: 1000 }])
  const wrong = temporaryFile('topics.json', '{ "orders": { "partitions": 0 } }')
  const ports = ['--memory', '--kafka-port', '0', '--http-port', '0']
  const refused = await runCommand(['dev', ...ports, '--seed', wrong])
  expect(refused).toMatchObject({ status: 1, err: expect.stringContaining('wadi dev: --seed: the topic "orders"') })
  const absent = await runCommand(['dev', ...ports, '--seed', 'absent.json'])
  expect(absent).toMatchObject({ status: 1, err: expect.stringContaining('--seed absent.json cannot be read') })
})
