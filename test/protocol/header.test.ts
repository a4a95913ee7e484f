import { expect, test } from 'vitest'
import { readRequest, readRequestHeader, readResponse, writeRequest, writeResponse } from '../../lib/protocol/header.ts'
import { ApiVersions } from '../../lib/protocol/messages/api-versions.ts'
import { Metadata } from '../../lib/protocol/messages/metadata.ts'
import { Produce } from '../../lib/protocol/messages/produce.ts'
import { MalformedFrame, Reader, zeroUuid } from '../../lib/protocol/reader.ts'

const caller = { correlationId: 7, clientId: 'tester' }
const hex = (buffers: readonly Buffer[]): string => Buffer.concat(buffers).toString('hex')

test('a request frame of an inflexible version has header version 1', () => {
  expect(hex(writeRequest(Metadata, 1, caller, { topics: null }))).toBe(
    '00000014' + '0003000100000007' + '0006746573746572' + 'ffffffff',
  )
})

test('a request frame of a flexible version has header version 2, with the client id not compact', () => {
  const frame = Buffer.concat(
    writeRequest(ApiVersions, 3, caller, { clientSoftwareName: 'a', clientSoftwareVersion: 'b' }),
  )
  expect(frame.toString('hex')).toBe('00000016' + '0012000300000007' + '0006746573746572' + '00' + '02610262' + '00')
  const reader = new Reader(frame.subarray(4))
  expect(readRequestHeader(reader)).toEqual({ apiKey: 18, apiVersion: 3, ...caller })
  expect(readRequest(ApiVersions, 3, reader)).toEqual({ clientSoftwareName: 'a', clientSoftwareVersion: 'b' })
})

test('tags of a header are ignored', () => {
  const header = Buffer.from(`00120003000000070006746573746572${'0205017f06021234'}`, 'hex')
  const reader = new Reader(Buffer.concat([header, Buffer.from('0261026200', 'hex')]))
  expect(readRequestHeader(reader).clientId).toBe('tester')
  expect(readRequest(ApiVersions, 3, reader).clientSoftwareVersion).toBe('b')
})

test('a client id may be null', () => {
  const reader = new Reader(Buffer.from('0012000000000007ffff', 'hex'))
  expect(readRequestHeader(reader)).toEqual({ apiKey: 18, apiVersion: 0, correlationId: 7, clientId: null })
})

test('a response of a flexible version has a tag count in its header, that of ApiVersions has none', () => {
  const versions = { errorCode: 0, apiKeys: [] }
  expect(hex(writeResponse(ApiVersions, 0, 7, versions))).toBe('0000000a' + '00000007' + '0000' + '00000000')
  expect(hex(writeResponse(ApiVersions, 3, 7, versions))).toBe(
    '0000000c' + '00000007' + '0000' + '01' + '00000000' + '00',
  )
  expect(hex(writeResponse(Produce, 9, 7, { responses: [] }))).toBe(
    '0000000b' + '00000007' + '00' + '01' + '00000000' + '00',
  )
})

test('a response is read as it was written', () => {
  const body = {
    throttleTimeMs: 1,
    brokers: [{ nodeId: 1, host: '127.0.0.1', port: 9092, rack: null }],
    clusterId: 'wadi',
    controllerId: 1,
    topics: [],
    clusterAuthorizedOperations: -2147483648,
    errorCode: 0,
  }
  for (const version of [8, 13]) {
    const [frame] = writeResponse(Metadata, version, 9, body)
    expect(readResponse(Metadata, version, frame?.subarray(4) ?? Buffer.alloc(0))).toEqual({ correlationId: 9, body })
  }
})

test('records are views when read and the same buffers when written', () => {
  const records = Buffer.alloc(100_000, 1)
  const topicData = [{ topicId: zeroUuid, partitionData: [{ index: 0, records }] }]
  const buffers = writeRequest(Produce, 13, caller, { acks: -1, timeoutMs: 1, topicData })
  expect(buffers).toContain(records)

  const frame = Buffer.concat(buffers)
  const reader = new Reader(frame.subarray(4))
  readRequestHeader(reader)
  const read = readRequest(Produce, 13, reader).topicData[0]?.partitionData[0]?.records
  expect(read?.equals(records)).toBe(true)
  expect(read?.buffer).toBe(frame.buffer)
})

test('null where the version has none is refused, not written', () => {
  const topics = [{ topicId: zeroUuid, name: null }]
  expect(() => writeRequest(Metadata, 9, caller, { topics })).toThrow(RangeError)
  expect(() => writeRequest(Metadata, 10, caller, { topics })).not.toThrow()
})

test('a frame shorter than its header is malformed', () => {
  expect(() => readRequestHeader(new Reader(Buffer.from('0012000000', 'hex')))).toThrow(MalformedFrame)
  expect(() => readResponse(Metadata, 9, Buffer.from('000000', 'hex'))).toThrow(MalformedFrame)
})
