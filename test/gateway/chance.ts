/** Random numbers that a seed repeats (mulberry32). */
export type Chance = {
  /** A whole number from 0 to below `end`. */
  readonly below: (end: number) => number
  readonly pick: <Value>(values: readonly [Value, ...Value[]]) => Value
  /** True in one of `n` cases. */
  readonly oneIn: (n: number) => boolean
  readonly bytes: (length: number) => Buffer
}

export const chance = (seed: number): Chance => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (end: number): number => Math.floor(next() * end)
  return {
    below,
    pick: (values) => values[below(values.length)] ?? values[0],
    oneIn: (n) => below(n) === 0,
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
  }
}
