import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Fields, includes } from '../../lib/protocol/declare.ts'
import { MalformedFrame, Reader } from '../../lib/protocol/reader.ts'
import { Writer } from '../../lib/protocol/writer.ts'
import { anyMessage, codecOf, directions, everyApi, type Message, versionsOf } from './every-message.ts'

/** Every API, direction and version. */
const everyMessage = everyApi.flatMap((api) =>
  directions.flatMap((direction) =>
    versionsOf(api).map((version) => ({
      name: `${api.name} ${direction} v${version}`,
      flexible: includes(api.flexible, version),
      codec: codecOf(api, direction, version),
      messages: anyMessage(api[direction], version),
      defaults: defaultsOf(api[direction]),
    })),
  ),
)

type Case = (typeof everyMessage)[number]

function defaultsOf(fields: Fields): Message {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.default]))
}

const encode = ({ codec }: Case, message: Message): Buffer => {
  const writer = new Writer()
  codec.write(writer, message)
  return writer.toBuffer()
}

/** Checks each kind of message on its own, so that a failure tells which it is. */
const forEachCase = (runsEach: number, check: (one: Case, message: Message) => void): void => {
  for (const one of everyMessage) {
    const property = fc.property(one.messages, (message) => check(one, message))
    fc.assert(property, {
      numRuns: runsEach,
      reporter: (run) => {
        if (run.failed) throw new Error(`${one.name}: ${fc.defaultReportMessage(run)}`, { cause: run.errorInstance })
      },
    })
  }
}

test('every message of every version is read as it was written', () => {
  forEachCase(15, (one, message) => {
    const reader = new Reader(encode(one, message))
    expect(one.codec.read(reader)).toEqual(message)
    expect(reader.remaining).toBe(0)
  })
})

test('bytes after a message are ignored', () => {
  forEachCase(3, (one, message) => {
    const bytes = Buffer.concat([encode(one, message), Buffer.from('junk')])
    expect(one.codec.read(new Reader(bytes))).toEqual(message)
  })
})

test('unknown tags are ignored', () => {
  for (const one of everyMessage.filter(({ flexible }) => flexible)) {
    const bytes = encode(one, one.defaults)
    // The message ends with its number of tagged fields, none. It gets one instead: tag 90 with three bytes.
    expect(bytes.at(-1)).toBe(0)
    const tagged = Buffer.concat([bytes.subarray(0, -1), Buffer.from([1, 90, 3, 7, 7, 7])])
    const reader = new Reader(tagged)
    expect(one.codec.read(reader)).toEqual(one.defaults)
    expect(reader.remaining).toBe(0)
  }
})

test('fields that are left out are written as their defaults', () => {
  for (const one of everyMessage) expect(encode(one, {})).toEqual(encode(one, one.defaults))
})

test('any part of a message is malformed or reads as less, and nothing else happens', () => {
  forEachCase(2, (one, message) => {
    const bytes = encode(one, message)
    for (let length = 0; length < bytes.length; length++) readOrRefuse(one, bytes.subarray(0, length))
  })
})

test('a mutated message is malformed or reads as something no larger than its bytes, and nothing else happens', () => {
  const mutations = fc.array(anyMutation, { minLength: 1, maxLength: 3 })
  for (const one of everyMessage) {
    const property = fc.property(one.messages, mutations, (message, changes) => {
      const mutated = changes.reduce(mutate, encode(one, message))
      const read = readOrRefuse(one, mutated)
      expect(listElements(read)).toBeLessThanOrEqual(mutated.length)
    })
    fc.assert(property, { numRuns: 40 })
  }
})

/** What it reads as, or undefined when it is malformed. Any other error is one of ours and fails the test. */
const readOrRefuse = ({ codec }: Case, bytes: Buffer): Message | undefined => {
  try {
    return codec.read(new Reader(bytes))
  } catch (error) {
    if (error instanceof MalformedFrame) return undefined
    throw error
  }
}

const listElements = (value: unknown): number => {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return 0
  const inner = Object.values(value).reduce<number>((sum, one) => sum + listElements(one), 0)
  return Array.isArray(value) ? inner + value.length : inner
}

type Mutation = { readonly at: number; readonly cut: number; readonly put: Uint8Array }

/** At some place, some bytes are cut out and others put in: changed bits, shifted fields, extreme lengths. */
const anyMutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat({ max: 500 }),
  cut: fc.constantFrom(0, 1, 1, 2, 4),
  put: fc.oneof(
    fc.uint8Array({ maxLength: 4 }),
    fc
      .constantFrom('7fffffff', 'ffffffff', 'fffffffe', '80000000', '00ffffff', 'ffffffff0f', 'ffffffffff', '7fff')
      .map((hex) => Uint8Array.from(Buffer.from(hex, 'hex'))),
  ),
})

const mutate = (bytes: Buffer, { at, cut, put }: Mutation): Buffer => {
  const position = at % (bytes.length + 1)
  return Buffer.concat([bytes.subarray(0, position), put, bytes.subarray(position + cut)])
}
