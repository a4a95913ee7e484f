import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTopic } from '../support/admin.ts'
import { type DataRecord, flightsByOrigin } from '../support/dataset.ts'
import { createBucket, createTable, type Emulator, environmentOf, startEmulator } from '../support/emulator.ts'
import { expectSameByKey, readWithKcat, sendWithKcat } from '../support/kcat-records.ts'
import { against, type ServerUnderTest, startServer } from '../support/server.ts'
import { skipWithout } from '../support/tools.ts'

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

/** The server keeps nothing but a cache on its disk here: what it is asked after a kill comes from DynamoDB and S3. */
describe.skipIf(skipWithout('kcat') || against === 'kafka')('kcat, with DynamoDB and S3', { timeout: 120_000 }, () => {
  let emulator: Emulator
  let server: ServerUnderTest
  beforeAll(async () => {
    emulator = await startEmulator()
    await createTable(emulator.dynamo, 'wadi')
    await createBucket(emulator.s3, 'wadi')
    server = await startServer({
      ...environmentOf(emulator),
      WADI_TABLE: 'wadi',
      WADI_BUCKET: 'wadi',
    })
  })
  afterAll(async () => {
    await server[Symbol.asyncDispose]()
    await emulator.close()
  })

  const expectAll = async (expected: readonly DataRecord[]): Promise<void> => {
    for (const codec of codecs) expectSameByKey(await readWithKcat(server.bootstrap, `flights-${codec}`), expected)
  }

  test('flights in every compression come out the same, in order for each key', async () => {
    for (const codec of codecs) {
      const to = { bootstrap: server.bootstrap, topic: `flights-${codec}` }
      await createTopic(server.bootstrap, { topic: to.topic, partitions: 3 })
      expect((await sendWithKcat(to, flightsByOrigin(), ['-z', codec])).status).toBe(0)
    }
    await expectAll(flightsByOrigin())
  })

  test('they do after kill -9, and after maintenance', async () => {
    await server.killAndRestart()
    await expectAll(flightsByOrigin())
    await server.maintain()
    await expectAll(flightsByOrigin())
    await server.killAndRestart()
    await expectAll(flightsByOrigin())
  })
})
