/** Names that are looked at, and the length up to which. */
const maxNames = 5000
const maxCharacters = 100
/** Pairs of letters that are compared in all, some 20 ms: nobody else is answered meanwhile. */
const maxComparisons = 2_000_000

/** A hint with the name that is nearest to what was given, when it is near. */
export const didYouMean = (given: string, names: readonly string[]): string | undefined => {
  if (given.length > maxCharacters) return undefined
  const wanted = given.toLowerCase()
  let nearest: string | undefined
  let least = Math.max(1, Math.floor(given.length / 3)) + 1
  let comparisons = 0
  for (const name of names.slice(0, maxNames)) {
    if (Math.abs(name.length - given.length) >= least || name.length > maxCharacters) continue
    const looked = distanceBelow(least, wanted, name.toLowerCase())
    comparisons += looked.comparisons
    if (looked.distance !== undefined) {
      least = looked.distance
      nearest = name
    }
    if (comparisons >= maxComparisons) break
  }
  return nearest === undefined ? undefined : `Did you mean "${nearest}"?`
}

type Looked = { readonly distance: number | undefined; readonly comparisons: number }

/** Letters that have to be added, left out or replaced (Levenshtein); undefined when they are `limit` or more. */
const distanceBelow = (limit: number, a: string, b: string): Looked => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1]
    let least = i + 1
    for (let j = 0; j < b.length; j++) {
      const replaced = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1)
      const distance = Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1)
      next.push(distance)
      least = Math.min(least, distance)
    }
    // What follows is never less than the least of a row.
    if (least >= limit) return { distance: undefined, comparisons: (i + 1) * b.length }
    row = next
  }
  const distance = row.at(-1) ?? 0
  return { distance: distance < limit ? distance : undefined, comparisons: a.length * b.length }
}
