import { createHash } from 'node:crypto'
import type { Context } from 'hono'
import { singleWriteOf } from '../log/producers.ts'
import { HttpProblem } from './http-problem.ts'

/** What makes a request the same when it is repeated. */
export type Identity =
  | { readonly kind: 'none' }
  /** The key stands for a producer that writes once. */
  | { readonly kind: 'key'; readonly key: string; readonly producerId: bigint }
  | {
      readonly kind: 'producer'
      readonly producerId: bigint
      readonly producerEpoch: number
      readonly baseSequence: number
    }

/** Where partitions must end for the records to be appended. */
export type Conditions = ReadonlyMap<number, bigint>

const maxKeyCharacters = 255
const maxEpoch = 2 ** 15 - 1
const maxSequence = 2 ** 31 - 1

/** The headers with a meaning for who produces, for the OpenAPI document. */
export const produceHeaders = {
  'Idempotency-Key': 'Any text of up to 255 characters: a repeat within 10 minutes gets the same answer.',
  'Producer-Id': 'Kafka’s idempotence, with Producer-Epoch and Producer-Seq: ids are given by POST /v1/producers.',
  'Producer-Epoch': 'The epoch of the producer.',
  'Producer-Seq': 'The sequence of the first record: how many this producer has appended to the partition before.',
  'If-Match': '"<partition>:<offset>": only if the partition ends there.',
  Prefer: 'return=minimal: an answer without a body.',
} as const

export const identityOf = (c: Context): Identity => {
  const key = c.req.header('idempotency-key')
  const [id, epoch, sequence] = ['producer-id', 'producer-epoch', 'producer-seq'].map((name) => c.req.header(name))
  const isProducer = id !== undefined || epoch !== undefined || sequence !== undefined
  if (key !== undefined) {
    if (isProducer) throw invalid('Idempotency-Key and Producer-Id are two identities, a request has one.')
    if (key.length === 0 || key.length > maxKeyCharacters) {
      throw invalid(`Idempotency-Key has 1 to ${maxKeyCharacters} characters.`)
    }
    const hash = createHash('sha256').update('idempotency-key\0').update(key).digest()
    return { kind: 'key', key, producerId: singleWriteOf(hash) }
  }
  if (!isProducer) return { kind: 'none' }
  return {
    kind: 'producer',
    producerId: BigInt(numberOf('Producer-Id', id, Number.MAX_SAFE_INTEGER)),
    producerEpoch: numberOf('Producer-Epoch', epoch, maxEpoch),
    baseSequence: numberOf('Producer-Seq', sequence, maxSequence),
  }
}

const invalid = (detail: string): HttpProblem => new HttpProblem('INVALID_REQUEST', detail)

const numberOf = (name: string, text: string | undefined, maximum: number): number => {
  if (text === undefined)
    throw invalid(`Producer-Id, Producer-Epoch and Producer-Seq come together: ${name} is missing.`)
  if (!/^\d{1,16}$/.test(text) || Number(text) > maximum) throw invalid(`${name} is a whole number up to ${maximum}.`)
  return Number(text)
}

/** `If-Match: "0:42", "1:7"`. */
export const conditionsOf = (c: Context): Conditions => {
  const header = c.req.header('if-match')
  if (header === undefined) return new Map()
  const ends = header.split(',').map((text): readonly [number, bigint] => {
    const found = /^"(\d{1,10}):(\d{1,16})"$/.exec(text.trim())
    if (found === null) throw invalid('If-Match is "<partition>:<offset>" in quotes, as in "0:42".')
    return [Number(found[1]), BigInt(found[2] ?? '')]
  })
  if (new Set(ends.map(([partition]) => partition)).size < ends.length) {
    throw invalid('If-Match names each partition once.')
  }
  return new Map(ends)
}

export const wantsNothing = (c: Context): boolean =>
  /(^|[,;\s])return=minimal($|[,;\s])/i.test(c.req.header('prefer') ?? '')
