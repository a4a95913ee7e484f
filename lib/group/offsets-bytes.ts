import {
  documentFrom,
  either,
  fields,
  formatAbove,
  oneOf,
  recordOf,
  text,
  tuple,
  whole,
} from '../store/document-shape.ts'
import { NewerGroupFormat } from './group-bytes.ts'
import type { Committed, OffsetsDocument } from './offsets.ts'

/**
 * Committed offsets at rest, JSON: `{ format, fence, commits, partitions }`, by partition
 * `[offset, leader epoch, metadata, time, which commit]`, the offset as text.
 */
const offsetsFormat = 1

type OffsetsAtRest = {
  readonly format: number
  readonly fence: number
  readonly commits: number
  readonly partitions: Readonly<Record<number, CommittedAtRest>>
}

type CommittedAtRest = readonly [
  offset: string,
  leaderEpoch: number,
  metadata: string,
  committedMs: number,
  commit: number,
]

export const encodeOffsets = ({ fence, commits, partitions }: OffsetsDocument): Buffer => {
  const entries = Object.entries(partitions).map(([index, one]): readonly [string, CommittedAtRest] => [
    index,
    [String(one.offset), one.leaderEpoch, one.metadata, one.committedMs, one.commit],
  ])
  const atRest: OffsetsAtRest = { format: offsetsFormat, fence, commits, partitions: Object.fromEntries(entries) }
  return Buffer.from(JSON.stringify(atRest))
}

const isOffset = (value: unknown): boolean => typeof value === 'string' && /^-?\d{1,19}$/.test(value)
const isIndex = (name: unknown): boolean => typeof name === 'string' && /^\d{1,10}$/.test(name)
const isOffsets = fields({
  format: oneOf(offsetsFormat),
  fence: whole,
  commits: whole,
  partitions: recordOf(tuple(isOffset, whole, text, whole, whole), isIndex),
})

/** Throws `NewerGroupFormat`, `DamagedDocument`. */
export const decodeOffsets = (body: Buffer): OffsetsDocument => {
  const { format, fence, commits, partitions } = documentFrom<OffsetsAtRest>(
    body,
    'a document of offsets',
    either(formatAbove(offsetsFormat), isOffsets),
  )
  if (format > offsetsFormat) throw new NewerGroupFormat(`format ${format}, known is ${offsetsFormat}`)
  const entries = Object.entries(partitions).map(([index, one]): readonly [string, Committed] => {
    const [offset, leaderEpoch, metadata, committedMs, commit] = one
    return [index, { offset: BigInt(offset), leaderEpoch, metadata, committedMs, commit }]
  })
  return { fence, commits, partitions: Object.fromEntries(entries) }
}
