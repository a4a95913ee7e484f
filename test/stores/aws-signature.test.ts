import { expect, test } from 'vitest'
import { requestSignature } from '../../lib/store/aws-signature.ts'

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret', sessionToken: 'session' }
const url = 'https://abc.execute-api.eu-central-1.amazonaws.com/v1/topics?prefix=a&limit=2'
const body = Buffer.alloc(0)

const scopeOf = (address: string, region?: string) =>
  requestSignature({ method: 'GET', url: address, contentType: undefined, body, region }, credentials)['authorization']

test('the service and the region are in the name of the host', () => {
  expect(scopeOf(url)).toMatch(/AKIDEXAMPLE\/\d{8}\/eu-central-1\/execute-api\/aws4_request/)
  expect(scopeOf('https://abc.lambda-url.us-east-1.on.aws/kafka/fetch')).toContain('/us-east-1/lambda/aws4_request')
})

test('a domain of its own needs a region', () => {
  expect(scopeOf('https://kafka.example.org/v1/topics', 'eu-west-1')).toContain('/eu-west-1/execute-api/')
  expect(() => scopeOf('https://kafka.example.org/v1/topics')).toThrow('set AWS_REGION')
})

test('the type of the body and the session are signed, host and length are left to whoever sends', () => {
  const request = { method: 'POST', url, contentType: 'application/json', body: Buffer.from('{}'), region: undefined }
  const headers = requestSignature(request, credentials)
  expect(headers['authorization']).toMatch(
    /SignedHeaders=content-length;content-type;host;x-amz-date;x-amz-security-token,/,
  )
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'x-amz-security-token': 'session' })
  expect(Object.keys(headers)).not.toContain('host')
  expect(Object.keys(headers)).not.toContain('content-length')
})
