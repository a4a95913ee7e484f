import { expect, test } from 'vitest'
import { apiTable, apiVersionsReply, refuseApiVersions, servedApi, servedApis } from '../../lib/protocol/apis.ts'
import { errorName, errors } from '../../lib/protocol/errors.ts'
import { readResponse, writeResponse } from '../../lib/protocol/header.ts'
import { ApiVersions } from '../../lib/protocol/messages/api-versions.ts'
import { Produce } from '../../lib/protocol/messages/produce.ts'
import { versionsOf } from './every-message.ts'

test('every listed version is answered, but for those of Produce that only stand in the list', () => {
  const refused = servedApis.flatMap(({ api, listed }) =>
    versionsOf({ ...api, versions: listed })
      .filter((version) => servedApi(api.key, version) !== api)
      .map((version) => `${api.name} v${version}`),
  )
  expect(refused).toEqual(['Produce v0', 'Produce v1', 'Produce v2'])
})

test('no version that is not listed is answered', () => {
  for (const { api, listed } of servedApis) {
    expect(servedApi(api.key, listed.first - 1)).toBeUndefined()
    expect(servedApi(api.key, listed.last + 1)).toBeUndefined()
  }
  expect(servedApi(999, 0)).toBeUndefined()
})

test('no key is listed twice', () => {
  const keys = servedApis.map(({ api }) => api.key)
  expect(keys).toEqual([...new Set(keys)])
})

test('the list of ApiVersions reads the same in every version', () => {
  const reply = apiVersionsReply()
  for (const version of versionsOf(ApiVersions)) {
    const frame = Buffer.concat(writeResponse(ApiVersions, version, 5, reply)).subarray(4)
    expect(readResponse(ApiVersions, version, frame).body).toMatchObject({ errorCode: 0, apiKeys: reply.apiKeys })
  }
  expect(reply.apiKeys).toContainEqual({ apiKey: Produce.key, minVersion: 0, maxVersion: 13 })
})

test('an unknown version of ApiVersions is answered in the layout of version 0 with the list', () => {
  const { correlationId, body } = readResponse(ApiVersions, 0, Buffer.concat(refuseApiVersions(5)).subarray(4))
  expect(correlationId).toBe(5)
  expect(body.errorCode).toBe(errors.UNSUPPORTED_VERSION)
  expect(body.apiKeys).toHaveLength(servedApis.length)
})

test('the table tells key, name and versions of each API', () => {
  expect(apiTable()).toContain('| 0 | Produce | 0–13 (answered from 3) |')
  expect(apiTable()).toContain('| 18 | ApiVersions | 0–4 |')
})

test('an error code has its name, an unknown one its number', () => {
  expect(errorName(errors.UNKNOWN_TOPIC_ID)).toBe('UNKNOWN_TOPIC_ID')
  expect(errorName(-1)).toBe('UNKNOWN_SERVER_ERROR')
  expect(errorName(1000)).toBe('error 1000')
})
