import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { findKcat } from '../../lib/bench/tools.ts'
import { createTopic, endOffsetsOf } from '../support/admin.ts'
import { type DataRecord, flights } from '../support/dataset.ts'
import { fetchTopic } from '../support/fetch.ts'
import { expectSameByKey } from '../support/kcat-records.ts'
import { type ServerUnderTest, startServer } from '../support/server.ts'
import { skipWithout } from '../support/tools.ts'

describe.skipIf(skipWithout('kcat'))('kill -9 while a producer is sending', { timeout: 120_000 }, () => {
  let server: ServerUnderTest
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  /** kcat with the first records on its way and its stdin open for the rest. */
  const sending = (topic: string, records: readonly DataRecord[]) => {
    // `-E`: it goes on when it loses its broker. A small batch makes many requests, so that the kill falls between two.
    const settings = ['-X', 'enable.idempotence=true', '-X', 'batch.size=16384', '-X', 'reconnect.backoff.max.ms=500']
    const args = ['-P', '-E', '-q', '-b', server.bootstrap, '-t', topic, '-K', '\t', ...settings]
    const child = spawn(findKcat() ?? 'kcat', args, { stdio: ['pipe', 'ignore', 'pipe'], timeout: 90_000 })
    onTestFinished(() => void child.kill('SIGKILL'))
    const ended = once(child, 'close')
    child.stderr.resume()
    child.stdin.write(asLines(records))
    return {
      finish: async (rest: readonly DataRecord[]): Promise<unknown> => {
        child.stdin.end(asLines(rest))
        const [status] = await ended
        return status
      },
    }
  }

  test.for(['killed', 'killed, maintained and killed again'])(
    'each record is there once and in order when the server was %s',
    async (what) => {
      const topic = what.replaceAll(/\W+/g, '-')
      const half = flights().length / 2
      await createTopic(server.bootstrap, { topic, partitions: 3 })
      const producer = sending(topic, flights().slice(0, half))
      await expect
        .poll(() => endOffsetsOf(server.bootstrap, topic), { interval: 10, timeout: 20_000 })
        .toBeGreaterThan(0)
      await server.killAndRestart()
      if (what !== 'killed') {
        await server.maintain()
        await server.killAndRestart()
      }
      expect(await producer.finish(flights().slice(half))).toBe(0)
      await server.killAndRestart()
      const stored = (await fetchTopic(server.bootstrap, topic)).map(({ key = '', value = '' }) => ({ key, value }))
      expectSameByKey(stored, flights())
    },
  )
})

const asLines = (records: readonly DataRecord[]): string =>
  records.map(({ key, value }) => `${key}\t${value}\n`).join('')
