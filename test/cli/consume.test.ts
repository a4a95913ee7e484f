import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder, wadiDev } from '../support/dev-server.ts'
import { temporaryFile } from '../support/tools.ts'
import { type CommandOptions, linesOf, runCommand, startCommand } from '../support/wadi-command.ts'

const started = async () => {
  const server = await wadiDev(['--memory'])
  const environment = { WADI_URL: server.httpUrl }
  const wadi = (args: readonly string[], options: CommandOptions = {}) => runCommand(args, { environment, ...options })
  return { server, environment, wadi }
}

test('lines become records, whatever they are made of, and are read as they were', async () => {
  const { wadi } = await started()
  await wadi(['topic', 'create', 'orders'])
  const text = Buffer.concat([Buffer.from('one\r\n{"a":1}\n\nnull\n"q"\n'), Buffer.from([0xff, 0xfe])])
  const produced = await wadi(['produce', 'orders', '-k', 'c9', '-H', 'a=1', '-H', 'a=2', '-H', 'b=3'], { input: text })
  expect(produced.status).toBe(0)
  expect(linesOf(produced.out)).toEqual([{ partition: 0, records: 6, first: 0, last: 5 }])
  const json = await wadi(['produce', 'orders', '-f', 'json', '-K', '\\t', '-q'], {
    input: 'k1\t{"b":12345678901234567890}\nk2\t"text"\nk3\tnull\nk4\t{"$bytes":"//4="}\n',
  })
  expect(json).toMatchObject({ status: 0, err: '' })
  const read = await wadi(['consume', 'orders', '--exit', '-q'])
  expect(read.out).toContain('"key":"k1","value":{"b":12345678901234567890}')
  const headers = { a: ['1', '2'], b: '3' }
  expect(linesOf(read.out)).toMatchObject([
    { topic: 'orders', partition: 0, offset: 0, key: 'c9', value: 'one', headers },
    { value: { a: 1 } },
    { value: '' },
    { value: 'null' },
    { value: '"q"' },
    { value: { $bytes: '//4=' } },
    { offset: 6, key: 'k1', headers: {} },
    { key: 'k2', value: 'text' },
    { key: 'k3', value: null },
    { key: 'k4', value: { $bytes: '//4=' } },
  ])
  await wadi(['topic', 'create', 'copy'])
  await wadi(['produce', 'copy', '-f', 'record'], { input: read.out })
  expect((await wadi(['consume', 'copy', '--exit', '-q'])).out).toBe(read.out.replaceAll('"orders"', '"copy"'))
})

test('a line that stands for nothing ends it, after what came before', async () => {
  const { wadi } = await started()
  await wadi(['topic', 'create', 'orders', '-c', 'wadi.value.format=json'])
  const broken = await wadi(['produce', 'orders', '-f', 'json'], { input: '1\n{\n' })
  expect(broken).toMatchObject({ status: 2, err: expect.stringContaining('line 2 is no JSON') })
  const without = await wadi(['produce', 'orders', '-K', ':'], { input: 'value\n' })
  expect(without).toMatchObject({ status: 2, err: expect.stringContaining('line 1 has no ":"') })
  const refused = await wadi(['produce', 'orders'], { input: 'no json\n' })
  expect(refused).toMatchObject({ status: 1, err: expect.stringContaining('SCHEMA_INVALID') })
  expect(await wadi(['produce', 'orders', '--file', 'absent'])).toMatchObject({ status: 1 })
  expect(await wadi(['produce', 'absent'], { input: 'x\n' })).toMatchObject({ status: 3 })
})

