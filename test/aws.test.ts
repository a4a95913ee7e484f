import { expect, test } from 'vitest'
import { openAws } from '../lib/aws.ts'
import { settingsFrom } from '../lib/environment.ts'
import { faultProxy } from './proof/fault-proxy.ts'
import { Random } from './simulation/random.ts'
import { createBucket, createTable, environmentOf, startEmulator } from './support/emulator.ts'

test('whoever starts waits a little for stores that are busy', async () => {
  const emulator = await startEmulator()
  await createTable(emulator.dynamo, 'wadi')
  await createBucket(emulator.s3, 'wadi')
  const environment = environmentOf(emulator)
  const url = environment['AWS_ENDPOINT_URL_DYNAMODB'] ?? environment['AWS_ENDPOINT_URL'] ?? ''
  // Seed 2 answers the first questions with 500.
  const proxy = await faultProxy(url, { 'answered 500 before': 0.7 }, new Random(2))
  const { aws, ...settings } = settingsFrom({ ...environment, WADI_STORE: 'aws', AWS_ENDPOINT_URL_DYNAMODB: proxy.url })
  const instance = await openAws({ ...settings, aws, log: () => {} })
  expect(proxy.requests()).toBeGreaterThan(1)
  instance.close()
  await proxy.close()
  await emulator.close()
})
