import { expect, test } from 'vitest'
import { PatternProblem, topicPattern } from '../../lib/group/topic-pattern.ts'
import { configProblem, maxValueCharacters } from '../../lib/log/config.ts'
import { nameProblem } from '../../lib/log/topic.ts'
import { checkBatch } from '../../lib/protocol/check-batch.ts'
import { type Codec, compress, decompress } from '../../lib/protocol/compression.ts'
import { CorruptCompression, outputLimit } from '../../lib/protocol/compression-limits.ts'
import { cutFrames } from '../../lib/protocol/frame.ts'
import { MalformedFrame, maxListElements, Reader } from '../../lib/protocol/reader.ts'
import { headOf, maxKeyBytes } from '../../lib/store/pack-records.ts'
import { batch } from '../support/batches.ts'
import { bombsOf, compressingCodecs, explode, recordBomb } from './bombs.ts'

test.each(compressingCodecs)('no bomb under %s expands beyond its limit', async (codec) => {
  const bombs = bombsOf(codec)
  expect(bombs.length).toBe(12)
  for (const bomb of bombs) {
    const { outcome, outputBytes, inputBytes, name } = await explode(bomb)
    expect(outputBytes, name).toBeLessThanOrEqual(outputLimit(inputBytes, bomb.wantedBytes ?? Number.POSITIVE_INFINITY))
    // Snappy expands 21 times at most: to it the ratio sets no limit.
    if (codec === 'snappy' && /always allowed/.test(name)) continue
    if (/one more|claim|cut|more than the reader/.test(name)) expect(outcome, name).toBe('refused')
    if (/always allowed/.test(name) && !/one more/.test(name)) expect(outcome, name).toBe('expanded')
  }
})

test.each(compressingCodecs)(
  'a batch under %s that counts more records than could be sent is not looked into',
  (codec) => {
    expect(recordBomb(codec, 1_000_000).refused).toBe('MESSAGE_TOO_LARGE')
    expect(recordBomb(codec, 100_000).refused).toBe('CORRUPT_MESSAGE')
  },
)

type Boundary = readonly [name: string, limit: number, isAllowed: (value: number) => boolean]

const unlessThrown = (error: abstract new (...given: never[]) => Error, work: () => unknown): boolean => {
  try {
    work()
    return true
  } catch (thrown) {
    if (thrown instanceof error) return false
    throw thrown
  }
}

const zeros = (codec: Codec, bytes: number) => compress(codec, Buffer.alloc(bytes))
const frameOf = (bytes: number): Buffer => {
  const whole = Buffer.alloc(4 + bytes)
  whole.writeInt32BE(bytes)
  return whole
}
const listOf = (count: number): Reader => {
  const bytes = Buffer.alloc(4 + maxListElements + 1)
  bytes.writeInt32BE(count)
  return new Reader(bytes)
}
const limits = { maxMessageBytes: 1000, earliestTimestamp: 100n, latestTimestamp: 900n, zstdAllowed: true }
const allowed = (bytes: Buffer, over: Partial<typeof limits> = {}) =>
  checkBatch(bytes, { ...limits, ...over }).outcome === 'ok'
const config = (name: string, value: string): boolean => configProblem({ [name]: value }) === undefined
const stamped = (timestamp: number) => allowed(batch({ timestamp: BigInt(timestamp) }))

const boundaries: readonly Boundary[] = [
  ...compressingCodecs.flatMap((codec): readonly Boundary[] => [
    [
      `the output of ${codec}`,
      5000,
      (value) => unlessThrown(CorruptCompression, () => decompress(codec, zeros(codec, value), 5000)),
    ],
    [
      `wanted output of ${codec} in several blocks`,
      150_000,
      (value) => unlessThrown(CorruptCompression, () => decompress(codec, zeros(codec, value), 150_000)),
    ],
  ]),
  ['characters of a topic name', 249, (value) => nameProblem('a'.repeat(value)) === undefined],
  [
    'characters of a config',
    maxValueCharacters,
    (value) => config('leader.replication.throttled.replicas', `0:${'1'.repeat(value - 2)}`),
  ],
  ['a config of type INT', 2 ** 31 - 1, (value) => config('max.message.bytes', String(value))],
  ['lz4 level', 17, (value) => config('compression.lz4.level', String(value))],
  ['bytes of a frame', 5000, (value) => unlessThrown(MalformedFrame, () => cutFrames(frameOf(value), 5000))],
  ['elements of a frame', maxListElements, (value) => unlessThrown(MalformedFrame, () => listOf(value).count(1))],
  [
    'bytes of a batch',
    1000,
    (value) =>
      allowed(batch({ value: 'x'.repeat(value - batch({ value: 'x'.repeat(500) }).length + 500), timestamp: 500n })),
  ],
  ['records of a batch', 142, (value) => allowed(batch({ records: value, timestamp: 200n, codec: 'zstd' }))],
  ['the latest timestamp', 900, stamped],
  [
    'characters of a pattern',
    1000,
    (value) => unlessThrown(PatternProblem, () => topicPattern(`[${'a'.repeat(value - 2)}]`)),
  ],
  ['repetitions in a pattern', 1000, (value) => unlessThrown(PatternProblem, () => topicPattern(`a{${value}}`))],
  [
    'groups in a pattern',
    49,
    (value) => unlessThrown(PatternProblem, () => topicPattern('('.repeat(value) + ')'.repeat(value))),
  ],
  ['bytes of a key', maxKeyBytes, (value) => unlessThrown(RangeError, () => headOf('k'.repeat(value), 1))],
]

test.each(boundaries)('%s: %i is allowed, one less too, and one more is not', (_, limit, isAllowed) => {
  expect([limit - 1, limit, limit + 1].map(isAllowed)).toEqual([true, true, false])
})
