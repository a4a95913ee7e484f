// biome-ignore-all lint/style/noNonNullAssertion: every index below is bounded by the caller's checks or by the loop.

/** What snappy and lz4 have in common: repeats of at least four bytes within a block, found by a hash and copied back. */

/** Positions are kept in 16 bits. */
export const maxBlockBytes = 64 * 1024

const hashBits = 14

/** No repeat starts within the last bytes of a block or reaches its very end; lz4 demands it, snappy does not mind. */
const lastStartBytes = 12
const lastLiteralBytes = 5

/** After so many bytes (as a power of two) without a repeat the search takes longer steps. */
const patienceBits = 6

/**
 * Calls `emit` for the repeats of the block from `start` to `end`, in order: the bytes from `literals` to `match` are
 * new, then `length` ≥ 4 bytes are those `offset` before them. Returns where the last new bytes begin.
 */
export const findRepeats = (
  input: Buffer,
  { start, end }: { readonly start: number; readonly end: number },
  emit: (literals: number, match: number, offset: number, length: number) => void,
): number => {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  const table = new Uint16Array(1 << hashBits)
  const lastStart = end - lastStartBytes
  const lastMatched = end - lastLiteralBytes
  let literals = start
  let position = start + 1
  let misses = 1 << patienceBits
  while (position <= lastStart) {
    const word = view.getInt32(position, true)
    const hash = Math.imul(word, 0x9e3779b1) >>> (32 - hashBits)
    const candidate = start + table[hash]!
    table[hash] = position - start
    if (candidate >= position || view.getInt32(candidate, true) !== word) {
      position += misses >>> patienceBits
      misses += 1
      continue
    }
    let matched = position + 4
    const offset = position - candidate
    while (matched < lastMatched && input[matched] === input[matched - offset]) matched += 1
    emit(literals, position, offset, matched - position)
    literals = matched
    position = matched
    misses = 1 << patienceBits
  }
  return literals
}

/** Longer copies that do not overlap go through the engine, shorter ones through a loop. */
const shortCopyBytes = 32

/** Overlapping repeats beyond this are doubled by the engine: a bomb is made of them. */
const longRepeatBytes = 512

/** Repeats the `length` bytes of `output` that stand `offset` before `position`; the two may overlap. */
export const copyRepeat = (output: Buffer, position: number, offset: number, length: number): void => {
  const from = position - offset
  if (length > shortCopyBytes && offset >= length) {
    output.copyWithin(position, from, from + length)
  } else if (length > longRepeatBytes) {
    // What is there is a whole number of repeats: it is doubled until it is enough.
    output.copyWithin(position, from, position)
    for (let done = offset; done < length; done *= 2) {
      output.copyWithin(position + done, position, position + Math.min(done, length - done))
    }
  } else {
    for (let i = 0; i < length; i += 1) output[position + i] = output[from + i]!
  }
}

/** Copies `length` bytes of `input` from `from` to `position` of `output`. */
export const copyLiterals = (input: Buffer, from: number, output: Buffer, position: number, length: number): void => {
  if (length > shortCopyBytes) {
    input.copy(output, position, from, from + length)
  } else {
    for (let i = 0; i < length; i += 1) output[position + i] = input[from + i]!
  }
}
