import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTopic } from '../support/admin.ts'
import { birdstrikes, type DataRecord, flights, flightsByOrigin } from '../support/dataset.ts'
import { expectSameByKey, readWithKcat, sendWithKcat } from '../support/kcat-records.ts'
import { type ServerUnderTest, startServer } from '../support/server.ts'
import { kcat, skipWithout } from '../support/tools.ts'

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

describe.skipIf(skipWithout('kcat'))('kcat', { timeout: 120_000 }, () => {
  let server: ServerUnderTest
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  const produce = (topic: string, records: readonly DataRecord[], args: readonly string[]) =>
    sendWithKcat({ bootstrap: server.bootstrap, topic }, records, args)

  const consume = (topic: string) => readWithKcat(server.bootstrap, topic)

  test.for(codecs)('flights go in compressed with %s and come out the same, in order for each key', async (codec) => {
    await createTopic(server.bootstrap, { topic: `flights-${codec}`, partitions: 3 })
    const sent = await produce(`flights-${codec}`, flights(), ['-z', codec, '-X', 'debug=msg'])
    expect(sent.status).toBe(0)
    // librdkafka drops compression without a word when a broker's versions seem too old for it, and where it gains nothing.
    const batches = sent.stderr.matchAll(/MessageSet with \d+ message\(s\) .*, (\w+)\)/g)
    expect([...batches].map((batch) => batch[1])).toContain(codec === 'none' ? 'uncompressed' : codec)
    expectSameByKey(await consume(`flights-${codec}`), flights())
  })

  test('flights keyed by their origin come out in order for each airport', async () => {
    await createTopic(server.bootstrap, { topic: 'origins', partitions: 6 })
    expect((await produce('origins', flightsByOrigin(), [])).status).toBe(0)
    expectSameByKey(await consume('origins'), flightsByOrigin())
  })

  test('a file of lines without keys comes out of one partition as that file', async () => {
    await createTopic(server.bootstrap, { topic: 'birdstrikes' })
    await kcat(['-P', '-b', server.bootstrap, '-t', 'birdstrikes', '-z', 'lz4'], lines(birdstrikes()))
    const args = ['-C', '-b', server.bootstrap, '-t', 'birdstrikes', '-o', 'beginning', '-e', '-q']
    expect((await kcat(args)).equals(lines(birdstrikes()))).toBe(true)
  })

  test.for(['0', '1', '-1'])('records sent with acks=%s are there', async (acks) => {
    await createTopic(server.bootstrap, { topic: `acks${acks}` })
    const args = ['-P', '-b', server.bootstrap, '-t', `acks${acks}`, '-X', `acks=${acks}`]
    await kcat(args, lines(birdstrikes()))
    const count = async () => (await consume(`acks${acks}`)).length
    await expect.poll(count, { timeout: 10_000 }).toBe(birdstrikes().length)
  })

  test('an idempotent producer loses, doubles and reorders nothing', async () => {
    await createTopic(server.bootstrap, { topic: 'idempotent', partitions: 2 })
    expect((await produce('idempotent', flights(), ['-X', 'enable.idempotence=true'])).status).toBe(0)
    expectSameByKey(await consume('idempotent'), flights())
  })

  test('headers, tombstones, timestamps and empty values are kept apart', async () => {
    await createTopic(server.bootstrap, { topic: 'shapes' })
    const send = (args: readonly string[], input: string) =>
      kcat(['-P', '-b', server.bootstrap, '-t', 'shapes', '-K', ':', ...args], input)
    await send(['-H', 'first=1', '-H', 'first=2'], 'a:value\n')
    await send(['-Z'], 'b:\n')
    await send([], 'c:\n')
    const format = '%o %k %K %S %h\n'
    const out = await kcat(['-C', '-b', server.bootstrap, '-t', 'shapes', '-e', '-q', '-o', 'beginning', '-f', format])
    expect(out.toString()).toBe('0 a 1 5 first=1,first=2\n1 b 1 -1 \n2 c 1 0 \n')
  })

  test('reading starts where it is asked to: an offset, the last records, a time', async () => {
    await createTopic(server.bootstrap, { topic: 'places' })
    await kcat(['-P', '-b', server.bootstrap, '-t', 'places'], 'a\nb\nc\nd\n')
    const from = async (offset: string) => {
      const args = ['-C', '-b', server.bootstrap, '-t', 'places', '-p', '0', '-e', '-q', '-o', offset]
      return (await kcat(args)).toString()
    }
    expect(await from('2')).toBe('c\nd\n')
    expect(await from('-1')).toBe('d\n')
    expect(await from('s@0')).toBe('a\nb\nc\nd\n')
  })

  test('the offset for a time is the first record at or after it', async () => {
    await createTopic(server.bootstrap, { topic: 'times' })
    await kcat(['-P', '-b', server.bootstrap, '-t', 'times'], 'a\nb\n')
    const stamps = await kcat([
      '-C',
      '-b',
      server.bootstrap,
      '-t',
      'times',
      '-e',
      '-q',
      '-o',
      'beginning',
      '-f',
      '%T\n',
    ])
    const first = Number(stamps.toString().split('\n')[0])
    const query = async (time: number) =>
      (await kcat(['-Q', '-b', server.bootstrap, '-t', `times:0:${time}`])).toString()
    expect(await query(first)).toBe('times [0] offset 0\n')
    expect(await query(first + 3_600_000)).toBe('times [0] offset -1\n')
  })

  test('metadata names one broker, which leads every partition', async () => {
    await createTopic(server.bootstrap, { topic: 'listed', partitions: 2 })
    const listed = JSON.parse((await kcat(['-L', '-J', '-b', server.bootstrap, '-t', 'listed'])).toString())
    expect(listed).toMatchObject({
      brokers: [{ id: 1, name: server.bootstrap }],
      topics: [
        {
          topic: 'listed',
          partitions: [
            { partition: 0, leader: 1 },
            { partition: 1, leader: 1 },
          ],
        },
      ],
    })
  })

  test.for(['maintained', 'killed and restarted', 'killed again after maintenance', 'stopped and restarted'])(
    'the same records come out of a server that was %s',
    async (what) => {
      if (what === 'maintained') await server.maintain()
      else if (what === 'stopped and restarted') await server.stopAndRestart()
      else await server.killAndRestart()
      if (what === 'killed and restarted') await server.maintain()
      for (const codec of codecs) expectSameByKey(await consume(`flights-${codec}`), flights())
      expectSameByKey(await consume('origins'), flightsByOrigin())
    },
  )
})

const lines = (texts: readonly string[]): Buffer => Buffer.from(texts.map((text) => `${text}\n`).join(''), 'latin1')
