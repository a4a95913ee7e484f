import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTopic, kafkaJs, withAdmin } from '../support/admin.ts'
import { against, type ServerUnderTest, startServer } from '../support/server.ts'
import { kafkaTool, skipWithout, temporaryFile, tryKafkaTool } from '../support/tools.ts'

describe.skipIf(skipWithout('kafka'))("Apache Kafka's administration tools", () => {
  let server: ServerUnderTest
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  const at = () => ['--bootstrap-server', server.bootstrap] as const
  const topics = (...args: readonly string[]) => kafkaTool('kafka-topics', [...at(), ...args])
  const configs = (...args: readonly string[]) =>
    kafkaTool('kafka-configs', [...at(), '--entity-type', 'topics', ...args])
  const offsets = (...args: readonly string[]) => kafkaTool('kafka-get-offsets', [...at(), ...args])

  /** Ten records with the timestamps 1000, 2000, … 10000, except that the fourth is the latest: 99000. */
  const withTenRecords = async (topic: string): Promise<void> => {
    await createTopic(server.bootstrap, { topic })
    const producer = kafkaJs(server.bootstrap).producer({ allowAutoTopicCreation: false })
    await producer.connect()
    const stamp = (index: number) => String(index === 3 ? 99_000 : (index + 1) * 1000)
    const messages = Array.from({ length: 10 }, (_, index) => ({
      value: `v${index}`,
      timestamp: stamp(index),
      partition: 0,
    }))
    await producer.send({ topic, messages })
    await producer.disconnect()
  }

  describe('kafka-topics', () => {
    test('creates a topic, lists it and describes its partitions', async () => {
      expect(await topics('--create', '--topic', 'made', '--partitions', '3')).toContain('Created topic made.')
      expect((await topics('--list')).split('\n')).toContain('made')
      const [head, ...partitions] = (await topics('--describe', '--topic', 'made')).trimEnd().split('\n')
      expect(head).toMatch(/^Topic: made\tTopicId: [\w-]{22}\tPartitionCount: 3\tReplicationFactor: 1\tConfigs: /)
      expect(partitions.map((line) => line.split('\t').slice(1, 6))).toEqual(
        [0, 1, 2].map((index) => ['Topic: made', `Partition: ${index}`, 'Leader: 1', 'Replicas: 1', 'Isr: 1']),
      )
    })

    test('creates with configs and shows them', async () => {
      await topics(
        '--create',
        '--topic',
        'with-configs',
        '--config',
        'retention.ms=3600000',
        '--config',
        'max.message.bytes=2000000',
      )
      const described = await topics('--describe', '--topic', 'with-configs')
      expect(described).toContain('retention.ms=3600000')
      expect(described).toContain('max.message.bytes=2000000')
      expect(await topics('--describe', '--topics-with-overrides')).toContain('Topic: with-configs\t')
    })

    test('finds no partition that lacks replicas or a leader', async () => {
      expect(await topics('--describe', '--under-replicated-partitions')).toBe('')
      expect(await topics('--describe', '--unavailable-partitions')).toBe('')
    })

    test('adds partitions and refuses to take any away', async () => {
      await createTopic(server.bootstrap, { topic: 'growing', partitions: 2 })
      await topics('--alter', '--topic', 'growing', '--partitions', '5')
      expect(await topics('--describe', '--topic', 'growing')).toContain('PartitionCount: 5')
      const shrunk = await tryKafkaTool('kafka-topics', [...at(), '--alter', '--topic', 'growing', '--partitions', '4'])
      expect(shrunk.status).toBe(1)
      expect(shrunk.stderr + shrunk.stdout).toContain('InvalidPartitionsException')
      expect(await topics('--describe', '--topic', 'growing')).toContain('PartitionCount: 5')
    })

    test('deletes a topic, and one of that name made afterwards is another', async () => {
      const id = async () => /TopicId: (\S+)/.exec(await topics('--describe', '--topic', 'fleeting'))?.[1]
      await topics('--create', '--topic', 'fleeting')
      const first = await id()
      await topics('--delete', '--topic', 'fleeting')
      expect((await topics('--list')).split('\n')).not.toContain('fleeting')
      await topics('--create', '--topic', 'fleeting')
      expect(await id()).not.toBe(first)
    })

    test.for([
      { why: 'the topic is there', args: ['--create', '--topic', 'present'], says: 'TopicExistsException' },
      { why: 'its name has a space', args: ['--create', '--topic', 'not a name'], says: 'InvalidTopicException' },
      { why: 'a config is unknown', args: ['--create', '--topic', 'odd', '--config', 'no.such=1'], says: 'no.such' },
      {
        why: 'a value is not one',
        args: ['--create', '--topic', 'odd', '--config', 'retention.ms=x'],
        says: 'retention.ms',
      },
      {
        why: 'it wants four replicas',
        args: ['--create', '--topic', 'odd', '--replication-factor', '4'],
        says: 'InvalidReplicationFactorException',
      },
      {
        why: 'what is to be described is not there',
        args: ['--describe', '--topic', 'absent'],
        says: "Topic 'absent' does not exist",
      },
      {
        why: 'what is to be deleted is not there',
        args: ['--delete', '--topic', 'absent'],
        says: "Topic 'absent' does not exist",
      },
    ])('says so when $why', async ({ args, says }) => {
      await topics('--create', '--if-not-exists', '--topic', 'present')
      const refused = await tryKafkaTool('kafka-topics', [...at(), ...args])
      expect(refused.status).toBe(1)
      expect(refused.stderr + refused.stdout).toContain(says)
    })
  })

  describe('kafka-configs', () => {
    test("sets, shows and removes a topic's configs", async () => {
      await createTopic(server.bootstrap, { topic: 'configured' })
      const alter = (...args: readonly string[]) => configs('--entity-name', 'configured', '--alter', ...args)
      const describe_ = (...args: readonly string[]) => configs('--entity-name', 'configured', '--describe', ...args)
      expect(
        await alter('--add-config', 'retention.ms=7200000,follower.replication.throttled.replicas=[0:1,1:1]'),
      ).toContain('Completed updating config for topic configured.')
      const changed = await describe_()
      expect(changed).toContain('Dynamic configs for topic configured are:')
      expect(changed).toMatch(
        /^ {2}retention\.ms=7200000 sensitive=false synonyms=\{DYNAMIC_TOPIC_CONFIG:retention\.ms=7200000/m,
      )
      expect(changed).toMatch(/^ {2}follower\.replication\.throttled\.replicas=0:1,1:1 /m)
      await alter('--delete-config', 'retention.ms')
      expect(await describe_()).not.toContain('retention.ms')
      expect(await describe_('--all')).toMatch(/^ {2}retention\.ms=604800000 /m)
    })

    test.for([
      {
        why: 'the topic is not there',
        args: ['--entity-name', 'absent', '--add-config', 'retention.ms=1'],
        says: 'absent',
      },
      { why: 'a config is unknown', args: ['--entity-name', 'refusing', '--add-config', 'no.such=1'], says: 'no.such' },
      {
        why: 'a value is not one',
        args: ['--entity-name', 'refusing', '--add-config', 'retention.ms=x'],
        says: 'retention.ms',
      },
    ])('refuses when $why', async ({ args, says }) => {
      await topics('--create', '--if-not-exists', '--topic', 'refusing')
      const refused = await tryKafkaTool('kafka-configs', [...at(), '--entity-type', 'topics', '--alter', ...args])
      expect(refused.status).toBe(1)
      expect(refused.stderr + refused.stdout).toContain(says)
    })

    test("shows the broker's configs", async () => {
      const args = [...at(), '--entity-type', 'brokers', '--entity-name', '1', '--describe', '--all']
      const shown = await kafkaTool('kafka-configs', args)
      for (const name of ['auto.create.topics.enable', 'default.replication.factor', 'num.partitions']) {
        expect(shown).toContain(`  ${name}=`)
      }
    })
  })

  describe('kafka-get-offsets', () => {
    test.for([
      { time: '-1', offset: '10' },
      { time: 'latest', offset: '10' },
      { time: 'earliest', offset: '0' },
      { time: 'max-timestamp', offset: '3' },
      { time: '1000', offset: '0' },
      { time: '2500', offset: '2' },
      { time: '4000', offset: '3' },
      { time: '5000', offset: '3' },
      { time: '99000', offset: '3' },
    ])('at $time it is $offset', async ({ time, offset }) => {
      await withTenRecords(`offsets-${time}`)
      expect(await offsets('--topic', `offsets-${time}`, '--time', time)).toBe(`offsets-${time}:0:${offset}\n`)
    })

    test('names no offset for a time after the last record', async () => {
      await withTenRecords('offsets-later')
      expect(await offsets('--topic', 'offsets-later', '--time', '99001')).toBe('')
    })

    test('lists every partition', async () => {
      await createTopic(server.bootstrap, { topic: 'offsets-many', partitions: 3 })
      expect(await offsets('--topic', 'offsets-many')).toBe('offsets-many:0:0\noffsets-many:1:0\noffsets-many:2:0\n')
    })
  })

  describe('kafka-delete-records', () => {
    const deleteRecords = (topic: string, offset: number) => {
      const file = temporaryFile(
        'offsets.json',
        JSON.stringify({ partitions: [{ topic, partition: 0, offset }], version: 1 }),
      )
      return kafkaTool('kafka-delete-records', [...at(), '--offset-json-file', file])
    }

    test('moves the log start to the offset of the JSON file', async () => {
      await withTenRecords('trimmed')
      const out = await deleteRecords('trimmed', 4)
      expect(out).toContain('Records delete operation completed:')
      expect(out).toContain('partition: trimmed-0\tlow_watermark: 4')
      expect(await offsets('--topic', 'trimmed', '--time', 'earliest')).toBe('trimmed:0:4\n')
      const read = ['--topic', 'trimmed', '--partition', '0', '--offset', 'earliest', '--max-messages', '6']
      expect(await kafkaTool('kafka-console-consumer', [...at(), ...read])).toBe('v4\nv5\nv6\nv7\nv8\nv9\n')
    })

    test('takes -1 for everything', async () => {
      await withTenRecords('emptied')
      expect(await deleteRecords('emptied', -1)).toContain('partition: emptied-0\tlow_watermark: 10')
      const [low] = await withAdmin(server.bootstrap, (admin) => admin.fetchTopicOffsets('emptied'))
      expect(low).toMatchObject({ low: '10', high: '10' })
    })

    test('refuses an offset after the end', async () => {
      await withTenRecords('short')
      const out = await deleteRecords('short', 11)
      expect(out).toContain('partition: short-0\terror: ')
      expect(out).toContain('OffsetOutOfRangeException')
    })
  })

  test('kafka-broker-api-versions finds every API it knows usable or unlisted, never out of range', async () => {
    const out = await kafkaTool('kafka-broker-api-versions', at())
    expect(out).toContain(`127.0.0.1:${server.port} (id: 1 rack: null isFenced: false) -> (`)
    for (const line of out.split('\n').filter((text) => text.startsWith('\t'))) {
      expect(line).toMatch(/\[usable: \d+\]|UNSUPPORTED|UNKNOWN/)
    }
    expect(out).toMatch(/Produce\(0\): 0 to 13 \[usable: 13\]/)
    if (against === 'wadi') expect(out).not.toMatch(/UNKNOWN/)
  })
})
