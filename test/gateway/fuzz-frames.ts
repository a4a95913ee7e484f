import { type ServedApi, servedApis } from '../../lib/protocol/apis.ts'
import type { Codec } from '../../lib/protocol/compression.ts'
import type { Api, Field, Fields } from '../../lib/protocol/declare.ts'
import { includes } from '../../lib/protocol/declare.ts'
import { writeRequest, writeResponse } from '../../lib/protocol/header.ts'
import { zeroUuid } from '../../lib/protocol/reader.ts'
import { batch } from '../support/batches.ts'
import type { Chance } from './chance.ts'
import { mutateBatch } from './fuzz-mutate.ts'

/** Topics that the fuzzer creates, fills, changes and deletes. */
export const fuzzTopics = ['fuzz-0', 'fuzz-1', 'fuzz-2', 'fuzz-3'] as const

/** Requests in every served API and version that a broker must take seriously, without their sizes. */
export const fuzzFrame = (random: Chance, topicIds: readonly string[], nowMs = Date.now()): Buffer => {
  const [first, ...others] = servedApis
  if (first === undefined) throw new Error('no API is served')
  const served = random.pick<ServedApi>([first, ...others])
  const from = Math.max(served.listed.first, served.api.versions.first)
  const version = from + random.below(served.listed.last - from + 1)
  return writeAnyRequest(served.api, version, { random, topicIds, nowMs })
}

const writeAnyRequest = (api: Api, version: number, { random, topicIds, nowMs }: Surroundings): Buffer => {
  const world: World = { random, version, topicIds, nowMs, isCreating: api.name === 'CreateTopics' }
  const header = { correlationId: random.below(2 ** 31), clientId: random.pick(['fuzz', '', null, 'é'.repeat(100)]) }
  return Buffer.concat(writeRequest(api, version, header, structOf(api.request, world))).subarray(4)
}

/** A reply of an API in a version, without its size. */
export const writeAnyResponse = (api: Api, version: number, surroundings: Surroundings): Buffer => {
  const world: World = { ...surroundings, version, isCreating: false }
  return Buffer.concat(writeResponse(api, version, 7, structOf(api.response, world))).subarray(4)
}

type Surroundings = {
  readonly random: Chance
  readonly topicIds: readonly string[]
  readonly nowMs: number
}

type World = Surroundings & {
  readonly version: number
  readonly isCreating: boolean
}

const structOf = (fields: Fields, world: World): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, valueFor(name, field, world)]))

const valueFor = (name: string, field: Field, world: World): unknown => {
  const { random, version, topicIds, nowMs, isCreating } = world
  if (includes(field.nullable, version) && random.oneIn(name === 'records' ? 50 : 8)) return null
  switch (field.type) {
    case 'list':
      return Array.from({ length: random.pick([1, 1, 1, 0, 2, 5]) }, () => elementOf(name, field, world))
    case 'struct':
      return structOf(field.fields ?? {}, world)
    case 'bool':
      // Thousands of topics would only make the server slow, which is no news.
      return name === 'validateOnly' && isCreating ? !random.oneIn(100) : random.oneIn(2)
    case 'int8':
      return random.pick([0, 1, 2, -1, 127, -128])
    case 'int16':
      return name === 'acks' ? random.pick([-1, 1, 0]) : random.pick([-1, 1, 0, 3, 32767, -32768])
    case 'int32':
      return int32Of(name, random)
    case 'int64':
      return random.pick([0n, 1n, -1n, -2n, -3n, 5n, 1000n, BigInt(nowMs), 2n ** 63n - 1n, -(2n ** 63n)])
    case 'uuid':
      return random.pick([zeroUuid, ...topicIds])
    case 'string':
      return stringOf(name, random)
    case 'bytes':
      return random.bytes(random.below(50))
    case 'records':
      return recordsOf(random, nowMs)
  }
}

const elementOf = (name: string, { element }: Field, world: World): unknown =>
  element === undefined ? null : valueFor(name, element, world)

const int32Of = (name: string, random: Chance): number => {
  if (/wait/i.test(name)) return random.pick([0, 0, 0, 20, 10_000])
  if (/timeout/i.test(name)) return random.pick([1000, 0, -1])
  if (/partition|index|count/i.test(name)) return random.pick([0, 0, 0, 1, 2, -1, 5, 100_000])
  return random.pick([0, 1, -1, 1000, 1_000_000, 2 ** 31 - 1, -(2 ** 31)])
}

const stringOf = (name: string, random: Chance): string => {
  if (/config|value/i.test(name)) return random.pick(['retention.ms', 'cleanup.policy', '1000', 'delete', '', '∞'])
  if (/resource/i.test(name)) return random.pick(['1', '', ...fuzzTopics])
  if (random.oneIn(20)) return random.pick(['', '.', 'no such topic', 'x'.repeat(300), '\0'])
  return random.pick(fuzzTopics)
}

/** Batches as clients send them, and batches that only their checksum still vouches for. */
const recordsOf = (random: Chance, nowMs: number): Buffer => {
  const idempotent = { producerId: BigInt(random.below(5)), producerEpoch: 0, baseSequence: random.below(3) }
  const records = 1 + random.below(5)
  const codec = random.pick<Codec>(['none', 'none', 'gzip', 'snappy', 'lz4', 'zstd'])
  const value = 'x'.repeat(random.below(200))
  const good = batch({ records, value, codec, timestamp: BigInt(nowMs), ...(random.oneIn(3) && idempotent) })
  return random.oneIn(3) ? good : mutateBatch(good, random)
}
