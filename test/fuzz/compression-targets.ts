import { type Codec, compress, decompress } from '../../lib/protocol/compression.ts'
import { CorruptCompression, outputLimit } from '../../lib/protocol/compression-limits.ts'
import { xxhash32 } from '../../lib/protocol/xxhash32.ts'
import type { Chance } from '../gateway/chance.ts'
import { mustBe, type Target, unlessRefused } from './target.ts'

const anyText = (random: Chance): Buffer => {
  const words = ['wadi', 'rain', '0123456789', '\0\0\0\0\0\0\0\0', 'x'.repeat(50)] as const
  const text = Array.from({ length: random.below(40) }, () => random.pick(words)).join('')
  return Buffer.concat([Buffer.from(text), random.bytes(1 + random.below(60))])
}

/** What a reader asks for at most, in some of the cases. */
const wantedBytes = 100_000

const target = (codec: Codec, share: number, repair?: Target['repair']): Target => ({
  name: codec,
  share,
  valid: (random) => compress(codec, anyText(random)),
  ...(repair && { repair }),
  run: (input) =>
    unlessRefused([CorruptCompression], () => {
      const output = decompress(codec, input, wantedBytes)
      mustBe(output.length <= outputLimit(input.length, wantedBytes), 'nothing expands beyond its limit')
    }),
  check: (valid) => {
    const output = decompress(codec, valid)
    mustBe(decompress(codec, compress(codec, output)).equals(output), 'what was compressed expands to itself')
  },
})

/** The checksum of the header, without which nothing behind it is read. */
const withHeaderChecksum = (mutant: Buffer): Buffer => {
  const checksumAt = (mutant[4] ?? 0) & 8 ? 14 : 6
  if (mutant.length <= checksumAt) return mutant
  const bytes = Buffer.from(mutant)
  bytes.writeUInt8((xxhash32(bytes.subarray(4, checksumAt)) >>> 8) & 255, checksumAt)
  return bytes
}

/** Raw snappy, as others than Java send it, is what a block of xerial holds. */
const rawSnappy: Target = {
  ...target('snappy', 50),
  name: 'snappy, raw',
  valid: (random) => compress('snappy', anyText(random)).subarray(xerialHeadBytes),
  check: (valid) => void decompress('snappy', valid),
}

/** The magic, two versions and the length of the first block. */
const xerialHeadBytes = 20

export const compressionTargets: readonly Target[] = [
  target('gzip', 6),
  target('zstd', 6),
  target('snappy', 50),
  rawSnappy,
  target('lz4', 60, withHeaderChecksum),
]
