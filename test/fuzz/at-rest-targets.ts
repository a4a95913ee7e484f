import { crc32 } from 'node:zlib'
import { apply } from '../../lib/log/apply.ts'
import { DamagedAtRest, NewerFormat } from '../../lib/log/at-rest.ts'
import { indexProblem } from '../../lib/log/check-bytes.ts'
import { decodeState, encodeState } from '../../lib/log/checkpoint.ts'
import type { Row } from '../../lib/log/row.ts'
import { decodeRow, encodeRow } from '../../lib/log/row-bytes.ts'
import { blockWithOffset, blockWithTimestamp, buildSegment, decodeIndex } from '../../lib/log/segment.ts'
import { emptyState, type Segment, type State, type TailBatch } from '../../lib/log/state.ts'
import { crc32c } from '../../lib/protocol/crc32c.ts'
import { MalformedFrame } from '../../lib/protocol/reader.ts'
import { DamagedPack, headOf, type PackRecord, recordAt } from '../../lib/store/pack-records.ts'
import type { Chance } from '../gateway/chance.ts'
import { batch } from '../support/batches.ts'
import { codecTarget, mustBe, mustEqual, type Target, unlessRefused } from './target.ts'

const nowMs = 1_700_000_000_000
const shard = 'q2bDzq5yQ0ezBUGvKs0Avg/0/'

const anySegment = (random: Chance, baseOffset = BigInt(random.below(1000))): Segment => ({
  name: `seg/${String(random.below(1000)).padStart(12, '0')}-abc`,
  position: random.below(2 ** 20),
  sizeBytes: 100 + random.below(2 ** 20),
  indexBytes: 20 + random.below(100),
  baseOffset,
  endOffset: baseOffset + BigInt(1 + random.below(100)),
  maxTimestamp: BigInt(nowMs + random.below(10_000)),
})

const rowKinds = ['append', 'append', 'append', 'flush', 'rewrite', 'trim', 'lead', 'tickets', 'expire', 'end'] as const

const anyRow = (random: Chance): Row => {
  const head = { id: `one-${random.below(2 ** 30)}`, at: nowMs + random.below(1000) }
  const partition = random.below(4)
  switch (random.pick(rowKinds)) {
    case 'append': {
      const isInline = random.oneIn(2)
      const bytesEach = 70 + random.below(20)
      const batches = Array.from({ length: 1 + random.below(4) }, (_, i) => {
        const isIdempotent = random.oneIn(2)
        return {
          partition: random.below(4),
          position: i * bytesEach,
          sizeBytes: bytesEach,
          count: 1 + random.below(50),
          maxTimestamp: random.oneIn(9) ? -1n : BigInt(nowMs + random.below(1000)),
          producerId: isIdempotent ? BigInt(random.below(5)) : -1n,
          producerEpoch: isIdempotent ? random.below(3) : -1,
          baseSequence: isIdempotent ? random.below(2 ** 31) : -1,
        }
      })
      return {
        ...head,
        kind: 'append',
        bytes: isInline
          ? { in: 'row', bytes: random.bytes(batches.length * bytesEach) }
          : { in: 'object', name: `wal/${String(random.below(99)).padStart(12, '0')}-x` },
        leaderEpoch: random.oneIn(3) ? random.below(9) : undefined,
        batches,
      }
    }
    case 'flush':
      return {
        ...head,
        kind: 'flush',
        from: random.below(10),
        upTo: 10 + random.below(10),
        segments: [{ partition, segment: anySegment(random) }],
      }
    case 'rewrite':
      return {
        ...head,
        kind: 'rewrite',
        partition,
        removed: [{ name: 'seg/000000000001-a', position: random.below(1000) }],
        added: [anySegment(random)],
      }
    case 'trim':
      return { ...head, kind: 'trim', partition, logStartOffset: BigInt(random.below(1000)) }
    case 'lead':
      return { ...head, kind: 'lead', node: random.below(9), epoch: random.below(99) }
    case 'tickets':
      return { ...head, kind: 'tickets', to: random.below(99) }
    case 'expire':
      return { ...head, kind: 'expire', partition, producers: [{ producerId: BigInt(random.below(5)), seq: 1 }] }
    case 'end':
      return { ...head, kind: 'end' }
  }
}

const rows: Target = codecTarget({
  name: 'row',
  share: 110,
  valid: (random) => encodeRow(anyRow(random)),
  repair: (mutant) => {
    if (mutant.length < 6) return mutant
    const bytes = Buffer.from(mutant)
    bytes.writeUInt8(1, 0)
    bytes.writeUInt32BE(crc32c(bytes.subarray(6), crc32c(bytes.subarray(0, 2))), 2)
    return bytes
  },
  refusals: [MalformedFrame, NewerFormat, DamagedAtRest],
  read: decodeRow,
  write: encodeRow,
})

