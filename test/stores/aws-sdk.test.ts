import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { expect, onTestFinished, test } from 'vitest'
import { dynamoItems } from '../../lib/store/dynamodb.ts'
import { s3Objects } from '../../lib/store/s3.ts'
import { createBucket, createTable, sdkOptions, startEmulator } from '../support/emulator.ts'

/** AWS's own SDK beside our clients, on the same table and bucket. */
const both = async () => {
  const { dynamo, s3, close } = await startEmulator()
  await createTable(dynamo, 'table')
  await createBucket(s3, 'bucket')
  const sdk = { items: new DynamoDBClient(sdkOptions(dynamo)), objects: new S3Client(sdkOptions(s3)) }
  const ours = { items: dynamoItems(dynamo, 'table'), objects: s3Objects(s3, 'bucket') }
  onTestFinished(async () => {
    sdk.items.destroy()
    sdk.objects.destroy()
    ours.items[Symbol.dispose]()
    ours.objects[Symbol.dispose]()
    await close()
  })
  return { sdk, ours }
}

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, value) => value))

test("an item is read by AWS's own SDK as it was put", async () => {
  const { sdk, ours } = await both()
  await ours.items.putIfAbsent({ partition: 'p', sort: 'é' }, { attempt: 'one', body: everyByte })
  const Key = { pk: { S: 'p' }, sk: { S: 'é' } }
  const read = async () => (await sdk.items.send(new GetItemCommand({ TableName: 'table', Key }))).Item
  const item = { ...Key, a: { S: 'one' }, v: { N: '1' }, b: { B: new Uint8Array(everyByte) } }
  expect(await read()).toEqual(item)
  await ours.items.replace({ partition: 'p', sort: 'é' }, { attempt: 'two', body: Buffer.alloc(0) }, 1)
  expect(await read()).toEqual({ ...item, a: { S: 'two' }, v: { N: '2' }, b: { B: new Uint8Array() } })
})

test("an item that AWS's own SDK has put is read, and is in the way", async () => {
  const { sdk, ours } = await both()
  const Item = { pk: { S: 'p' }, sk: { S: 's' }, a: { S: 'one' }, v: { N: '12' }, b: { B: everyByte } }
  await sdk.items.send(new PutItemCommand({ TableName: 'table', Item }))
  const key = { partition: 'p', sort: 's' }
  const item = { sort: 's', attempt: 'one', version: 12, body: everyByte }
  expect(await ours.items.get(key, { consistent: true })).toEqual(item)
  const late = await ours.items.putIfAbsent(key, { attempt: 'two', body: Buffer.alloc(0) })
  expect(late).toEqual({ outcome: 'taken', by: item })
})

const keys = ['t/0/wal/000000000001-x_Y-z', 'a b', 'a+b', '<&>"\'', 'é']

test("an object is read and listed by AWS's own SDK as it was put in parts", async () => {
  const { sdk, ours } = await both()
  for (const key of keys) {
    await ours.objects.putIfAbsent(key, [everyByte, Buffer.from('end')])
    const { Body } = await sdk.objects.send(new GetObjectCommand({ Bucket: 'bucket', Key: key }))
    expect(Buffer.from((await Body?.transformToByteArray()) ?? [])).toEqual(
      Buffer.concat([everyByte, Buffer.from('end')]),
    )
  }
  const { Contents = [] } = await sdk.objects.send(new ListObjectsV2Command({ Bucket: 'bucket' }))
  expect(Contents.map(({ Key }) => Key).toSorted()).toEqual(keys.toSorted())
})

test("an object that AWS's own SDK has put is read and listed", async () => {
  const { sdk, ours } = await both()
  for (const Key of keys) await sdk.objects.send(new PutObjectCommand({ Bucket: 'bucket', Key, Body: everyByte }))
  const listed = await ours.objects.list('', '')
  expect(listed.map(({ key }) => key).toSorted()).toEqual(keys.toSorted())
  for (const { key, sizeBytes } of listed) {
    expect(sizeBytes).toBe(256)
    expect(await ours.objects.read(key)).toEqual(everyByte)
    expect(await ours.objects.putIfAbsent(key, [Buffer.alloc(1)])).toBe('taken')
  }
})
