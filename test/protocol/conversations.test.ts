import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Api } from '../../lib/protocol/declare.ts'
import {
  type RequestHeader,
  readRequest,
  readRequestHeader,
  readResponse,
  writeRequest,
  writeResponse,
} from '../../lib/protocol/header.ts'
import { Reader } from '../../lib/protocol/reader.ts'
import { everyApi, type Message } from './every-message.ts'

/**
 * What unmodified clients said to Apache Kafka 4.2.1 and what it answered: one exchange a line, request and response in
 * hex without their sizes, no response where there was none (acks 0). Clients: kcat 1.7.1 with librdkafka, Apache's
 * own tools 4.2.1, kafkajs 2.2.4, @platformatic/kafka 2.12.1.
 */
const folder = new URL('frames/', import.meta.url)

type Exchange = {
  readonly api: Api
  readonly header: RequestHeader
  readonly request: Buffer
  readonly response: Buffer
}

const exchangesOf = (file: string): readonly Exchange[] =>
  readFileSync(new URL(file, folder), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [request, response] = line.split(' ').map((hex) => Buffer.from(hex, 'hex'))
      if (request === undefined) throw new Error(`${file} has an empty line`)
      const header = readRequestHeader(new Reader(request))
      const api = everyApi.find(({ key }) => key === header.apiKey)
      if (api === undefined) throw new Error(`${file} has a request of API ${header.apiKey}`)
      return { api, header, request, response: response ?? Buffer.alloc(0) }
    })

const files = readdirSync(folder).filter((name) => name.endsWith('.hex'))

test.each(files)('%s: each request, written again as it was read, has the same bytes', (file) => {
  for (const { api, header, request } of exchangesOf(file)) {
    const reader = new Reader(request)
    readRequestHeader(reader)
    const body: Message = readRequest(api, header.apiVersion, reader)
    const again = withoutSize(writeRequest(api, header.apiVersion, header, body))
    expect([api.name, header.apiVersion, again]).toEqual([api.name, header.apiVersion, request.toString('hex')])
  }
})

test.each(files)('%s: each response, written again as it was read, has the same bytes', (file) => {
  for (const { api, header, response } of exchangesOf(file).filter((exchange) => exchange.response.length > 0)) {
    const { correlationId, body } = readResponse(api, header.apiVersion, response)
    const again = withoutSize(writeResponse(api, header.apiVersion, correlationId, body))
    expect([api.name, header.apiVersion, again]).toEqual([api.name, header.apiVersion, response.toString('hex')])
  }
})

const withoutSize = (frame: readonly Buffer[]): string => Buffer.concat(frame).subarray(4).toString('hex')
