import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { CorruptCompression, maxDecompressedBytes, outputLimit, zstdWindowLog } from './compression-limits.ts'
import { compressLz4, decompressLz4 } from './lz4.ts'
import { compressSnappy, decompressSnappy } from './snappy.ts'

/** Kafka's compression types; the place in the list is the id in a batch's attributes. */
export const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

export type Codec = (typeof codecs)[number]

/**
 * What `bytes` expand to; the bytes themselves where there is no codec. Throws `CorruptCompression` when they are
 * malformed, or expand to more than `maxBytes` or the limits of compression-limits.ts.
 */
export const decompress = (codec: Codec, bytes: Buffer, maxBytes = maxDecompressedBytes): Buffer => {
  const limitBytes = outputLimit(bytes.length, maxBytes)
  switch (codec) {
    case 'none':
      return bytes
    case 'gzip':
      return withZlib(codec, () => gunzipSync(bytes, { maxOutputLength: limitBytes }))
    case 'snappy':
      return decompressSnappy(bytes, limitBytes)
    case 'lz4':
      return decompressLz4(bytes, limitBytes)
    case 'zstd':
      return withZlib(codec, () => zstdDecompressSync(bytes, { maxOutputLength: limitBytes, params: zstdLimits }))
  }
}

/** The bytes compressed as every Kafka client can read them: zstd at level 3, gzip at 1, snappy and lz4 in blocks. */
export const compress = (codec: Codec, bytes: Buffer): Buffer => {
  switch (codec) {
    case 'none':
      return bytes
    case 'gzip':
      return gzipSync(bytes, { level: constants.Z_BEST_SPEED })
    case 'snappy':
      return compressSnappy(bytes)
    case 'lz4':
      return compressLz4(bytes)
    case 'zstd':
      return zstdCompressSync(bytes)
  }
}

const zstdLimits = { [constants.ZSTD_d_windowLogMax]: zstdWindowLog }

/** After a failure Node frees the stream's memory only when the event loop turns: never retry or try many in one go. */
const withZlib = (codec: Codec, run: () => Buffer): Buffer => {
  try {
    return run()
  } catch (cause) {
    throw new CorruptCompression(`${codec}: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}
