const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

/** Years that have four digits. */
const maxTimeMs = 253_402_300_799_999

/**
 * The time that a text means, in milliseconds since 1970: `-2h` before now, milliseconds of at least twelve digits, or a
 * date with or without a time, in UTC unless it says otherwise. Undefined when it is none of these.
 */
export const timeFrom = (text: string, nowMs: number): bigint | undefined => {
  const relative = /^-(\d{1,12})(ms|s|m|h|d|w)$/.exec(text)
  if (relative) {
    const unit = Object.entries(unitMs).find(([name]) => name === relative[2])?.[1] ?? 1
    return BigInt(Math.max(0, nowMs - Number(relative[1]) * unit))
  }
  if (/^\d{12,15}$/.test(text)) return BigInt(text)
  if (!/^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?$/.test(text)) return undefined
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/.test(text.slice(10)) || text.length === 10
  const ms = Date.parse(hasZone ? text : `${text}Z`)
  return Number.isNaN(ms) || ms < 0 || ms > maxTimeMs ? undefined : BigInt(ms)
}
