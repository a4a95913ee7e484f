import { acceptBatch, type Terms } from '../../lib/broker/accept-batch.ts'
import { blockProblem, tailProblem } from '../../lib/log/check-bytes.ts'
import { configOf } from '../../lib/log/config.ts'
import { endOf, firstInSegment, isBatch, lastToExceed, sliceFrom } from '../../lib/log/slice.ts'
import type { TailBatch } from '../../lib/log/state.ts'
import {
  at,
  batchesIn,
  CorruptBatch,
  crcMatches,
  lengthPrefixBytes,
  readBatchHeader,
} from '../../lib/protocol/batch.ts'
import { buildBatch, type NewRecord } from '../../lib/protocol/build-batch.ts'
import { type Codec, codecs, compress } from '../../lib/protocol/compression.ts'
import { CorruptCompression } from '../../lib/protocol/compression-limits.ts'
import { offsetForTimestamp, offsetOfMaxTimestamp, recordsIn } from '../../lib/protocol/record.ts'
import type { Chance } from '../gateway/chance.ts'
import { recordsOf, withCrc } from '../support/batches.ts'
import { mustBe, mustEqual, type Target, unlessRefused } from './target.ts'

const nowMs = 1_700_000_000_000
const unreadable = [CorruptBatch, CorruptCompression] as const

const anyRecord = (random: Chance, index: number): NewRecord => ({
  key: random.oneIn(3) ? null : random.bytes(random.below(12)),
  value: random.oneIn(8) ? null : random.bytes(random.below(random.oneIn(10) ? 600 : 30)),
  headers: Array.from({ length: random.below(3) }, (_, i) => ({
    key: `h${i}`,
    value: random.oneIn(3) ? null : random.bytes(random.below(8)),
  })),
  timestamp: BigInt(nowMs + index * random.below(1000)),
})

const anyBatch = (random: Chance, codec: Codec, baseOffset = 0n): Buffer => {
  const idempotent = {
    producerId: BigInt(random.below(1000)),
    producerEpoch: random.below(9),
    baseSequence: random.below(99),
  }
  const more = Array.from({ length: random.below(8) }, (_, i) => anyRecord(random, i + 1))
  return buildBatch({ records: [anyRecord(random, 0), ...more], codec, baseOffset, ...(random.oneIn(2) && idempotent) })
}

const anyCodec = (random: Chance): Codec =>
  random.pick(['none', 'none', 'none', 'gzip', 'snappy', 'snappy', 'lz4', 'lz4', 'zstd'])

/** Length and checksum as they would be of these bytes. */
const vouchedFor = (bytes: Buffer): Buffer => {
  if (bytes.length < at.records) return bytes
  bytes.writeInt32BE(bytes.length - lengthPrefixBytes, at.length)
  bytes.writeInt8(2, at.magic)
  return withCrc(bytes)
}

const behind = (bytes: Buffer, head: number): Buffer =>
  Buffer.concat([bytes.subarray(0, head), vouchedFor(Buffer.from(bytes.subarray(head)))])

const termsOf = (choice: number): Terms => ({
  config: configOf(configs[choice % configs.length] ?? { configs: {} }),
  nowMs,
  zstdAllowed: choice < 200,
})

const configs = [
  { configs: {} },
  { configs: { 'message.timestamp.type': 'LogAppendTime' } },
  { configs: { 'compression.type': 'uncompressed' } },
  { configs: { 'compression.type': 'lz4', 'message.timestamp.type': 'LogAppendTime' } },
  { configs: { 'compression.type': 'snappy' } },
  { configs: { 'message.timestamp.before.max.ms': '500', 'max.message.bytes': '300' } },
] as const

/** What a producer sends for a partition, behind a byte that chooses the configs of the topic. */
const produced: Target = {
  name: 'produced batch',
  share: 90,
  valid: (random) => Buffer.concat([Buffer.of(random.below(5)), anyBatch(random, anyCodec(random))]),
  repair: (mutant) => behind(mutant, 1),
  run: (input) => {
    const accepted = acceptBatch(0, input.subarray(1), termsOf(input[0] ?? 0))
    if ('refused' in accepted) return false
    const { bytes, count } = accepted.batch
    const header = readBatchHeader(bytes)
    mustBe(header.sizeBytes === bytes.length && crcMatches(bytes), 'what is accepted is a whole batch')
    mustBe(header.count === count && header.lastOffsetDelta === count - 1, 'what is accepted counts its records')
    return true
  },
  check: (valid) =>
    mustBe(!('refused' in acceptBatch(0, valid.subarray(1), termsOf(valid[0] ?? 0))), 'a valid batch is accepted'),
}

