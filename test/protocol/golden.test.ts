import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readRequest, readRequestHeader, readResponse, writeRequest, writeResponse } from '../../lib/protocol/header.ts'
import { Reader } from '../../lib/protocol/reader.ts'
import { skipWithout } from '../support/tools.ts'
import { anyMessage, directions, everyApi, versionsOf } from './every-message.ts'
import { type Golden, javaJson, readGoldens, writeGoldens } from './golden.ts'
import { header, officialFrames } from './official.ts'

/** Another seed asks Apache Kafka about other messages; `WADI_GOLDEN=freeze` keeps its longest answers. */
const seed = Number(process.env['WADI_TEST_SEED'] ?? 20_250_713)
const messagesEach = Number(process.env['WADI_TEST_MESSAGES'] ?? 2)
const freezing = process.env['WADI_GOLDEN'] === 'freeze'

const skip = skipWithout('javac')

const goldens = readGoldens()

test('the kept vectors hold every API, direction and version', () => {
  const kept = new Set(goldens.map(({ api, direction, version }) => `${api.name} ${direction} ${version}`))
  const declared = everyApi.flatMap((api) =>
    directions.flatMap((direction) => versionsOf(api).map((version) => `${api.name} ${direction} ${version}`)),
  )
  expect([...kept].sort()).toEqual(declared.sort())
})

test('kept messages are written as Apache Kafka writes them', () => {
  expect(goldens.map(describeFrame)).toEqual(goldens.map((golden) => [nameOf(golden), golden.frame]))
})

test('kept frames of Apache Kafka are read as the messages they were made of', () => {
  for (const golden of goldens) expect([nameOf(golden), read(golden)]).toEqual([nameOf(golden), golden.message])
})

test.skipIf(skip)('fresh messages become the same bytes here and in Apache Kafka', () => {
  const messages = everyApi.flatMap((api) =>
    directions.flatMap((direction) =>
      versionsOf(api).flatMap((version) =>
        fc
          .sample(anyMessage(api[direction], version), { seed, numRuns: messagesEach })
          .map((message) => ({ api, direction, version, message })),
      ),
    ),
  )
  const frames = officialFrames(messages.map((message) => ({ ...message, json: javaJson(message) })))
  const fresh = messages.map((message, index): Golden => ({ ...message, frame: frames[index] ?? '' }))
  expect(fresh.map(describeFrame), `seed ${seed}`).toEqual(fresh.map((golden) => [nameOf(golden), golden.frame]))
  for (const golden of fresh) expect([nameOf(golden), read(golden)]).toEqual([nameOf(golden), golden.message])
  if (freezing) writeGoldens(fresh)
})

const nameOf = ({ api, direction, version }: Golden): string => `${api.name} ${direction} v${version}`

const describeFrame = (golden: Golden): readonly [string, string] => [nameOf(golden), written(golden)]

const written = ({ api, direction, version, message }: Golden): string => {
  const buffers =
    direction === 'request'
      ? writeRequest(api, version, header, message)
      : writeResponse(api, version, header.correlationId, message)
  return Buffer.concat(buffers).subarray(4).toString('hex')
}

const read = ({ api, direction, version, frame }: Golden): unknown => {
  const bytes = Buffer.from(frame, 'hex')
  if (direction === 'response') return readResponse(api, version, bytes).body
  const reader = new Reader(bytes)
  expect(readRequestHeader(reader)).toEqual({ apiKey: api.key, apiVersion: version, ...header })
  return readRequest(api, version, reader)
}
