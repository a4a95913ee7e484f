import { expect, test } from 'vitest'
import { check } from './checker.ts'
import type { Appended, Fetch, History, Send, Try } from './history.ts'

const nothing: History = { log: [], sends: [], fetches: [], ends: [], lookups: [], finals: [], hung: [] }

/** One batch of these values; timestamps are a hundred times the offset. */
const appended = (order: number, baseOffset: number, ...values: readonly string[]): Appended => ({
  event: 'appended',
  order,
  partition: 'p',
  baseOffset,
  records: values.map((value, i) => ({ value, timestamp: (baseOffset + i) * 100 })),
  sequence: undefined,
  leaderEpoch: 0,
})

const sequenced = (event: Appended, producerId: number, epoch: number, base: number): Appended => ({
  ...event,
  sequence: { producerId, epoch, base },
})

const trimmed = (order: number, logStart: number) => ({ event: 'trimmed', order, partition: 'p', logStart }) as const

const tried = (outcome: Try['outcome'], offset?: number, isInTurn = false): Try => ({
  from: 1,
  to: 2,
  outcome,
  offset,
  isInTurn,
})

const send = (value: string, isIdempotent: boolean, ...tries: readonly Try[]): Send => ({
  partition: 'p',
  values: [value],
  isIdempotent,
  tries,
  leaderEpochs: tries.map(() => undefined),
})

const led = (value: string, ...leaderEpochs: readonly (number | undefined)[]): Send => ({
  ...send(value, true, tried('unknown')),
  leaderEpochs,
})

const fetch = (offset: number, values: readonly string[] | undefined, more: Partial<Fetch> = {}): Fetch => ({
  consumer: 'c',
  by: 'm',
  partition: 'p',
  from: 20,
  to: 21,
  offset,
  logStart: 0,
  end: 3,
  records: values?.map((value, i) => ({ value, offset: offset + i, timestamp: (offset + i) * 100 })),
  ...more,
})

const log = [appended(10, 0, 'a'), appended(11, 1, 'b'), appended(12, 2, 'c')]
const final = (...values: readonly string[]) => [
  { partition: 'p', records: values.map((value, offset) => ({ value, offset, timestamp: offset * 100 })) },
]
const ends = (from: number, logStart: number, end: number) => [{ partition: 'p', from, to: from + 1, logStart, end }]
const lookup = (timestamp: number | undefined, offset?: number, from = 20) => [
  {
    partition: 'p',
    from,
    to: from + 2,
    timestamp,
    found: offset === undefined ? undefined : { offset, timestamp: offset * 100 },
  },
]

