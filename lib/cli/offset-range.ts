import { isCursor } from '../http/cursor.ts'
import { timeFrom } from '../http/point-in-time.ts'
import { UsageError } from './failures.ts'

/** Where reading begins. */
type From =
  /** As `from` of the API: earliest, latest, the last so many, a time, a cursor. */
  | { readonly kind: 'place'; readonly from: string }
  /** The same offset in every partition. */
  | { readonly kind: 'offset'; readonly offset: number }

/** What is not read any more. */
type Until =
  | { readonly kind: 'offset'; readonly offset: number }
  /** Where the partitions end when reading begins. */
  | { readonly kind: 'end' }
  /** Records of this time and later, and whatever comes after reading has begun. */
  | { readonly kind: 'time'; readonly timeMs: number }

export type Range = { readonly from: From; readonly until: Until | undefined }

const rangeDescription = 'start | end | n | -n | n:m | @time | -1h | -1h:now | a cursor'

/** `start | end | n | -n | @time | -1h`, two of them with a colon between, or a cursor. Throws `UsageError`. */
export const rangeFrom = (text: string, nowMs: number): Range => {
  const whole = fromOf(text, nowMs)
  if (whole !== undefined) return { from: whole, until: undefined }
  // Times have colons too.
  for (let colon = text.indexOf(':'); colon >= 0; colon = text.indexOf(':', colon + 1)) {
    const from = fromOf(text.slice(0, colon), nowMs)
    const until = untilOf(text.slice(colon + 1), nowMs)
    if (from !== undefined && until !== undefined) return { from, until }
  }
  throw new UsageError(`--offset is "${text}": it must be ${rangeDescription}`)
}

const fromOf = (text: string, nowMs: number): From | undefined => {
  if (text === 'start' || text === 'earliest') return { kind: 'place', from: 'earliest' }
  if (text === 'end' || text === 'now' || text === 'latest') return { kind: 'place', from: 'latest' }
  if (isCursor(text)) return { kind: 'place', from: text }
  if (/^\d{1,15}$/.test(text)) return { kind: 'offset', offset: Number(text) }
  if (/^-\d{1,9}$/.test(text)) return { kind: 'place', from: text }
  const time = timeOf(text, nowMs)
  return time === undefined ? undefined : { kind: 'place', from: new Date(time).toISOString() }
}

const untilOf = (text: string, nowMs: number): Until | undefined => {
  if (text === 'end' || text === 'now' || text === 'latest') return { kind: 'end' }
  if (/^\d{1,15}$/.test(text)) return { kind: 'offset', offset: Number(text) }
  const timeMs = timeOf(text, nowMs)
  return timeMs === undefined ? undefined : { kind: 'time', timeMs }
}

/** `-1h` or `@` and a time, in ms. */
const timeOf = (text: string, nowMs: number): number | undefined => {
  if (!/^(@|-\d+[a-z])/.test(text)) return undefined
  const time = timeFrom(text.replace(/^@/, ''), nowMs)
  return time === undefined ? undefined : Number(time)
}
