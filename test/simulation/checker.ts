import type { Appended, Fetch, History, Lookup, Send } from './history.ts'
import { TrueLog } from './true-log.ts'

/** The ways in which a log can be wrong, by their usual names. */
type AnomalyClass =
  /** An acknowledged record is nowhere in the log. */
  | 'lost-write'
  /** An acknowledged record is at another offset than its answer said. */
  | 'wrong-offset'
  /** Two answers to one idempotent batch tell different offsets. */
  | 'inconsistent-offsets'
  /** A batch is in the log more often than it may be: once when idempotent, once for each try otherwise. */
  | 'duplicate'
  /** Every try of a batch was definitely refused, and yet it is in the log. */
  | 'failed-but-visible'
  /** A batch that was its producer's next was refused. */
  | 'spurious-refusal'
  /** A leader has put into the log what it took on under an epoch that was not the shard's any more. */
  | 'fenced-write'
  /** Offsets are used twice, or left out. */
  | 'overlap'
  | 'gap'
  /** Within a producer's epoch, sequences do not follow each other in the order of offsets. */
  | 'nonmonotonic-send'
  /** The log starts earlier than it did before. */
  | 'log-start-back'
  /** A fetch left records out. */
  | 'poll-skip'
  /** A fetch, or a consumer, went back. */
  | 'nonmonotonic-poll'
  /** What one machine told as the start or the end of the log was less than it had told before. */
  | 'ends-back'
  /** A read shows something else than the log has at that offset. */
  | 'wrong-record'
  /** A read shows what nobody had appended yet. */
  | 'future-read'
  /** An offset inside the log was out of range. */
  | 'spurious-out-of-range'
  /** Start or end of the log, promised to be current, were those of another moment. */
  | 'stale-ends'
  | 'wrong-lookup'
  /** What is in the log cannot be read when everything is over. */
  | 'unseen'
  | 'hung'

export type Anomaly = { readonly class: string; readonly detail: string }

type Report = (anomaly: AnomalyClass, detail: string) => void

/** Everything that is wrong with a history; nothing, when it may have happened. */
export const check = (history: History): readonly Anomaly[] => {
  const anomalies: Anomaly[] = []
  const report: Report = (anomaly, detail) => anomalies.push({ class: anomaly, detail })
  const log = new TrueLog(history.log)
  checkLog(history, report)
  checkSends(history, log, report)
  checkLeaders(history, report)
  checkFetches(history.fetches, log, report)
  checkEnds(history, log, report)
  for (const lookup of history.lookups) checkLookup(lookup, log, report)
  checkFinals(history, log, report)
  for (const request of history.hung) report('hung', request)
  return anomalies
}

const checkLog = (history: History, report: Report): void => {
  const ends = new Map<string, number>()
  const starts = new Map<string, number>()
  const sequences = new Map<string, { readonly epoch: number; readonly next: number }>()
  for (const event of history.log) {
    const { partition } = event
    if (event.event === 'trimmed') {
      if (event.logStart < (starts.get(partition) ?? 0)) report('log-start-back', `${partition} to ${event.logStart}`)
      starts.set(partition, event.logStart)
      continue
    }
    const end = ends.get(partition) ?? 0
    if (event.baseOffset < end) report('overlap', `${partition} at ${event.baseOffset}, the end is ${end}`)
    if (event.baseOffset > end) report('gap', `${partition} at ${event.baseOffset}, the end is ${end}`)
    ends.set(partition, Math.max(end, event.baseOffset + event.records.length))
    checkSequence(event, sequences, report)
  }
}

