import { MalformedFrame, Reader } from '../protocol/reader.ts'
import { Writer } from '../protocol/writer.ts'

/**
 * What consumers of a classic group say and are told (Kafka docs: "ConsumerProtocolSubscription",
 * "ConsumerProtocolAssignment"), as far as describing needs it: version int16, then names, or names with indexes.
 */
const version = 0

export const subscriptionBytes = (names: readonly string[]): Buffer => {
  const writer = new Writer()
  writer.int16(version)
  writer.count(names.length)
  for (const name of names) writer.string(name)
  writer.nullableBytes(null)
  return writer.toBuffer()
}

/** Undefined where the bytes are something else. */
export const subscriptionOf = (metadata: Buffer): readonly string[] | undefined =>
  understood(metadata, (reader) => Array.from({ length: reader.count(2) ?? 0 }, () => reader.string()))

export const assignmentBytes = (topics: ReadonlyMap<string, Iterable<number>>): Buffer => {
  const writer = new Writer()
  writer.int16(version)
  writer.count(topics.size)
  for (const [name, partitions] of topics) {
    const indexes = [...partitions]
    writer.string(name)
    writer.count(indexes.length)
    for (const index of indexes) writer.int32(index)
  }
  writer.nullableBytes(null)
  return writer.toBuffer()
}

/** Partition indexes by topic name. Undefined where the bytes are something else. */
export const assignmentOf = (assignment: Buffer): ReadonlyMap<string, readonly number[]> | undefined =>
  understood(assignment, (reader) => {
    const topics = new Map<string, readonly number[]>()
    for (let left = reader.count(6) ?? 0; left > 0; left--) {
      const name = reader.string()
      topics.set(
        name,
        Array.from({ length: reader.count(4) ?? 0 }, () => reader.int32()),
      )
    }
    return topics
  })

const understood = <Value>(bytes: Buffer, read: (reader: Reader) => Value): Value | undefined => {
  const reader = new Reader(bytes)
  try {
    reader.int16()
    return read(reader)
  } catch (error) {
    if (error instanceof MalformedFrame) return undefined
    throw error
  }
}
