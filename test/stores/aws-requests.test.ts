import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb'
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { expect, onTestFinished, test } from 'vitest'
import type { AwsAccess } from '../../lib/store/aws-client.ts'
import { dynamoItems } from '../../lib/store/dynamodb.ts'
import { StoreSetupError } from '../../lib/store/items.ts'
import { s3Objects } from '../../lib/store/s3.ts'
import { anybody, sdkOptions } from '../support/emulator.ts'
import { listening } from '../support/loopback.ts'

/** A service that believes only who signs, by AWS's description of it ("Create a signed AWS API request"). */
const strictService = async (secretAccessKey: string): Promise<AwsAccess> => {
  const server = createServer(async (request, response) => {
    const body = await buffer(request)
    const isDynamo = request.headers['x-amz-target'] !== undefined
    if (!isSignedWith(secretAccessKey, request, body)) {
      response.writeHead(403)
      const code = isDynamo ? 'InvalidSignatureException' : 'SignatureDoesNotMatch'
      return void response.end(
        isDynamo ? JSON.stringify({ __type: `x#${code}` }) : `<Error><Code>${code}</Code></Error>`,
      )
    }
    if (isDynamo) return void response.end(JSON.stringify({ Items: [] }))
    response.end(request.url?.includes('list-type') ? '<ListBucketResult></ListBucketResult>' : 'bytes')
  })
  return { ...anybody, endpoint: `http://${await listening(server)}` }
}

/** Signs what arrived once more: from the bytes on the wire, not from what the client meant. */
const isSignedWith = (secret: string, request: IncomingMessage, body: Buffer): boolean => {
  const { method = '', url = '', headers } = request
  const [, scope = '', names = '', signature] =
    /Credential=[^/]+\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=(\w+)/.exec(headers.authorization ?? '') ?? []
  const [path = '', query = ''] = url.split('?')
  const hash = sha256(body)
  const canonical = [
    method,
    path,
    query.split('&').toSorted().join('&'),
    ...names.split(';').map((name) => `${name}:${String(headers[name]).trim()}`),
    '',
    names,
    hash,
  ].join('\n')
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(Buffer.from(canonical))].join('\n')
  const key = scope.split('/').reduce((made: string | Buffer, part) => hmac(made, part), `AWS4${secret}`)
  const isBodySigned = headers['x-amz-content-sha256'] === hash && names.includes('x-amz-content-sha256')
  return isBodySigned && names.split(';').includes('host') && hmac(key, text).toString('hex') === signature
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

const key = { partition: 'p', sort: 's' }
const keys = ['plain', 'a b', 'a+b', "it's", '%41', 'é', '\u{1f600}', 'a&b=c', '(1)*!', 'a/./b', 'a/../b', 'a//b']

test('every request is signed as it is sent, whatever is in the key', async () => {
  const access = await strictService('test')
  using items = dynamoItems(access, 't')
  using objects = s3Objects(access, 'b')
  expect(await items.putIfAbsent(key, { attempt: 'a', body: Buffer.from('é') })).toEqual({ outcome: 'stored' })
  for (const name of keys) {
    expect(await objects.putIfAbsent(name, [Buffer.from('two '), Buffer.from('parts')])).toBe('stored')
    expect((await objects.read(name)).toString()).toBe('bytes')
    expect(await objects.list(name, name)).toEqual([])
    await objects.delete(name)
  }
})

test("AWS's own SDK is believed as well, so the service is no stricter than it may be", async () => {
  const access = await strictService('test')
  const [items, objects] = [new DynamoDBClient(sdkOptions(access)), new S3Client(sdkOptions(access))]
  onTestFinished(() => {
    items.destroy()
    objects.destroy()
  })
  await items.send(new GetItemCommand({ TableName: 't', Key: { pk: { S: 'p' }, sk: { S: 's' } } }))
  for (const name of keys.slice(0, 9)) {
    await objects.send(new GetObjectCommand({ Bucket: 'b', Key: name }))
    await objects.send(new ListObjectsV2Command({ Bucket: 'b', Prefix: name, StartAfter: name }))
  }
})

test('who signs with another secret is told which variables to check', async () => {
  const access = await strictService('another')
  using items = dynamoItems(access, 't')
  using objects = s3Objects(access, 'b')
  const advice = /the credentials are not accepted: check AWS_ACCESS_KEY_ID/
  await expect(items.get(key, { consistent: true })).rejects.toThrow(advice)
  await expect(objects.read('k')).rejects.toThrow(advice)
})

test('credentials are asked for before every request, so that renewed ones are used', async () => {
  const access = await strictService('new')
  let secretAccessKey = 'old'
  const credentials = async () => ({ accessKeyId: 'a', secretAccessKey, sessionToken: 'token' })
  using items = dynamoItems({ ...access, credentials }, 't')
  await expect(items.delete(key)).rejects.toThrow(StoreSetupError)
  secretAccessKey = 'new'
  await items.delete(key)
})

test('without a region it says which variable is missing', () => {
  const { credentials } = anybody
  expect(() => dynamoItems({ credentials }, 't')).toThrow('the table t: no region is given: set AWS_REGION')
  expect(() => s3Objects({ credentials }, 'b')).toThrow('the bucket b: no region is given: set AWS_REGION')
})

test('a machine without credentials is told how to give some', async () => {
  const credentials = async () => {
    throw Object.assign(new Error('looked everywhere'), { name: 'CredentialsProviderError' })
  }
  using items = dynamoItems({ region: 'eu-west-1', credentials, endpoint: 'http://127.0.0.1:1' }, 't')
  const advice = /no credentials are found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE/
  await expect(items.putIfAbsent(key, { attempt: 'a', body: Buffer.alloc(0) })).rejects.toThrow(advice)
})
