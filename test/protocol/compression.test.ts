import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { constants, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { crcMatches, readBatchHeader } from '../../lib/protocol/batch.ts'
import { type Codec, codecs, compress, decompress } from '../../lib/protocol/compression.ts'
import { CorruptCompression, maxDecompressedBytes } from '../../lib/protocol/compression-limits.ts'
import { recordsOf } from '../support/batches.ts'

const mebibyte = 1024 * 1024
const compressing = codecs.filter((codec) => codec !== 'none')

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`./frames/compression/${name}.json`, import.meta.url), 'utf8'))

type JavaRecord = {
  readonly offset: string
  readonly timestamp: string
  readonly key: string | null
  readonly valueSha256: string | null
  readonly headers: readonly (readonly [string, string | null])[]
}
type Frozen<Rest> = { readonly codec: Codec } & Rest

const java: { readonly batches: readonly Frozen<{ batch: string; records: readonly JavaRecord[] }>[] } = fixture('java')

test.each(java.batches)(
  'a batch of the Java client under $codec is read record for record',
  ({ codec, batch, records }) => {
    const bytes = Buffer.from(batch, 'base64')
    expect(crcMatches(bytes)).toBe(true)
    expect(readBatchHeader(bytes)).toMatchObject({
      codec,
      baseOffset: 40n,
      producerId: 9n,
      producerEpoch: 1,
      baseSequence: 5,
    })
    const read = recordsOf(bytes).map(
      ({ offset, timestamp, key, value, headers }): JavaRecord => ({
        offset: String(offset),
        timestamp: String(timestamp),
        key: key?.toString() ?? null,
        valueSha256: value && sha256(value),
        headers: headers.map((header) => [header.key, header.value?.toString() ?? null]),
      }),
    )
    expect(read).toEqual(records)
  },
)

const librdkafka: {
  readonly keys: readonly string[]
  readonly valuesSha256: readonly string[]
  readonly batches: readonly Frozen<{ batch: string }>[]
} = fixture('librdkafka')

test.each(librdkafka.batches)('a batch of librdkafka under $codec is read record for record', ({ codec, batch }) => {
  const bytes = Buffer.from(batch, 'base64')
  expect(crcMatches(bytes)).toBe(true)
  expect(readBatchHeader(bytes).codec).toBe(codec)
  const records = recordsOf(bytes)
  expect(records.map(({ key }) => String(key))).toEqual(librdkafka.keys)
  expect(records.map(({ value }) => value && sha256(value))).toEqual(librdkafka.valuesSha256)
  expect(records.every(({ headers }) => headers[0]?.key === 'trace' && String(headers[0].value) === 'abc')).toBe(true)
})

const {
  streams,
}: {
  readonly streams: readonly Frozen<{ name: string; bytes: string; outputBytes: number; sha256: string }>[]
} = fixture('streams')

test.each(streams)('$name is decompressed', ({ codec, bytes, outputBytes, sha256: expected }) => {
  const output = decompress(codec, Buffer.from(bytes, 'base64'))
  expect(output.length).toBe(outputBytes)
  expect(sha256(output)).toBe(expected)
})

/** Bytes that no codec makes smaller, always the same. */
const noise = (size: number): Buffer => {
  const bytes = Buffer.alloc(size)
  for (let i = 0, state = 1; i < size; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** Bytes with repeats near and far, long and short, as well as noise. */
const repetitive = fc
  .array(
    fc.record({
      noise: fc.uint8Array({ maxLength: 80 }),
      back: fc.integer({ min: 1, max: 70_000 }),
      length: fc.nat(3000),
    }),
    { maxLength: 60 },
  )
  .map((parts) => {
    let output = Buffer.alloc(0)
    for (const { noise, back, length } of parts) {
      const from = Math.max(0, output.length - back)
      output = Buffer.concat([output, noise, output.subarray(from, from + length)])
    }
    return output
  })

test.each(compressing)('what %s compresses it decompresses to the same', (codec) => {
  fc.assert(
    fc.property(repetitive, (bytes) => {
      expect(decompress(codec, compress(codec, bytes)).equals(bytes)).toBe(true)
    }),
    { numRuns: 200 },
  )
})

test.each(
  compressing.flatMap((codec) =>
    [0, 1, 4, 5, 11, 12, 13, 60, 61, 256, 257, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, mebibyte].map(
      (size) => [codec, size] as const,
    ),
  ),
)('%s carries %i equal bytes, and as many that differ', (codec, size) => {
  for (const bytes of [Buffer.alloc(size, 7), noise(size)]) {
    expect(decompress(codec, compress(codec, bytes)).equals(bytes)).toBe(true)
  }
})

test.each(compressing)('text is smaller under %s', (codec) => {
  const text = Buffer.from('the quick brown fox jumps over the lazy dog. '.repeat(1000))
  expect(compress(codec, text).length).toBeLessThan(text.length / 10)
})

test.each(compressing)('a bomb under %s is refused before it has expanded', (codec) => {
  const bomb = compress(codec, Buffer.alloc(4 * maxDecompressedBytes))
  const before = process.memoryUsage().arrayBuffers
  expect(() => decompress(codec, bomb)).toThrow(CorruptCompression)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(80 * mebibyte)
})

test.each(compressing)("the caller's limit holds to the byte under %s", (codec) => {
  const bytes = compress(codec, Buffer.alloc(200_000, 'abc'))
  expect(decompress(codec, bytes, 200_000).length).toBe(200_000)
  expect(() => decompress(codec, bytes, 199_999)).toThrow(CorruptCompression)
})

test.each(['gzip', 'lz4', 'zstd'] as const)(
  'a small batch of equal records may expand more than a hundredfold under %s',
  (codec) => {
    const bytes = compress(codec, Buffer.alloc(mebibyte))
    expect(bytes.length).toBeLessThan(mebibyte / 100)
    expect(decompress(codec, bytes).length).toBe(mebibyte)
  },
)

test.each([
  [23, 'read'],
  [24, 'refused'],
])('a zstd frame with a window of 2 to the power of %i bytes is %s', (windowLog, outcome) => {
  const bytes = noise(9 * mebibyte)
  const frame = zstdCompressSync(bytes, {
    params: { [constants.ZSTD_c_windowLog]: windowLog, [constants.ZSTD_c_contentSizeFlag]: 0 },
  })
  if (outcome === 'read') expect(decompress('zstd', frame).equals(bytes)).toBe(true)
  else expect(() => decompress('zstd', frame)).toThrow(CorruptCompression)
})

test.each(compressing)('every prefix of a stream under %s is corrupt', (codec) => {
  const bytes = compress(codec, Buffer.from('the quick brown fox jumps over the quick brown fox'.repeat(4)))
  for (let end = 0; end < bytes.length; end += 1) {
    // The header of a framed snappy stream alone is an empty stream.
    if (codec === 'snappy' && end === 16) continue
    expect(() => decompress(codec, bytes.subarray(0, end))).toThrow(CorruptCompression)
  }
})

test.each(compressing)(
  'a damaged stream under %s is decompressed within the limit or corrupt, never worse',
  (codec) => {
    const bytes = compress(
      codec,
      Buffer.from('the quick brown fox jumps over the lazy dog and the quick brown fox '.repeat(20)),
    )
    const damages = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(damages, (changes) => {
        const damaged = Buffer.from(bytes)
        for (const [position, byte] of changes) damaged[position] = byte
        try {
          expect(decompress(codec, damaged, 100_000).length).toBeLessThanOrEqual(100_000)
        } catch (error) {
          if (!(error instanceof CorruptCompression)) throw error
        }
      }),
      { numRuns: 3000 },
    )
  },
)