test('long input goes in many requests, in order, and what one cannot take goes in two', async () => {
  const { wadi } = await started()
  await wadi(['topic', 'create', 'orders', '-c', 'max.message.bytes=100000'])
  const values = Array.from({ length: 20_000 }, (_, i) => `${i}`.padStart(40, '.'))
  const file = temporaryFile('values.txt', values.join('\n'))
  const produced = await wadi(['produce', 'orders', '--file', file, '-p', '0'])
  expect(produced.status).toBe(0)
  expect(linesOf(produced.out)).toEqual([{ partition: 0, records: 20_000, first: 0, last: 19_999 }])
  const read = await wadi(['consume', 'orders', '--exit', '-f', 'raw', '-q'])
  expect(read.out).toBe(`${values.join('\n')}\n`)
})

test.each([200_000, 6_000_000])(
  'one record of %i bytes is too large by itself: that is said of it',
  async (sizeBytes) => {
    const { wadi } = await started()
    await wadi(['topic', 'create', 'orders', '-c', 'max.message.bytes=100000'])
    const refused = await wadi(['produce', 'orders'], { input: 'x'.repeat(sizeBytes) })
    expect(refused).toMatchObject({ status: 1, out: '', err: expect.stringContaining('wadi topic describe orders') })
    expect(refused.err).toMatch(/a record of about \d+ bytes is too large .*\n {2}TOO_LARGE, request \S+\n$/)
  },
)

test('records are read from any place to any other', async () => {
  const { wadi } = await started()
  await wadi(['topic', 'create', 'orders', '-p', '2'])
  await wadi(['produce', 'orders', '-p', '0', '-K', ':'], { input: 'k0:0\nk1:1\nk2:2\nk3:3\n' })
  await wadi(['produce', 'orders', '-p', '1'], { input: '10\n11\n' })
  const read = async (...args: readonly string[]) => {
    const ran = await wadi(['consume', 'orders', '-q', '-f', '%p:%o:%v ', ...args])
    expect(ran).toMatchObject({ status: 0, err: '' })
    return ran.out.trim().split(' ').toSorted()
  }
  const all = ['0:0:0', '0:1:1', '0:2:2', '0:3:3', '1:0:10', '1:1:11']
  expect(await read('--exit')).toEqual(all)
  expect(await read('-o', '-1h:now')).toEqual(all)
  expect(await read('-o', 'start:end')).toEqual(all)
  expect(await read('-o', '@2020-01-01T00:00Z:@2999-01-01')).toEqual(all)
  expect(await read('-o', '-1h:-30m')).toEqual([''])
  expect(await read('-o', 'end', '--exit')).toEqual([''])
  expect(await read('-o', '1:3')).toEqual(['0:1:1', '0:2:2', '1:1:11'])
  expect(await read('-o', '1', '-n', '2', '-p', '0')).toEqual(['0:1:1', '0:2:2'])
  expect(await read('-o', '-2', '--exit', '-p', '0')).toEqual(['0:2:2', '0:3:3'])
  expect(await read('-o', '3:99')).toEqual(['0:3:3'])
  expect(await read('-k', 'k2', '--exit')).toEqual(['0:2:2'])
  expect(await read('--where', 'partition == 1 and offset > 0', '--exit')).toEqual(['1:1:11'])
})

