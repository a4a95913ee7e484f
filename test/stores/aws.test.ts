import { randomUUID } from 'node:crypto'
import { test } from 'vitest'
import type { AwsAccess } from '../../lib/store/aws-client.ts'
import { dynamoItems } from '../../lib/store/dynamodb.ts'
import { s3Objects } from '../../lib/store/s3.ts'
import { createBucket, createTable, patient, startEmulator } from '../support/emulator.ts'
import { type ItemsUnderTest, itemsContract } from './items.contract.ts'
import { type ObjectsUnderTest, objectsContract } from './objects.contract.ts'

const openItems = async (access: AwsAccess, closeServer = async () => {}): Promise<ItemsUnderTest> => {
  const table = `wadi-${randomUUID()}`
  await createTable(access, table)
  await createTable(access, table)
  const items = dynamoItems(access, table)
  const close = async (): Promise<void> => {
    items[Symbol.dispose]()
    await closeServer()
  }
  return { items, close }
}

const openObjects = async (access: AwsAccess, closeServer = async () => {}): Promise<ObjectsUnderTest> => {
  const bucket = `wadi-${randomUUID()}`
  await createBucket(access, bucket)
  await createBucket(access, bucket)
  const objects = s3Objects(access, bucket)
  const close = async (): Promise<void> => {
    objects[Symbol.dispose]()
    await closeServer()
  }
  return { objects, close }
}

itemsContract('DynamoDB, embedded', async () => {
  const { dynamo, close } = await startEmulator()
  return openItems(dynamo, close)
})
objectsContract('S3, embedded', async () => {
  const { s3, close } = await startEmulator()
  return openObjects(s3, close)
})

const { AWS_ENDPOINT_URL: endpoint } = process.env
if (endpoint === undefined) {
  console.info('skipped: the contracts at AWS_ENDPOINT_URL, which is not set')
  test.skip('the contracts at AWS_ENDPOINT_URL, which is not set')
} else {
  itemsContract(`DynamoDB at ${endpoint}`, () => openItems({ ...patient, endpoint }), { smallPages: false })
  objectsContract(`S3 at ${endpoint}`, () => openObjects({ ...patient, endpoint }))
}
