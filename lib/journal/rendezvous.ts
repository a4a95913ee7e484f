/**
 * Who is to have what, without anybody telling: each candidate draws a number from itself and the thing, and the largest
 * comes first. When a candidate goes, only what it had moves, to the one that came next (rendezvous hashing).
 */
export const ranked = <Candidate extends { readonly id: number }>(
  candidates: readonly Candidate[],
  thing: string,
): readonly Candidate[] =>
  candidates
    .map((candidate) => ({ candidate, weight: hashOf(`${candidate.id}/${thing}`) }))
    .sort((a, b) => b.weight - a.weight || a.candidate.id - b.candidate.id)
    .map(({ candidate }) => candidate)

/** FNV-1a, then the last step of MurmurHash3, because alone it hardly tells texts apart that differ in their first letter. */
const hashOf = (text: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
