import { MalformedFrame, Reader } from '../protocol/reader.ts'
import { Writer } from '../protocol/writer.ts'

/** Where a reader of a topic is. */
export type Cursor = {
  /** A topic of the same name that was made later is another one. */
  readonly topicId: string
  /** Whether it is for all partitions, also those that are added later. */
  readonly isWhole: boolean
  /** The partition that is looked at first, so that none waits for ever where there are many. */
  readonly turn: number
  /** The offset that is read next, by partition. */
  readonly positions: ReadonlyMap<number, bigint>
}

const prefix = 'c1.'
const flags = { whole: 1 } as const

export const isCursor = (text: string): boolean => /^c\d+\./.test(text)

/** `c1.` and base64url of: topic id string · flags i8 · turn uvarint · count uvarint × (partition uvarint · offset varlong) */
export const encodeCursor = ({ topicId, isWhole, turn, positions }: Cursor): string => {
  const writer = new Writer()
  writer.compactString(topicId)
  writer.int8(isWhole ? flags.whole : 0)
  writer.unsignedVarint(turn)
  writer.unsignedVarint(positions.size)
  for (const [partition, offset] of positions) {
    writer.unsignedVarint(partition)
    writer.varlong(offset)
  }
  return `${prefix}${writer.toBuffer().toString('base64url')}`
}

/** Undefined for what is no cursor of this version. */
export const decodeCursor = (text: string): Cursor | undefined => {
  if (!text.startsWith(prefix)) return undefined
  const bytes = Buffer.from(text.slice(prefix.length), 'base64url')
  if (bytes.toString('base64url') !== text.slice(prefix.length)) return undefined
  try {
    const reader = new Reader(bytes)
    const topicId = reader.compactString()
    const isWhole = (reader.int8() & flags.whole) !== 0
    const turn = reader.unsignedVarint()
    const count = reader.unsignedVarint()
    const positions = new Map<number, bigint>()
    // A position takes two bytes or more: a count that cannot be true ends with the bytes.
    for (let i = 0; i < count; i++) positions.set(reader.unsignedVarint(), reader.varlong())
    return reader.remaining === 0 && positions.size === count ? { topicId, isWhole, turn, positions } : undefined
  } catch (error) {
    if (!(error instanceof MalformedFrame)) throw error
    return undefined
  }
}