const anyState = (random: Chance): State => {
  let state = emptyState
  for (let left = 1 + random.below(20); left > 0; left--) state = apply(state, anyRow(random))
  return state
}

const magicBytes = 4

/** The checksum that stands at `position`, over all that follows it. */
const withChecksumAt = (mutant: Buffer, position: number): Buffer => {
  if (mutant.length < position + 4) return mutant
  const bytes = Buffer.from(mutant)
  bytes.writeUInt32BE(crc32c(bytes.subarray(position + 4)), position)
  return bytes
}

const checkpoints: Target = codecTarget({
  name: 'checkpoint',
  share: 50,
  valid: (random) => encodeState(anyState(random), shard),
  repair: (mutant) => {
    mutant.write('WDCK', 0)
    return withChecksumAt(mutant, magicBytes)
  },
  refusals: [MalformedFrame, NewerFormat, DamagedAtRest],
  read: (input) => decodeState(input, shard),
  write: (state) => encodeState(state, shard),
})

const segmentOf = (random: Chance) => {
  let baseOffset = BigInt(random.below(1000))
  const batches: TailBatch[] = []
  const bytes: Buffer[] = []
  for (let left = 1 + random.below(6); left > 0; left--) {
    const records = 1 + random.below(5)
    const made = batch({ records, value: 'x'.repeat(random.oneIn(3) ? 9000 : 20), timestamp: BigInt(nowMs) })
    const source = { in: 'row', bytes: made } as const
    const facts = { seq: 1, appendedAt: nowMs, count: records, sizeBytes: made.length, leaderEpoch: 0 }
    batches.push({ ...facts, baseOffset, maxTimestamp: BigInt(nowMs + records - 1), source })
    bytes.push(made)
    baseOffset += BigInt(records)
  }
  return buildSegment(batches, bytes)
}

/** The index behind the batches of a segment. */
const indexes: Target = {
  name: 'index of a segment',
  share: 80,
  valid: (random) => segmentOf(random).parts.at(-1) ?? Buffer.alloc(0),
  repair: (mutant) => withChecksumAt(mutant, 0),
  run: (input) =>
    unlessRefused([MalformedFrame, NewerFormat, DamagedAtRest], () => {
      const blocks = decodeIndex(input)
      mustBe(blocks.length <= input.length, 'every block takes bytes')
      const facts = { name: 'seg/1-x', position: 0, sizeBytes: 10_000, indexBytes: input.length }
      const segment = { ...facts, baseOffset: 0n, endOffset: 1000n, maxTimestamp: BigInt(nowMs) }
      indexProblem(segment, blocks)
      blockWithOffset(blocks, 500n)
      blockWithTimestamp(segment, blocks, BigInt(nowMs))
    }),
  check: (valid) => mustBe(decodeIndex(valid).length > 0, 'a valid index has entries'),
}

/** A pack with a few records: every one that is found is within it, and they come to an end. */
const packs: Target = {
  name: 'pack',
  share: 80,
  valid: (random) => {
    const records = Array.from({ length: 1 + random.below(4) }, (_, i) => {
      const body = random.bytes(random.below(50))
      return Buffer.concat([headOf(`topic/0/wal/${i}`, body.length), body])
    })
    return Buffer.concat(records)
  },
  repair: (mutant) => {
    const header = Buffer.from(mutant)
    if (header.length < 20) return header
    header.writeUInt32BE(0x57616469, 0)
    header.writeUInt8(0x4c, 4)
    header.writeUInt32BE(crc32(header.subarray(20, 20 + header.readUInt16BE(6))), 12)
    header.writeUInt32BE(crc32(header.subarray(5, 16)), 16)
    return header
  },
  run: (input) => unlessRefused([DamagedPack], () => recordsOf(input)),
  check: (valid) => {
    const records = recordsOf(valid)
    const again = records.map(({ key, bodyPosition, bodyBytes }) => [
      headOf(key, bodyBytes),
      valid.subarray(bodyPosition, bodyPosition + bodyBytes),
    ])
    mustEqual(Buffer.concat(again.flat()), valid, 'a valid pack comes back as it was')
  },
}

const recordsOf = (pack: Buffer): readonly PackRecord[] => {
  const records: PackRecord[] = []
  const read = (position: number, length: number): Buffer => {
    mustBe(position >= 0 && position + length <= pack.length, 'only what is in the pack is read')
    return pack.subarray(position, position + length)
  }
  for (let position = 0; position < pack.length; ) {
    const record = recordAt(read, position, pack.length)
    if (record === 'torn') break
    mustBe(record.bodyPosition + record.bodyBytes <= pack.length, 'a body ends within the pack')
    mustBe(record.bodyPosition > position, 'records go forward')
    records.push(record)
    position = record.bodyPosition + record.bodyBytes
  }
  return records
}

export const atRestTargets: readonly Target[] = [rows, checkpoints, indexes, packs]
