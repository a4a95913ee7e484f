/** What occurs more than once: requests name each thing once, because their parts are done in no order. */
export const repeated = (keys: readonly string[]): ReadonlySet<string> => {
  const seen = new Set<string>()
  return new Set(
    keys.filter((key) => {
      const isRepeated = seen.has(key)
      seen.add(key)
      return isRepeated
    }),
  )
}
