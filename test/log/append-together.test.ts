import { expect, test } from 'vitest'
import { type AppendRequest, appendOf, batchFrom, decideAppend, placeBatches } from '../../lib/log/append.ts'
import { apply } from '../../lib/log/apply.ts'
import { singleWriteOf } from '../../lib/log/producers.ts'
import { emptyState, partitionOf, type State } from '../../lib/log/state.ts'
import { batch } from '../support/batches.ts'
import { appendBatches, emptyLog, instance } from '../support/log.ts'

type Part = { readonly partition?: number; readonly records?: number; readonly producerId?: bigint }

/** A request of which all is appended or nothing. */
const together = (parts: readonly Part[], expectedEnds: Readonly<Record<number, number>> = {}): AppendRequest => ({
  batches: parts.map(({ partition = 0, records = 1, producerId }) => {
    const identity = producerId === undefined ? {} : { producerId, producerEpoch: 0, baseSequence: 0 }
    return batchFrom(partition, batch({ records, ...identity }))
  }),
  leaderEpoch: undefined,
  allOrNone: {
    expectedEnds: new Map(Object.entries(expectedEnds).map(([partition, end]) => [Number(partition), BigInt(end)])),
  },
})

const decide = (state: State, ...requests: readonly AppendRequest[]) => decideAppend(state, placeBatches(requests))

const after = (state: State, ...requests: readonly AppendRequest[]): State => {
  const decision = decide(state, ...requests)
  return apply(state, { id: 'one-1', at: 0, ...appendOf(decision, { in: 'object', name: 'wal/000-a' }) })
}

test('a condition holds where the partition ends where it should, and is refused with the end where not', () => {
  const state = after(emptyState, together([{ records: 3 }]))
  expect(decide(state, together([{}], { 0: 3 })).verdicts).toMatchObject([[{ outcome: 'next', baseOffset: 3n }]])
  const wrong = decide(state, together([{}], { 0: 2 }))
  expect(wrong.verdicts).toEqual([
    [{ outcome: 'refused', error: 'OFFSET_OUT_OF_RANGE', otherEnd: { partition: 0, endOffset: 3n } }],
  ])
  expect([wrong.refuses, wrong.accepted]).toEqual([true, []])
})

test('of two requests in one row that rest on the same end the first wins', () => {
  const decision = decide(emptyState, together([{ records: 2 }], { 0: 0 }), together([{}], { 0: 0 }))
  expect(decision.verdicts).toMatchObject([
    [{ outcome: 'next' }],
    [{ outcome: 'refused', otherEnd: { partition: 0, endOffset: 2n } }],
  ])
  expect(decision.accepted).toHaveLength(1)
})

test('when a part is refused nothing of the request counts, for the requests behind it either', () => {
  const state = after(emptyState, together([{ producerId: 7n, records: 2 }]))
  // The second partition's batch is new, the first one's has the sequence of another.
  const mixed = together([
    { partition: 1, producerId: 8n },
    { partition: 0, producerId: 7n, records: 5 },
  ])
  const decision = decide(state, mixed, together([{ partition: 1 }], { 1: 0 }))
  expect(decision.verdicts).toMatchObject([
    [
      { outcome: 'refused', error: 'DUPLICATE_SEQUENCE_NUMBER' },
      { outcome: 'refused', error: 'DUPLICATE_SEQUENCE_NUMBER' },
    ],
    [{ outcome: 'next', baseOffset: 0n }],
  ])
})

test('a repeat is answered as it was, although its condition no longer holds', () => {
  const request = together([{ producerId: 7n, records: 2 }], { 0: 0 })
  const state = after(after(emptyState, request), together([{}]))
  expect(decide(state, request).verdicts).toMatchObject([[{ outcome: 'duplicate', baseOffset: 0n }]])
  const half = together([
    { producerId: 7n, records: 2 },
    { partition: 1, producerId: 7n },
  ])
  expect(decide(state, half).verdicts[0]).toMatchObject([{ outcome: 'refused' }, { outcome: 'refused' }])
  expect(partitionOf(state, 0).endOffset).toBe(3n)
})

test('who writes once writes into the same partitions again, or is refused', () => {
  const producerId = singleWriteOf(Buffer.from('12345678'))
  const first = together([{ producerId }])
  const elsewhere = together([{ producerId, partition: 1 }])
  const refused = [{ outcome: 'refused', error: 'DUPLICATE_SEQUENCE_NUMBER' }]
  expect(decide(after(emptyState, first), elsewhere).verdicts).toMatchObject([refused])
  expect(decide(emptyState, first, elsewhere).verdicts).toMatchObject([[{ outcome: 'next' }], refused])
  expect(decide(emptyState, together([{ producerId }, { producerId, partition: 1 }])).accepted).toHaveLength(2)
})

test('of many writers that race for an end exactly one has each offset', async () => {
  const log = await emptyLog()
  const other = instance(log, { instance: 'two' })
  const lanes = [log.lane, other.lane]
  const untilMs = log.clock.now() + 3_600_000
  const won: bigint[] = []
  for (let round = 0; round < 10; round++) {
    const racing = Array.from({ length: 10 }, async (_, i) => {
      const answer = await lanes[i % 2]?.append(together([{}], { 0: round }), untilMs)
      if (answer?.outcome !== 'decided') throw new Error('the append timed out')
      return answer.verdicts[0]
    })
    const verdicts = await Promise.all(racing)
    const winners = verdicts.flatMap((verdict) => (verdict?.outcome === 'next' ? [verdict.baseOffset] : []))
    expect(winners).toEqual([BigInt(round)])
    won.push(...winners)
    const lost = verdicts.filter((verdict) => verdict?.outcome === 'refused')
    expect(lost).toHaveLength(9)
    for (const verdict of lost) expect(verdict).toMatchObject({ otherEnd: { endOffset: BigInt(round + 1) } })
  }
  expect(await appendBatches(log, 0, batch())).toMatchObject([{ baseOffset: 10n }])
  expect(won).toHaveLength(10)
})