/** Several batches that follow each other, as in an object: damaged, or cut by a range. */
const stretches: Target = {
  name: 'stretch of batches',
  share: 80,
  valid: (random) => {
    let offset = BigInt(random.below(1000))
    const batches = Array.from({ length: 1 + random.below(4) }, () => {
      const bytes = anyBatch(random, anyCodec(random), offset)
      offset += BigInt(readBatchHeader(bytes).count)
      return bytes
    })
    return Buffer.concat(batches)
  },
  repair: (mutant) => {
    const bytes = Buffer.from(mutant)
    unlessRefused(unreadable, () => {
      for (const position of batchesIn(bytes)) {
        const end = position + lengthPrefixBytes + bytes.readInt32BE(position + at.length)
        withCrc(bytes.subarray(position, end))
      }
    })
    return bytes
  },
  run: (input) => {
    const offset = input.length < 8 ? 0n : input.readBigInt64BE()
    const isRead = [
      () => sliceFrom(input, offset + 1n, 300, { baseOffset: offset, epochs: [] }),
      () => firstInSegment(input, BigInt(nowMs), offset),
      () => lastToExceed(input, offset),
      () => endOf(input),
    ].map((read) => unlessRefused(unreadable, read))
    const block = { baseOffset: offset, position: 0, maxTimestamp: 0n }
    blockProblem(block, offset + 5n, input)
    const tail: TailBatch = {
      ...{ seq: 1, appendedAt: 0, baseOffset: offset, count: 1, sizeBytes: input.length, leaderEpoch: 0 },
      maxTimestamp: 0n,
      source: { in: 'row', bytes: input },
    }
    tailProblem(tail, input)
    unlessRefused(unreadable, () => isBatch(tail, input))
    return isRead.every(Boolean)
  },
  check: (valid) => mustBe(endOf(valid) > valid.readBigInt64BE(), 'a valid stretch ends after it begins'),
}

/** The records of one batch, mutated before they are compressed: behind 61 bytes of header, the codec's byte in front. */
const insides: Target = {
  name: 'records',
  share: 90,
  valid: (random) => Buffer.concat([Buffer.of(random.below(40)), anyBatch(random, 'none')]),
  run: (input) => {
    const batch = compressed(input)
    if (batch === undefined) return false
    const timestamps = [offsetForTimestamp, offsetOfMaxTimestamp].map((find) =>
      unlessRefused(unreadable, () => find(batch, BigInt(nowMs + 5))),
    )
    const isRead = unlessRefused(unreadable, () => {
      for (const { headers } of recordsIn(batch)) mustBe(headers.length <= batch.length * 256, 'headers take bytes')
    })
    if (isRead) mustBe(timestamps.every(Boolean), 'whose records are read has timestamps')
    return isRead
  },
  check: (valid) => {
    const batch = compressed(valid)
    if (batch === undefined) throw new Error('a valid input has a header')
    mustEqual(recordsOf(batch), recordsOf(valid.subarray(1)), 'records are the same in every codec')
  },
}

const compressed = (input: Buffer): Buffer | undefined => {
  if (input.length < 1 + at.records) return undefined
  // Zlib takes a hundred times as long as everything else.
  const codec =
    input[0] === 0
      ? 'gzip'
      : input[0] === 1
        ? 'zstd'
        : (['none', 'none', 'snappy', 'lz4'] as const)[(input[0] ?? 0) % 4]
  const header = Buffer.from(input.subarray(1, 1 + at.records))
  header.writeInt16BE((header.readInt16BE(at.attributes) & ~7) | codecs.indexOf(codec ?? 'none'), at.attributes)
  return vouchedFor(Buffer.concat([header, compress(codec ?? 'none', input.subarray(1 + at.records))]))
}

export const batchTargets: readonly Target[] = [produced, stretches, insides]
