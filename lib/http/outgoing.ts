import * as z from 'zod/mini'
import type { ValueFormat } from '../log/config.ts'
import type { BatchRecord } from '../protocol/record.ts'
import { described } from './parameters.ts'
import { valueFrom } from './value.ts'

export const outgoingSchema = z.object({
  partition: z.int(),
  offset: z.int(),
  timestamp: z.nullable(z.int()),
  key: described(z.unknown(), 'Like a value.'),
  value: described(
    z.unknown(),
    'Any JSON; null: a tombstone; { "$bytes": base64 }: any bytes, or a text that is too large as JSON; ' +
      '{ "$bytes": null, "sizeBytes": … }: more than an answer carries. Stored batches and Kafka’s protocol have it.',
  ),
  headers: z.record(z.string(), z.unknown()),
})

/** A record as it is told. */
export type Outgoing = {
  readonly partition: number
  readonly offset: number
  /** In ms; null where the record has none. */
  readonly timestamp: number | null
  readonly key: unknown
  readonly value: unknown
  /** By name; a header that is there more than once has an array. */
  readonly headers: Readonly<Record<string, unknown>>
}

export const outgoingFrom = (partition: number, record: BatchRecord, format: ValueFormat): Outgoing => ({
  partition,
  offset: Number(record.offset),
  timestamp: record.timestamp < 0n ? null : Number(record.timestamp),
  // What a topic says of its values says nothing of its keys.
  key: valueFrom(record.key, format === 'json' ? 'auto' : format),
  value: valueFrom(record.value, format),
  headers: headersFrom(record.headers),
})

const headersFrom = (headers: BatchRecord['headers']): Readonly<Record<string, unknown>> => {
  const values = new Map<string, unknown[]>()
  for (const { key, value } of headers) {
    const told = valueFrom(value, 'string')
    const others = values.get(key)
    if (others) others.push(told)
    else values.set(key, [told])
  }
  return Object.fromEntries([...values].map(([key, all]) => [key, all.length === 1 ? all[0] : all]))
}
