/** Names that are looked at, and the length up to which. */
const maxNames = 5000
const maxCharacters = 100

/** A hint with the name that is nearest to what was given, when it is near. */
export const didYouMean = (given: string, names: readonly string[]): string | undefined => {
  if (given.length > maxCharacters) return undefined
  let nearest: string | undefined
  let least = Math.max(1, Math.floor(given.length / 3)) + 1
  for (const name of names.slice(0, maxNames)) {
    if (Math.abs(name.length - given.length) >= least || name.length > maxCharacters) continue
    const distance = distanceBetween(given.toLowerCase(), name.toLowerCase())
    if (distance >= least) continue
    least = distance
    nearest = name
  }
  return nearest === undefined ? undefined : `Did you mean "${nearest}"?`
}

/** Letters that have to be added, left out or replaced (Levenshtein). */
const distanceBetween = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++) {
      const replaced = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
