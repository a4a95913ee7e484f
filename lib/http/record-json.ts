import type { BatchRecord } from '../protocol/record.ts'
import { type Outgoing, outgoingFrom } from './outgoing.ts'
import { leftOut } from './value.ts'

/** What an answer has beside a record at most: the partitions of a lease, or cursors of very many. */
const besideBytes = 200_000

/**
 * A record as the JSON that a door carries, so that its reader always gets behind it. What is too large as it is told is
 * base64, which takes a third more where JSON may take six times as much; what is too large even so is left out.
 */
export const recordJson = <Told extends Outgoing>(told: Told, record: BatchRecord, maxAnswerBytes: number): string => {
  const maxBytes = maxAnswerBytes - besideBytes
  for (const form of formsOf(told, record, maxBytes)) {
    const json = JSON.stringify(form)
    if (Buffer.byteLength(json) <= maxBytes) return json
  }
  throw new Error('a record without key, value and headers is small')
}

/** The same with less and less. What has more bytes than it may take as JSON is not even tried: it might be no string. */
function* formsOf<Told extends Outgoing>(told: Told, record: BatchRecord, maxBytes: number): Generator<Told> {
  const restBytes = sizeOf({ ...record, value: null })
  if (sizeOf(record) <= maxBytes) {
    yield told
    yield { ...told, ...outgoingFrom(told.partition, record, 'bytes') }
  }
  const value = leftOut(record.value)
  if (restBytes <= maxBytes) yield { ...told, value }
  yield { ...told, key: leftOut(record.key), value, headers: {} }
}

const sizeOf = ({ key, value, headers }: BatchRecord): number =>
  headers.reduce(
    (sum, header) => sum + Buffer.byteLength(header.key) + (header.value?.length ?? 0),
    (key?.length ?? 0) + (value?.length ?? 0),
  )