test('what is printed can be a table, a template, and bytes as they are', async () => {
  const { wadi } = await started()
  await wadi(['topic', 'create', 'orders'])
  await wadi(['produce', 'orders', '-K', ':', '-H', 'h=x'], { input: 'k:a\x1b[2Jb\n' })
  const as = async (format: string) => (await wadi(['consume', 'orders', '-e', '-q', '-f', format])).out
  expect(await as('table')).toMatch(/^orders {2}0:0 {10} \d{4}-\d\d-\d\dT[\d:.]+Z {2}k {2}a\\u001b\[2Jb\n$/)
  expect(await as('raw')).toBe('a\x1b[2Jb\n')
  expect(await as('%t\\t%k=%v %h %%\\n')).toBe('orders\tk=a\x1b[2Jb h=x %\n')
})

test('it follows what comes, and Ctrl-C tells the cursor to go on from', async () => {
  const { wadi, environment } = await started()
  await wadi(['topic', 'create', 'orders'])
  const following = startCommand(['consume', 'orders', '-f', 'raw'], { environment })
  await wadi(['produce', 'orders'], { input: 'a\nb\n' })
  while (following.out() !== 'a\nb\n') await once(following.child.stdout, 'data')
  following.child.kill('SIGINT')
  const { status, err } = await following.ended
  expect(status).toBe(0)
  const [, cursor = ''] = /^to go on: wadi consume orders -o (\S+)\n$/.exec(err) ?? []
  await wadi(['produce', 'orders'], { input: 'c\n' })
  expect((await wadi(['consume', 'orders', '-o', cursor, '-e', '-f', 'raw', '-q'])).out).toBe('c\n')
})

test('a server that dies and comes back is read on, and produced to once', async () => {
  const data = join(temporaryFolder(), 'data')
  const first = await wadiDev(['--data', data])
  const environment = { WADI_URL: first.httpUrl }
  await runCommand(['topic', 'create', 'orders'], { environment })
  await runCommand(['produce', 'orders'], { environment, input: 'a\n' })
  const following = startCommand(['consume', 'orders', '-f', 'raw'], { environment })
  const typing = startCommand(['produce', 'orders'], { environment })
  typing.child.stdin.write('b\n')
  while (following.out() !== 'a\nb\n') await once(following.child.stdout, 'data')
  first.kill('SIGKILL')
  await first.ended
  typing.child.stdin.end('c\n')
  await wadiDev(['--data', data, '--http-port', new URL(first.httpUrl).port])
  expect(linesOf((await typing.ended).out)).toEqual([{ partition: 0, records: 2, first: 1, last: 2 }])
  while (following.out() !== 'a\nb\nc\n') await once(following.child.stdout, 'data')
  following.child.kill('SIGINT')
  expect((await following.ended).status).toBe(0)
})

test('the cursor after -n records of several topics is where each of them was left', async () => {
  const { wadi } = await started()
  for (const topic of ['a', 'b']) {
    await wadi(['topic', 'create', topic])
    await wadi(['produce', topic], { input: `${topic}1\n${topic}2\n${topic}3\n` })
  }
  const some = await wadi(['consume', 'a', 'b', '-n', '4', '-f', 'raw'])
  const seen = some.out.trim().split('\n')
  expect(seen).toHaveLength(4)
  for (const [, topic = '', cursor = ''] of some.err.matchAll(/^to go on: wadi consume (\w) -o (\S+)$/gm)) {
    seen.push(...(await wadi(['consume', topic, '-o', cursor, '-e', '-f', 'raw', '-q'])).out.trim().split('\n'))
  }
  expect(seen.filter((value) => value !== '').toSorted()).toEqual(['a1', 'a2', 'a3', 'b1', 'b2', 'b3'])
})

test('what is typed is sent before the input ends', async () => {
  const { wadi, environment } = await started()
  await wadi(['topic', 'create', 'orders'])
  const typing = startCommand(['produce', 'orders'], { environment })
  typing.child.stdin.write('first\n')
  expect((await wadi(['consume', 'orders', '-n', '1', '-f', 'raw', '-q'])).out).toBe('first\n')
  typing.child.kill('SIGINT')
  const { status, out, err } = await typing.ended
  expect(status).toBe(1)
  expect(linesOf(out)).toEqual([{ partition: 0, records: 1, first: 0, last: 0 }])
  expect(err).toContain('1 records are appended')
})

test('a reader that has seen enough ends it', async () => {
  const { wadi, environment } = await started()
  await wadi(['topic', 'create', 'orders'])
  await wadi(['produce', 'orders'], { input: `${'x'.repeat(1000)}\n`.repeat(2000) })
  const reading = startCommand(['consume', 'orders'], { environment })
  await once(reading.child.stdout, 'data')
  reading.child.stdout.destroy()
  expect((await reading.ended).status).toBe(0)
})
