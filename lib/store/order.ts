/** Text in the order of its UTF-8 bytes, which is the order of every store. JavaScript's own `<` differs above U+FFFF. */
export const compareBytewise = (a: string, b: string): number => {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index)
    const right = b.charCodeAt(index)
    if (left !== right) return rank(left) - rank(right)
  }
  return a.length - b.length
}

/** Surrogates stand for characters above U+FFFF and so come after every other code unit. */
const rank = (unit: number): number => (unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x10000 : unit)

/** How many of the sorted `keys` come before `key`. */
export const positionOf = (keys: readonly string[], key: string): number => {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const candidate = keys[middle]
    if (candidate !== undefined && compareBytewise(candidate, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** How many of the sorted `keys` come before `key` or are it. */
export const positionAfter = (keys: readonly string[], key: string): number => {
  const position = positionOf(keys, key)
  return keys[position] === key ? position + 1 : position
}

/** The same order, by JavaScript's own sort where that is the same: it is ten times as fast. */
export const sortBytewise = (keys: readonly string[]): readonly string[] =>
  keys.some((key) => /[\ud800-\uffff]/.test(key)) ? keys.toSorted(compareBytewise) : keys.toSorted()