const checkSequence = (
  { sequence, partition, records, baseOffset }: Appended,
  sequences: Map<string, { readonly epoch: number; readonly next: number }>,
  report: Report,
): void => {
  if (sequence === undefined) return
  const producer = `${partition} ${sequence.producerId}`
  const known = sequences.get(producer)
  const isNewEpoch = known === undefined || sequence.epoch > known.epoch
  const expected = isNewEpoch ? 0 : known.next
  if (sequence.base !== expected || (known && sequence.epoch < known.epoch)) {
    report(
      'nonmonotonic-send',
      `producer ${producer} epoch ${sequence.epoch} sequence ${sequence.base} at ${baseOffset}`,
    )
  }
  sequences.set(producer, { epoch: sequence.epoch, next: sequence.base + records.length })
}

const checkSends = (history: History, log: TrueLog, report: Report): void => {
  const places = new Map<string, number[]>()
  for (const [name, { records }] of log.partitions) {
    for (const [offset, record] of records.entries()) {
      const key = `${name} ${record?.value}`
      const known = places.get(key)
      if (known) known.push(offset)
      else places.set(key, [offset])
    }
  }
  for (const send of history.sends) checkSend(send, places, report)
}

const checkSend = (send: Send, places: ReadonlyMap<string, readonly number[]>, report: Report): void => {
  const [value = ''] = send.values
  const what = `${send.partition} ${value}`
  const found = places.get(what) ?? []
  const mayStand = send.tries.filter(({ outcome }) => outcome !== 'refused').length
  if (mayStand === 0 && found.length > 0) report('failed-but-visible', `${what} at ${found}`)
  else if (found.length > (send.isIdempotent ? 1 : mayStand)) report('duplicate', `${what} at ${found}`)
  let acknowledged: number | undefined
  for (const { outcome, offset, isInTurn, error } of send.tries) {
    if (outcome === 'refused' && isInTurn) report('spurious-refusal', `${what}: ${error}`)
    if (outcome !== 'acknowledged') continue
    for (const [i, one] of send.values.entries()) {
      const at = places.get(`${send.partition} ${one}`) ?? []
      if (at.length === 0) report('lost-write', `${send.partition} ${one}, acknowledged at ${offset}`)
      else if (offset !== undefined && !at.includes(offset + i)) {
        report('wrong-offset', `${send.partition} ${one} at ${at}, acknowledged at ${offset + i}`)
      }
    }
    if (offset === undefined) continue
    if (send.isIdempotent && acknowledged !== undefined && acknowledged !== offset) {
      report('inconsistent-offsets', `${what} at ${acknowledged} and ${offset}`)
    }
    acknowledged = offset
  }
}

/** What only leaders have taken on stands where one of them was leader. */
const checkLeaders = (history: History, report: Report): void => {
  const epochs = new Map<string, readonly number[]>()
  for (const { partition, values, leaderEpochs } of history.sends) {
    const led = leaderEpochs.filter((epoch) => epoch !== undefined)
    if (led.length > 0 && led.length === leaderEpochs.length) epochs.set(`${partition} ${values[0]}`, led)
  }
  for (const event of history.log) {
    if (event.event !== 'appended') continue
    const what = `${event.partition} ${event.records[0]?.value}`
    const led = epochs.get(what)
    if (led && !led.includes(event.leaderEpoch))
      report('fenced-write', `${what} at ${event.baseOffset}: epoch ${event.leaderEpoch}, taken on under ${led}`)
  }
}

const checkFetches = (fetches: readonly Fetch[], log: TrueLog, report: Report): void => {
  const positions = new Map<string, number>()
  const told = new Map<string, Fetch>()
  for (const fetch of fetches) {
    const place = `${fetch.consumer} at ${fetch.by} of ${fetch.partition}`
    const before = told.get(place)
    if (before && (fetch.end < before.end || fetch.logStart < before.logStart))
      report('ends-back', `${place}: ${fetch.logStart} to ${fetch.end}, before ${before.logStart} to ${before.end}`)
    told.set(place, fetch)
    const consumer = `${fetch.consumer} of ${fetch.partition}`
    const position = positions.get(consumer)
    if (position !== undefined && fetch.offset < position)
      report('nonmonotonic-poll', `${consumer} from ${position} to ${fetch.offset}`)
    if (position !== undefined && fetch.offset > position)
      report('poll-skip', `${consumer} from ${position} to ${fetch.offset}`)
    positions.set(consumer, checkFetch(fetch, consumer, log, report))
  }
}

