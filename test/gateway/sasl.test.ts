import { expect, test } from 'vitest'
import type { Broker } from '../../lib/broker/broker.ts'
import { type Authenticate, SaslLogin } from '../../lib/gateway/sasl.ts'
import { errors } from '../../lib/protocol/errors.ts'
import { readResponse, writeRequest } from '../../lib/protocol/header.ts'
import { ApiVersions } from '../../lib/protocol/messages/api-versions.ts'
import { Metadata } from '../../lib/protocol/messages/metadata.ts'
import { SaslAuthenticate } from '../../lib/protocol/messages/sasl-authenticate.ts'
import { SaslHandshake } from '../../lib/protocol/messages/sasl-handshake.ts'

const broker: Broker = async () => []
const header = { correlationId: 3, clientId: 'test' }
const sizeBytes = 4

const authenticate: Authenticate = async ({ username, password }) =>
  username === 'ada' && password === 'secret' ? broker : undefined

const handshake = async (login: SaslLogin, mechanism: string) => {
  const frame = Buffer.concat(writeRequest(SaslHandshake, 1, header, { mechanism })).subarray(sizeBytes)
  return readResponse(SaslHandshake, 1, Buffer.concat(await login.answer(frame)).subarray(sizeBytes)).body
}

const say = async (login: SaslLogin, text: string) => {
  const request = { authBytes: Buffer.from(text) }
  const frame = Buffer.concat(writeRequest(SaslAuthenticate, 2, header, request)).subarray(sizeBytes)
  return readResponse(SaslAuthenticate, 2, Buffer.concat(await login.answer(frame)).subarray(sizeBytes)).body
}

test('name and password lead to a broker', async () => {
  const login = new SaslLogin(authenticate)
  expect(await handshake(login, 'PLAIN')).toEqual({ errorCode: errors.NONE, mechanisms: ['PLAIN'] })
  expect((await say(login, '\0ada\0secret')).errorCode).toBe(errors.NONE)
  expect(login).toMatchObject({ broker, hasFailed: false })
})

test('acting for oneself is allowed', async () => {
  const login = new SaslLogin(authenticate)
  await handshake(login, 'PLAIN')
  expect((await say(login, 'ada\0ada\0secret')).errorCode).toBe(errors.NONE)
})

test.each([
  ['a wrong password', '\0ada\0x'],
  ['a wrong name', '\0eve\0secret'],
  ['an empty name', '\0\0secret'],
  ['somebody else to act for', 'eve\0ada\0secret'],
  ['no separators', 'ada secret'],
  ['one part too many', '\0ada\0secret\0'],
  ['nothing', ''],
  ['far too much', `\0ada\0secret${' '.repeat(10_000)}`],
])('%s is refused, in the same words', async (_, text) => {
  const login = new SaslLogin(authenticate)
  await handshake(login, 'PLAIN')
  const { errorCode, errorMessage } = await say(login, text)
  expect(errorCode).toBe(errors.SASL_AUTHENTICATION_FAILED)
  expect(errorMessage).toBe('Authentication failed: the username or the password is wrong')
  expect(login).toMatchObject({ broker: undefined, hasFailed: true })
})

test('a password before a mechanism is not looked at', async () => {
  const login = new SaslLogin(authenticate)
  expect((await say(login, '\0ada\0secret')).errorCode).toBe(errors.ILLEGAL_SASL_STATE)
  expect(login.hasFailed).toBe(true)
})

test('a mechanism that is not there is answered with those that are', async () => {
  const login = new SaslLogin(authenticate)
  const told = await handshake(login, 'SCRAM-SHA-256')
  expect(told).toEqual({ errorCode: errors.UNSUPPORTED_SASL_MECHANISM, mechanisms: ['PLAIN'] })
  expect(login.hasFailed).toBe(true)
})

test('whoever asks for versions before the login hears of the login', async () => {
  const login = new SaslLogin(authenticate)
  const asked = { clientSoftwareName: '', clientSoftwareVersion: '' }
  const frame = Buffer.concat(writeRequest(ApiVersions, 3, header, asked)).subarray(sizeBytes)
  const { body } = readResponse(ApiVersions, 3, Buffer.concat(await login.answer(frame)).subarray(sizeBytes))
  expect(body.apiKeys).toContainEqual({ apiKey: SaslHandshake.key, minVersion: 0, maxVersion: 1 })
  expect(body.apiKeys).toContainEqual({ apiKey: SaslAuthenticate.key, minVersion: 0, maxVersion: 2 })
})

test('anything else before the login ends the connection', async () => {
  const login = new SaslLogin(authenticate)
  const asked = { topics: [], allowAutoTopicCreation: false }
  const frame = Buffer.concat(writeRequest(Metadata, 4, header, asked)).subarray(sizeBytes)
  await expect(login.answer(frame)).rejects.toThrow('before the login')
})
