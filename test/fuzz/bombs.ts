import { setImmediate as turn } from 'node:timers/promises'
import { acceptBatch } from '../../lib/broker/accept-batch.ts'
import { configOf } from '../../lib/log/config.ts'
import { at } from '../../lib/protocol/batch.ts'
import { type Codec, codecs, compress, decompress } from '../../lib/protocol/compression.ts'
import { CorruptCompression, maxDecompressedBytes, outputLimit } from '../../lib/protocol/compression-limits.ts'
import { batch, withCrc } from '../support/batches.ts'

export type Bomb = {
  readonly name: string
  readonly codec: Codec
  readonly bytes: Buffer
  readonly wantedBytes?: number
}

export type Bombed = {
  readonly name: string
  readonly codec: Codec
  readonly inputBytes: number
  readonly outcome: 'expanded' | 'refused'
  readonly outputBytes: number
  readonly ms: number
  /** By how much the process grew while it was expanded. */
  readonly grownBytes: number
}

const mebibyte = 1024 * 1024
/** What any input, however small, may expand to. */
const freeBytes = outputLimit(0, maxDecompressedBytes)

export const compressingCodecs = codecs.filter((codec) => codec !== 'none')

const claims: Readonly<Partial<Record<Codec, Buffer>>> = {
  // The length of the content in the trailer: 4 GiB.
  gzip: Buffer.concat([compress('gzip', Buffer.from('x')).subarray(0, -4), Buffer.from('ffffffff', 'hex')]),
  // A length of 4 GiB before one literal.
  snappy: Buffer.from('ffffffff0f0078', 'hex'),
  // A content size of 2^62 in a header whose checksum is wrong at best.
  lz4: Buffer.from('04224d186840000000000000004000', 'hex'),
  // A frame of a single segment that claims 2^62 bytes.
  zstd: Buffer.from('28b52ffde0000000000000004001000078', 'hex'),
}

/** Twelve for a codec: what expands, nests, claims or repeats too much, and what is just allowed. */
export const bombsOf = (codec: Codec): readonly Bomb[] => {
  const zeros = (bytes: number): Buffer => compress(codec, Buffer.alloc(bytes))
  const nested = zeros(8 * mebibyte)
  const bomb = (name: string, bytes: Buffer, wantedBytes?: number): Bomb => ({
    name,
    codec,
    bytes,
    ...(wantedBytes !== undefined && { wantedBytes }),
  })
  return [
    bomb('zeros, as many as are always allowed', zeros(freeBytes)),
    bomb('zeros, one more than is always allowed', zeros(freeBytes + 1)),
    bomb('zeros, as many as are ever allowed', zeros(maxDecompressedBytes)),
    bomb('zeros, one more than is ever allowed', zeros(maxDecompressedBytes + 1)),
    bomb('zeros within zeros', compress(codec, nested)),
    bomb('zeros within zeros, three deep', compress(codec, compress(codec, nested))),
    bomb('a short pattern', compress(codec, Buffer.alloc(16 * mebibyte, 'wadi'))),
    bomb('a long pattern', compress(codec, Buffer.alloc(16 * mebibyte, 'x'.repeat(70_000)))),
    bomb('a claim', claims[codec] ?? Buffer.alloc(0)),
    bomb('zeros that are cut', zeros(16 * mebibyte).subarray(0, -5)),
    bomb('zeros, more than the reader wants', zeros(mebibyte), mebibyte - 1),
    bomb('many small streams', Buffer.concat(Array.from({ length: 20_000 }, () => compress(codec, Buffer.alloc(9))))),
  ]
}

export const explode = async ({ name, codec, bytes, wantedBytes }: Bomb): Promise<Bombed> => {
  // What the one before it held is freed.
  await turn()
  const before = process.memoryUsage.rss()
  const startMs = performance.now()
  let outputBytes = 0
  let outcome: Bombed['outcome'] = 'expanded'
  try {
    outputBytes = decompress(codec, bytes, wantedBytes).length
  } catch (error) {
    if (!(error instanceof CorruptCompression)) throw error
    outcome = 'refused'
  }
  const ms = performance.now() - startMs
  const grownBytes = process.memoryUsage.rss() - before
  return { name, codec, inputBytes: bytes.length, outcome, outputBytes, ms, grownBytes }
}

const nowMs = 1_700_000_000_000

/** A batch that counts so many records of a byte, in so few bytes as its codec can, sent to a topic that has another. */
export const recordBomb = (
  codec: Codec,
  records: number,
): { readonly refused: string | undefined; readonly ms: number } => {
  const bytes = batch({ records: 1, value: 'v', timestamp: BigInt(nowMs), codec })
  bytes.writeInt32BE(records, at.count)
  bytes.writeInt32BE(records - 1, at.lastOffsetDelta)
  const config = configOf({ configs: { 'compression.type': 'uncompressed' } })
  const startMs = performance.now()
  const accepted = acceptBatch(0, withCrc(bytes), { config, nowMs, zstdAllowed: true })
  return { refused: 'refused' in accepted ? accepted.refused : undefined, ms: performance.now() - startMs }
}

// As a program: node test/fuzz/bombs.ts
if (import.meta.main) {
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  say('| bomb | codec | bytes | outcome | to bytes | ms | grown by MiB |\n|---|---|---:|---|---:|---:|---:|')
  for (const codec of compressingCodecs) {
    for (const bomb of bombsOf(codec)) {
      const { name, inputBytes, outcome, outputBytes, ms, grownBytes } = await explode(bomb)
      const grown = Math.round(grownBytes / 2 ** 20)
      say(`| ${name} | ${codec} | ${inputBytes} | ${outcome} | ${outputBytes} | ${ms.toFixed(0)} | ${grown} |`)
    }
  }
}
