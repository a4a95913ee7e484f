/** No batch decompresses to more than this. */
export const maxDecompressedBytes = 64 * 1024 * 1024

/** Output beyond this multiple of the input is taken for a bomb, … */
const maxCompressionRatio = 100

/** … unless it is small: many equal records compress far better than the ratio, and come from honest clients. */
const ratioFreeBytes = 4 * 1024 * 1024

/** A zstd frame may look back at most 2²³ bytes (8 MiB). */
export const zstdWindowLog = 23

/** The input is not what its codec says, or expands beyond the limits above. */
export class CorruptCompression extends Error {
  override readonly name = 'CorruptCompression'
}

/** The most bytes `inputBytes` may expand to, where the caller wants at most `wantedBytes`. */
export const outputLimit = (inputBytes: number, wantedBytes: number): number =>
  Math.min(maxDecompressedBytes, wantedBytes, Math.max(ratioFreeBytes, maxCompressionRatio * inputBytes))
