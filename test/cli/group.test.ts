import { once } from 'node:events'
import { expect, test } from 'vitest'
import { withAdmin } from '../support/admin.ts'
import { wadiDev } from '../support/dev-server.ts'
import { linesOf, runCommand, startCommand } from '../support/wadi-command.ts'

const started = async () => {
  const server = await wadiDev(['--memory'])
  const environment = { WADI_URL: server.httpUrl }
  const wadi = (...args: readonly string[]) => runCommand(args, { environment })
  await wadi('topic', 'create', 'orders')
  await runCommand(['produce', 'orders'], { environment, input: '0\n1\n2\n3\n4\n' })
  return { server, environment, wadi }
}

test('a group is consumed for: what is printed is committed, and nothing twice', async () => {
  const { wadi } = await started()
  expect((await wadi('consume', 'orders', '-g', 'billing', '-n', '2', '-f', 'raw')).out).toBe('0\n1\n')
  const lag = [{ topic: 'orders', partition: 0, committed: 2, latest: 5, lag: 3 }]
  expect(linesOf((await wadi('group', 'lag', 'billing')).out)).toEqual(lag)
  expect((await wadi('consume', 'orders', '-g', 'billing', '--exit', '-f', 'raw')).out).toBe('2\n3\n4\n')
  expect((await wadi('consume', 'orders', '-g', 'billing', '--exit', '-f', 'raw')).out).toBe('')
})

test('groups are listed, described, moved with a way back, and deleted, whoever has made them', async () => {
  const { server, wadi } = await started()
  await withAdmin(server.bootstrap, (admin) =>
    admin.setOffsets({ groupId: 'readers', topic: 'orders', partitions: [{ partition: 0, offset: '4' }] }),
  )
  expect(linesOf((await wadi('group', 'ls')).out)).toMatchObject([{ group: 'readers', state: 'Empty' }])
  expect((await wadi('group', 'ls', 'x', '-o', 'table')).out).toBe('GROUP  KIND  STATE\n')
  const described = await wadi('group', 'describe', 'readers', '-o', 'table')
  expect(described.out).toMatch(/^group +readers\n/)
  expect(described.out).toMatch(/^orders +0 +4 +-$/m)

  const moved = [{ topic: 'orders', partition: 0, from: 4, to: 0, skipped: 0, repeated: 4 }]
  const seek = ['group', 'seek', 'readers', '--to']
  const dry = await wadi(...seek, '-1h')
  expect(dry).toMatchObject({ status: 0, err: 'dry run: nothing is changed; --execute does it\n' })
  expect(linesOf(dry.out)).toMatchObject([{ partitions: moved, repeated: 4 }])
  const done = await wadi(...seek, 'start', '--execute', '-o', 'csv')
  expect(done.out).toBe('topic,partition,before,after,skipped,repeated\norders,0,4,0,0,4\n')
  const [, back = ''] = /--to (snapshot:\S+) --execute\n/.exec(done.err) ?? []
  expect(linesOf((await wadi('group', 'lag', 'readers')).out)).toMatchObject([{ committed: 0, lag: 5 }])
  await wadi(...seek, back, '--yes')
  expect(linesOf((await wadi('group', 'lag', 'readers')).out)).toMatchObject([{ committed: 4, lag: 1 }])
  await wadi(...seek, 'p0:2', '-t', 'orders', '--yes')
  expect(linesOf((await wadi('group', 'lag', 'readers')).out)).toMatchObject([{ committed: 2, lag: 3 }])

  const dropping = [{ group: 'readers', offsets: 1, failed: 0, deleted: false }]
  expect(linesOf((await wadi('group', 'delete', 'readers')).out)).toEqual(dropping)
  expect(linesOf((await wadi('group', 'delete', 'readers', '--execute')).out)).toMatchObject([{ deleted: true }])
  expect(await wadi('group', 'lag', 'readers')).toMatchObject({ status: 3 })
})

test('lag is watched until Ctrl-C', async () => {
  const { environment } = await started()
  const consuming = startCommand(['consume', 'orders', '-g', 'billing', '-f', 'raw'], { environment })
  while (consuming.out() !== '0\n1\n2\n3\n4\n') await once(consuming.child.stdout, 'data')
  const watching = startCommand(['group', 'lag', 'billing', '--watch', '--every', '0.1'], { environment })
  while (watching.out().split('\n').length < 4) await once(watching.child.stdout, 'data')
  watching.child.kill('SIGINT')
  expect(await watching.ended).toMatchObject({ status: 0, err: '' })
  consuming.child.kill('SIGINT')
  expect((await consuming.ended).status).toBe(0)
})

test('where there is nothing to move, it is said how to name it', async () => {
  const { server, wadi } = await started()
  const group = `${server.httpUrl}/v1/groups/billing`
  const { lease } = JSON.parse(
    await (await fetch(`${group}/poll`, { method: 'POST', body: '{"topics":["orders"]}' })).text(),
  )
  await fetch(`${group}/release`, { method: 'POST', body: JSON.stringify({ lease }) })
  const seek = ['group', 'seek', 'billing', '--to', 'end']
  expect(await wadi(...seek)).toMatchObject({ status: 0, err: expect.stringContaining('name topics with --topic') })
  expect((await wadi(...seek, '-t', 'orders')).err).toBe('dry run: nothing is changed; --execute does it\n')
})

test('the offsets of a group in use stay as they are: status 5', async () => {
  const { server, wadi } = await started()
  const lent = await fetch(`${server.httpUrl}/v1/groups/billing/poll`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{ "topics": ["orders"] }',
  })
  expect(lent.status).toBe(200)
  const refused = await wadi('group', 'seek', 'billing', '--to', 'start', '-t', 'orders', '--execute')
  expect(refused).toMatchObject({ status: 5, err: expect.stringContaining('NOT_EMPTY') })
})
