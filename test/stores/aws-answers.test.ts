import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import type { AwsAccess } from '../../lib/store/aws-client.ts'
import { dynamoItems } from '../../lib/store/dynamodb.ts'
import { StoreSetupError, StoreUnavailable } from '../../lib/store/items.ts'
import { s3Objects } from '../../lib/store/s3.ts'
import { anybody, patient, startEmulator } from '../support/emulator.ts'
import { listening } from '../support/loopback.ts'

/** What a service answers to one request: a status and an error code, a closed connection, nothing at all. */
type Answer = { readonly status: number; readonly code: string } | 'reset' | 'silence'

/** A service that gives these answers, then succeeds with nothing in it; and how often it was asked. */
const serviceThat = async (...answers: readonly Answer[]): Promise<AwsAccess & { readonly asked: () => number }> => {
  let asked = 0
  const server = createServer(async (request, response) => {
    const answer = answers[asked++]
    await buffer(request)
    respond(request, response, answer)
  })
  // Only where silence is an answer is it short.
  const access = answers.includes('silence') ? anybody : patient
  return { ...access, endpoint: `http://${await listening(server)}`, asked: () => asked }
}

const respond = (request: IncomingMessage, response: ServerResponse, answer: Answer | undefined): void => {
  if (answer === 'silence') return
  if (answer === 'reset') return void request.socket.destroy()
  const isDynamo = request.headers['x-amz-target'] !== undefined
  if (answer === undefined) return void response.end(isDynamo ? '{}' : '')
  const { status, code } = answer
  response.writeHead(status, { 'content-type': isDynamo ? 'application/x-amz-json-1.0' : 'application/xml' })
  response.end(
    isDynamo
      ? JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${code}`, message: 'as told' })
      : `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>as told</Message></Error>`,
  )
}

const key = { partition: 'p', sort: 's' }
const item = { attempt: 'a', body: Buffer.from('body') }
const everything = { after: '', before: '~', limit: 10, consistent: true }

const noAnswers: readonly [what: string, answer: Answer][] = [
  ['a 500', { status: 500, code: 'InternalServerError' }],
  ['a 503', { status: 503, code: 'SlowDown' }],
  ['a closed connection', 'reset'],
  ['silence', 'silence'],
]

const throttled: readonly [what: string, answer: Answer][] = [
  ['a throttle', { status: 400, code: 'ThrottlingException' }],
  ['a hot partition', { status: 400, code: 'ProvisionedThroughputExceededException' }],
  ['too many requests', { status: 400, code: 'RequestLimitExceeded' }],
]

test.each([...noAnswers, ...throttled])(
  '%s to a put or replace of an item is unknown, after one try',
  async (_, answer) => {
    const service = await serviceThat(answer, answer)
    using items = dynamoItems(service, 't')
    expect(await items.putIfAbsent(key, item)).toMatchObject({ outcome: 'unknown' })
    expect(await items.replace(key, item, 1)).toMatchObject({ outcome: 'unknown' })
    expect(service.asked()).toBe(2)
  },
)

test.each([...noAnswers, ...throttled])('%s to a read or delete of an item is StoreUnavailable', async (_, answer) => {
  const service = await serviceThat(answer, answer, answer)
  using items = dynamoItems(service, 't')
  await expect(items.get(key, { consistent: true })).rejects.toThrow(StoreUnavailable)
  await expect(items.query('p', everything)).rejects.toThrow(StoreUnavailable)
  await expect(items.delete(key)).rejects.toThrow(StoreUnavailable)
  expect(service.asked()).toBe(3)
})

test.each(noAnswers.filter(([, answer]) => answer !== 'silence'))(
  '%s to a call about an object is StoreUnavailable, after one try',
  async (_, answer) => {
    const service = await serviceThat(answer, answer, answer, answer)
    using objects = s3Objects(service, 'b')
    await expect(objects.putIfAbsent('k', [item.body])).rejects.toThrow(StoreUnavailable)
    await expect(objects.read('k')).rejects.toThrow(StoreUnavailable)
    await expect(objects.list('k', '')).rejects.toThrow(StoreUnavailable)
    await expect(objects.delete('k')).rejects.toThrow(StoreUnavailable)
    expect(service.asked()).toBe(4)
  },
)

test('nobody there is unknown', async () => {
  const access = { ...anybody, endpoint: 'http://127.0.0.1:1' }
  using items = dynamoItems(access, 't')
  using objects = s3Objects(access, 'b')
  expect(await items.putIfAbsent(key, item)).toMatchObject({ outcome: 'unknown' })
  await expect(objects.putIfAbsent('k', [item.body])).rejects.toThrow(StoreUnavailable)
})

test('a failed condition that is not followed by a read is unknown', async () => {
  const service = await serviceThat({ status: 400, code: 'ConditionalCheckFailedException' }, 'reset')
  using items = dynamoItems(service, 't')
  expect(await items.putIfAbsent(key, item)).toMatchObject({ outcome: 'unknown' })
  expect(service.asked()).toBe(2)
})

test('two puts of one object at once: the refused one is tried again', async () => {
  const service = await serviceThat({ status: 409, code: 'ConditionalRequestConflict' })
  using objects = s3Objects(service, 'b')
  expect(await objects.putIfAbsent('k', [item.body])).toBe('stored')
  expect(service.asked()).toBe(2)
})

test('an object that is there after a conflict is taken', async () => {
  const conflict = { status: 409, code: 'ConditionalRequestConflict' }
  const service = await serviceThat(conflict, conflict, { status: 412, code: 'PreconditionFailed' })
  using objects = s3Objects(service, 'b')
  expect(await objects.putIfAbsent('k', [item.body])).toBe('taken')
})

test('an object of 5 MiB is sent in one request', async () => {
  const service = await serviceThat()
  using objects = s3Objects(service, 'b')
  expect(await objects.putIfAbsent('k', [Buffer.alloc(5 * 1024 * 1024)])).toBe('stored')
  expect(service.asked()).toBe(1)
})

test('a table that does not exist is an error that says so, and no unknown outcome', async () => {
  const { dynamo, close } = await startEmulator()
  onTestFinished(close)
  using items = dynamoItems(dynamo, 'nowhere')
  const advice = /the table nowhere: there is no such table: deploy it, or check its name and AWS_REGION/
  await expect(items.putIfAbsent(key, item)).rejects.toThrow(advice)
  await expect(items.get(key, { consistent: true })).rejects.toThrow(StoreSetupError)
  await expect(items.query('p', everything)).rejects.toThrow(advice)
  await expect(items.delete(key)).rejects.toThrow(advice)
})

test('a bucket that does not exist is an error that says so', async () => {
  const { s3, close } = await startEmulator()
  onTestFinished(close)
  using objects = s3Objects(s3, 'nowhere')
  const advice = /the bucket nowhere: there is no such bucket: deploy it, or check its name/
  await expect(objects.putIfAbsent('k', [item.body])).rejects.toThrow(advice)
  await expect(objects.read('k')).rejects.toThrow(StoreSetupError)
  await expect(objects.list('', '')).rejects.toThrow(advice)
  await expect(objects.delete('k')).rejects.toThrow(advice)
})

test.each([
  ['AccessDeniedException', /access is denied: allow this role/],
  ['UnrecognizedClientException', /the credentials are not accepted: check AWS_ACCESS_KEY_ID/],
  ['ExpiredTokenException', /the credentials have expired: renew them/],
])('%s says what to do', async (code, advice) => {
  using items = dynamoItems(await serviceThat({ status: 400, code }, { status: 400, code }), 't')
  await expect(items.putIfAbsent(key, item)).rejects.toThrow(StoreSetupError)
  await expect(items.get(key, { consistent: true })).rejects.toThrow(advice)
})

test('a request that is wrong in itself is thrown as it is', async () => {
  using items = dynamoItems(await serviceThat({ status: 400, code: 'ValidationException' }), 't')
  await expect(items.putIfAbsent(key, item)).rejects.toThrow('as told')
})