/** Returns where the consumer goes on. */
const checkFetch = (fetch: Fetch, consumer: string, log: TrueLog, report: Report): number => {
  const { partition, offset, records } = fetch
  const end = log.endAt(partition, fetch.to)
  if (records === undefined) {
    const isTrimmed = offset < log.startAt(partition, fetch.to)
    if (!isTrimmed && offset <= log.endAt(partition, fetch.from))
      report('spurious-out-of-range', `${consumer} at ${offset} of ${fetch.logStart} to ${fetch.end}`)
    return Math.max(fetch.logStart, offset)
  }
  if (fetch.end > end) report('future-read', `${consumer} sees the end ${fetch.end}, it is ${end}`)
  let next = offset
  for (const record of records) {
    if (record.offset > next) report('poll-skip', `${consumer} from ${next} to ${record.offset}`)
    if (record.offset < next) report('nonmonotonic-poll', `${consumer} from ${next} to ${record.offset}`)
    if (record.offset >= end) report('future-read', `${consumer} at ${record.offset}, the end is ${end}`)
    const truth = log.partition(partition).records[record.offset]
    if (truth?.value !== record.value || truth.timestamp !== record.timestamp)
      report('wrong-record', `${consumer} at ${record.offset}: ${record.value}, it is ${truth?.value}`)
    next = record.offset + 1
  }
  return next
}

const checkEnds = (history: History, log: TrueLog, report: Report): void => {
  for (const { partition, from, to, logStart, end } of history.ends) {
    const isBetween = (at: number, low: number, high: number) => at >= low && at <= high
    if (!isBetween(end, log.endAt(partition, from), log.endAt(partition, to)))
      report('stale-ends', `${partition} ends at ${end}, not ${log.endAt(partition, from)}`)
    if (!isBetween(logStart, log.startAt(partition, from), log.startAt(partition, to)))
      report('stale-ends', `${partition} starts at ${logStart}, not ${log.startAt(partition, from)}`)
  }
}

/** A lookup is right when some moment between its beginning and its end gives its answer. */
const checkLookup = (lookup: Lookup, log: TrueLog, report: Report): void => {
  const { partition, from, to, timestamp, found } = lookup
  const { records, ends, starts } = log.partition(partition)
  const moments = [from, ...[...ends, ...starts].map(({ order }) => order).filter((at) => at > from && at <= to)]
  const isRight = moments.some((moment) => {
    const start = log.startAt(partition, moment)
    const visible = records.slice(start, log.endAt(partition, moment))
    const wanted = timestamp ?? visible.reduce((max, record) => Math.max(max, record.timestamp), -1)
    const index = visible.findIndex((record) => record.timestamp >= wanted)
    if (index < 0) return found === undefined
    return found?.offset === start + index && found.timestamp === visible[index]?.timestamp
  })
  if (!isRight) report('wrong-lookup', `${partition} at time ${timestamp ?? 'max'}: ${found?.offset ?? 'nothing'}`)
}

const checkFinals = (history: History, log: TrueLog, report: Report): void => {
  for (const { partition, records } of history.finals) {
    const start = log.startAt(partition, Number.POSITIVE_INFINITY)
    const read = new Map(records.map((record) => [record.offset, record]))
    for (const [offset, truth] of log.partition(partition).records.entries()) {
      if (offset < start || truth === undefined) continue
      const found = read.get(offset)
      if (found === undefined) report('unseen', `${partition} ${truth.value} at ${offset}`)
      else if (found.value !== truth.value) report('wrong-record', `${partition} at ${offset}: ${found.value}`)
    }
  }
}