const bad: readonly (readonly [string, string, Partial<History>])[] = [
  ['lost-write', 'of an acknowledged record', { sends: [send('z', true, tried('acknowledged', 1))] }],
  ['lost-write', 'when the answer told no offset', { sends: [send('z', true, tried('acknowledged'))] }],
  ['wrong-offset', 'by one', { sends: [send('a', true, tried('acknowledged', 1))] }],
  [
    'inconsistent-offsets',
    'to two tries',
    {
      log: [...log, appended(13, 3, 'a')],
      sends: [send('a', true, tried('acknowledged', 0), tried('acknowledged', 3))],
    },
  ],
  ['duplicate', 'idempotent', { log: [...log, appended(13, 3, 'a')], sends: [send('a', true, tried('unknown'))] }],
  [
    'duplicate',
    'of one try without idempotence',
    { log: [...log, appended(13, 3, 'a')], sends: [send('a', false, tried('unknown'))] },
  ],
  ['failed-but-visible', 'after one refusal', { sends: [send('a', true, tried('refused'))] }],
  ['failed-but-visible', 'after several', { sends: [send('b', false, tried('refused'), tried('refused'))] }],
  ['spurious-refusal', 'of the next batch', { sends: [send('y', true, tried('refused', undefined, true))] }],
  [
    'fenced-write',
    'under the epoch of the next leader',
    { log: [{ ...appended(10, 0, 'a'), leaderEpoch: 2 }], sends: [led('a', 1)] },
  ],
  ['fenced-write', 'under an epoch that has yet to come', { log, sends: [led('b', 1, 1)] }],
  ['overlap', 'of one offset', { log: [...log, appended(13, 2, 'd')] }],
  ['gap', 'of one offset', { log: [...log, appended(13, 4, 'd')] }],
  ['nonmonotonic-send', 'that begins in the middle', { log: [sequenced(appended(1, 0, 'a'), 7, 0, 3)] }],
  [
    'nonmonotonic-send',
    'with a gap',
    { log: [sequenced(appended(1, 0, 'a'), 7, 0, 0), sequenced(appended(2, 1, 'b'), 7, 0, 2)] },
  ],
  [
    'nonmonotonic-send',
    'of a fenced epoch',
    { log: [sequenced(appended(1, 0, 'a'), 7, 1, 0), sequenced(appended(2, 1, 'b'), 7, 0, 1)] },
  ],
  ['log-start-back', 'by one', { log: [...log, trimmed(13, 2), trimmed(14, 1)] }],
  [
    'poll-skip',
    'within an answer',
    { fetches: [fetch(0, ['a', 'b'].toSpliced(0, 1), { offset: 0, records: [at(1)] })] },
  ],
  ['poll-skip', 'between answers', { fetches: [fetch(0, ['a']), fetch(2, ['c'])] }],
  ['nonmonotonic-poll', 'between answers', { fetches: [fetch(0, ['a', 'b']), fetch(1, ['b'])] }],
  ['nonmonotonic-poll', 'within an answer', { fetches: [fetch(1, [], { records: [at(1), at(0)] })] }],
  ['ends-back', 'of the end', { fetches: [fetch(0, ['a'], { end: 2 }), fetch(1, ['b'], { end: 1 })] }],
  ['ends-back', 'of the start', { fetches: [fetch(0, ['a'], { logStart: 1 }), fetch(1, ['b'])] }],
  ['wrong-record', 'in a fetch', { fetches: [fetch(0, ['b'])] }],
  ['wrong-record', 'with the time of another', { fetches: [fetch(0, [], { records: [{ ...at(0), timestamp: 5 }] })] }],
  ['wrong-record', 'at the end', { finals: final('a', 'c', 'b') }],
  ['future-read', 'of a record', { fetches: [fetch(2, ['c'], { from: 10, to: 11, end: 2 })] }],
  ['future-read', 'of an end', { fetches: [fetch(0, ['a'], { from: 10, to: 10, end: 2 })] }],
  ['spurious-out-of-range', 'inside the log', { fetches: [fetch(1, undefined)] }],
  ['spurious-out-of-range', 'at its end', { fetches: [fetch(3, undefined)] }],
  ['stale-ends', 'of the end', { ends: ends(20, 0, 2) }],
  ['stale-ends', 'ahead of the end', { ends: ends(10, 0, 3) }],
  ['stale-ends', 'of the start', { log: [...log, trimmed(13, 2)], ends: ends(20, 0, 3) }],
  ['wrong-lookup', 'of a later record', { lookups: lookup(100, 2) }],
  ['wrong-lookup', 'of an earlier record', { lookups: lookup(150, 1) }],
  ['wrong-lookup', 'of nothing', { lookups: lookup(100) }],
  ['wrong-lookup', 'of a trimmed record', { log: [...log, trimmed(13, 2)], lookups: lookup(0, 0) }],
  ['wrong-lookup', 'of the largest timestamp', { lookups: lookup(undefined, 1) }],
  ['unseen', 'at the end', { finals: final('a', 'b') }],
  ['unseen', 'everything', { finals: final() }],
  ['hung', 'a request', { hung: ['a fetch'] }],
]

function at(offset: number) {
  return { value: 'abc'.charAt(offset), offset, timestamp: offset * 100 }
}

test.each(bad)('%s: %s', (anomaly, _, history) => {
  const found = check({ ...nothing, log, ...history }).map((one) => one.class)
  expect(found).toContain(anomaly)
})

test.each<readonly [string, Partial<History>]>([
  ['nothing happened', { log: [] }],
  ['an acknowledged record is at its offset', { sends: [send('b', true, tried('acknowledged', 1))] }],
  ['a repeated batch has its first offset', { sends: [send('b', true, tried('unknown'), tried('acknowledged', 1))] }],
  ['what has no answer is there', { sends: [send('a', true, tried('unknown'))] }],
  ['what has no answer is not there', { sends: [send('z', true, tried('unknown'))] }],
  [
    'a batch without idempotence is there once for each try',
    { log: [...log, appended(13, 3, 'a')], sends: [send('a', false, tried('unknown'), tried('acknowledged', 3))] },
  ],
  ['a refused batch is not there', { sends: [send('z', true, tried('refused'))] }],
  ['a consumer reads all', { fetches: [fetch(0, ['a', 'b']), fetch(2, ['c']), fetch(3, [])] }],
  [
    'a trimmed offset is out of range',
    {
      log: [...log, trimmed(13, 2)],
      fetches: [fetch(1, undefined, { logStart: 2 }), fetch(2, ['c'], { logStart: 2 })],
    },
  ],
  ['an end is that of a moment within the call', { ends: ends(10, 0, 1) }],
  ['another machine knows less', { fetches: [fetch(0, ['a']), fetch(1, ['b'], { by: 'n', end: 2 })] }],
  ['a timestamp finds the first record that has it', { lookups: lookup(150, 2) }],
  ['the answer of any moment within the call is right', { lookups: lookup(undefined, 1, 10) }],
  ['trimmed records are not read at the end', { log: [...log, trimmed(13, 3)], finals: final() }],
  ['a leader appends under its epoch', { log: [{ ...appended(10, 0, 'a'), leaderEpoch: 2 }], sends: [led('a', 1, 2)] }],
  ['what a deposed leader took on goes into the log by another', { log, sends: [led('b', 1, undefined)] }],
  [
    'a new epoch begins anew',
    { log: [sequenced(appended(1, 0, 'a'), 7, 0, 0), sequenced(appended(2, 1, 'b'), 7, 1, 0)] },
  ],
])('may happen: %s', (_, history) => {
  expect(check({ ...nothing, log, ...history })).toEqual([])
})
