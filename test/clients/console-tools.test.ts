import { spawn } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createTopic, endOffsetsOf } from '../support/admin.ts'
import { birdstrikes, flightsByOrigin, valuesByKey } from '../support/dataset.ts'
import { type ServerUnderTest, startServer } from '../support/server.ts'
import { kafkaTool, kcat, shortKafkaProgram, skipWithout } from '../support/tools.ts'

describe.skipIf(skipWithout('kafka', 'kcat'))(
  "Apache Kafka's producers and console consumer",
  { timeout: 120_000 },
  () => {
    let server: ServerUnderTest
    beforeAll(async () => {
      server = await startServer()
    })
    afterAll(() => server[Symbol.asyncDispose]())

    const at = () => ['--bootstrap-server', server.bootstrap] as const

    const kcatOut = async (topic: string, args: readonly string[] = []): Promise<string> => {
      const all = ['-C', '-b', server.bootstrap, '-t', topic, '-o', 'beginning', '-e', '-q', ...args]
      return (await kcat(all)).toString('latin1')
    }

    /** One partition, without a group. */
    const consoleOut = (topic: string, args: readonly string[]): Promise<string> => {
      const where = ['--topic', topic, '--partition', '0', '--timeout-ms', '10000']
      return kafkaTool('kafka-console-consumer', [...at(), ...where, ...args])
    }

    test.for(['none', 'gzip', 'snappy', 'lz4', 'zstd'])(
      'lines of kafka-console-producer with %s come out of kcat and kafka-console-consumer',
      async (codec) => {
        const topic = `console-${codec}`
        await createTopic(server.bootstrap, { topic })
        // The tool reads lines as Java does: the file's carriage returns end lines and are no part of them.
        const lines = birdstrikes().map((line) => line.replace('\r', ''))
        const args = [...at(), '--topic', topic, '--compression-codec', codec]
        await kafkaTool('kafka-console-producer', args, asText(birdstrikes()))
        expect((await kcatOut(topic)) === asText(lines)).toBe(true)
        const some = ['--offset', 'earliest', '--max-messages', '1000']
        expect(await consoleOut(topic, some)).toBe(asText(lines.slice(0, 1000)))
      },
    )

    test('keys of kafka-console-producer keep their records in order', async () => {
      await createTopic(server.bootstrap, { topic: 'console-keys', partitions: 4 })
      const text = asText(flightsByOrigin().map(({ key, value }) => `${key}\t${value}`))
      const keyed = ['--reader-property', 'parse.key=true', '--reader-property', 'key.separator=\t']
      await kafkaTool('kafka-console-producer', [...at(), '--topic', 'console-keys', ...keyed], text)
      const out = (await kcatOut('console-keys', ['-f', '%k\t%s\n'])).split('\n').slice(0, -1)
      const records = out.map((line) => ({
        key: line.slice(0, line.indexOf('\t')),
        value: line.slice(line.indexOf('\t') + 1),
      }))
      expect(records).toHaveLength(flightsByOrigin().length)
      expect(valuesByKey(records)).toEqual(valuesByKey(flightsByOrigin()))
    })

    test('kafka-console-consumer reads from an offset and prints offset, partition and key', async () => {
      await createTopic(server.bootstrap, { topic: 'console-offset' })
      await kcat(['-P', '-b', server.bootstrap, '-t', 'console-offset', '-K', ':'], 'a:1\nb:2\nc:3\n')
      const print = ['print.offset', 'print.partition', 'print.key'].flatMap((name) => [
        '--formatter-property',
        `${name}=true`,
      ])
      const out = await consoleOut('console-offset', ['--offset', '1', '--max-messages', '2', ...print])
      expect(out).toBe('Partition:0\tOffset:1\tb\t2\nPartition:0\tOffset:2\tc\t3\n')
    })

    test('kafka-console-consumer waits at the end and sees what comes', async () => {
      await createTopic(server.bootstrap, { topic: 'console-latest' })
      await kcat(['-P', '-b', server.bootstrap, '-t', 'console-latest'], 'before\n')
      const where = ['--topic', 'console-latest', '--partition', '0', '--offset', '0']
      const { command, args } = shortKafkaProgram('kafka-console-consumer', [...at(), ...where])
      const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] })
      onTestFinished(() => void child.kill('SIGKILL'))
      let said = ''
      child.stdout.setEncoding('utf8').on('data', (text) => {
        said += text
      })
      await expect.poll(() => said, { timeout: 60_000 }).toBe('before\n')
      await kcat(['-P', '-b', server.bootstrap, '-t', 'console-latest'], 'after\n')
      await expect.poll(() => said, { timeout: 30_000 }).toBe('before\nafter\n')
    })

    test.for(['-1', '1', '0'])(
      'kafka-verifiable-producer with acks=%s is told of each record and all are there',
      async (acks) => {
        const topic = `verifiable${acks}`
        await createTopic(server.bootstrap, { topic, partitions: 2 })
        const args = [...at(), '--topic', topic, '--max-messages', '5000', '--acks', acks, '--repeating-keys', '7']
        const events = (await kafkaTool('kafka-verifiable-producer', args))
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line))
        expect(events.filter(({ name }) => name === 'producer_send_error')).toEqual([])
        expect(events.filter(({ name }) => name === 'producer_send_success')).toHaveLength(5000)
        expect(events.at(-1)).toMatchObject({ name: 'tool_data', sent: 5000, acked: 5000 })
        await expect.poll(() => endOffsetsOf(server.bootstrap, topic), { timeout: 10_000 }).toBe(5000)
        const values = (await kcatOut(topic))
          .trimEnd()
          .split('\n')
          .map(Number)
          .toSorted((a, b) => a - b)
        expect(values).toEqual(Array.from({ length: 5000 }, (_, index) => index))
      },
    )

    test.for(['none', 'zstd'])('kafka-producer-perf-test with %s puts in what it counts', async (codec) => {
      const topic = `perf-${codec}`
      await createTopic(server.bootstrap, { topic, partitions: 3 })
      const load = ['--num-records', '20000', '--record-size', '1000', '--throughput', '-1']
      const settings = ['--command-property', 'acks=all', `compression.type=${codec}`]
      const out = await kafkaTool('kafka-producer-perf-test', [...at(), '--topic', topic, ...load, ...settings])
      expect(out).toMatch(/^20000 records sent, /m)
      expect(await endOffsetsOf(server.bootstrap, topic)).toBe(20_000)
      const sizes = (await kcatOut(topic, ['-f', '%S\n'])).trimEnd().split('\n')
      expect(sizes).toHaveLength(20_000)
      expect(new Set(sizes)).toEqual(new Set(['1000']))
    })
  },
)

/** The data set is ASCII here: characters are bytes. */
const asText = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')
