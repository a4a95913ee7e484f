import fc from 'fast-check'
import { expect, test } from 'vitest'
import { apply } from '../../lib/log/apply.ts'
import { decodeState, encodeState } from '../../lib/log/checkpoint.ts'
import { refusal } from '../../lib/log/decide.ts'
import { planFlush } from '../../lib/log/flush.ts'
import type { Change, Row } from '../../lib/log/row.ts'
import { decodeRow, encodeRow } from '../../lib/log/row-bytes.ts'
import { emptyState, leaderEpochOf, partitionOf, type State } from '../../lib/log/state.ts'

/** What an author wants to do; what it means depends on the state it meets. */
type Wish =
  | {
      readonly wish: 'append'
      readonly partition: number
      readonly counts: readonly number[]
      readonly inline: boolean
      readonly producer: boolean
    }
  | { readonly wish: 'flush' | 'lead' | 'tickets' }
  | { readonly wish: 'trim'; readonly partition: number; readonly share: number }
  | { readonly wish: 'merge'; readonly partition: number }
  | { readonly wish: 'expire'; readonly partition: number }

const partition = fc.integer({ min: 0, max: 2 })
const wish: fc.Arbitrary<Wish> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      wish: fc.constant('append' as const),
      partition,
      counts: fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 4 }),
      inline: fc.boolean(),
      producer: fc.boolean(),
    }),
  },
  fc.record({ wish: fc.constantFrom('flush' as const, 'lead' as const, 'tickets' as const) }),
  fc.record({ wish: fc.constant('trim' as const), partition, share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ wish: fc.constantFrom('merge' as const, 'expire' as const), partition }),
)

const changeOf = (state: State, want: Wish): Change | undefined => {
  switch (want.wish) {
    case 'append': {
      const bytesEach = 10
      const batches = want.counts.map((count, i) => ({
        partition: want.partition,
        position: i * bytesEach,
        sizeBytes: bytesEach,
        count,
        maxTimestamp: BigInt(state.seq * 7 + i) - 1n,
        producerId: want.producer ? 5n : -1n,
        producerEpoch: want.producer ? 0 : -1,
        baseSequence: want.producer ? i : -1,
      }))
      const bytes = want.inline
        ? ({ in: 'row', bytes: Buffer.alloc(want.counts.length * bytesEach, state.seq) } as const)
        : ({ in: 'object', name: `wal/${state.seq}-x` } as const)
      return { kind: 'append', bytes, leaderEpoch: undefined, batches }
    }
    case 'flush': {
      const plan = planFlush(state)
      if (plan === undefined) return undefined
      const segments = plan.partitions.map(({ partition, batches }, i) => ({
        partition,
        segment: {
          name: `seg/${state.seq}-x`,
          position: i,
          sizeBytes: batches.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
          indexBytes: 4,
          baseOffset: batches[0]?.baseOffset ?? 0n,
          endOffset: batches.reduce((_, { baseOffset, count }) => baseOffset + BigInt(count), 0n),
          maxTimestamp: 0n,
        },
      }))
      return { kind: 'flush', from: plan.from, upTo: plan.upTo, segments }
    }
    case 'lead':
      return { kind: 'lead', node: 1, epoch: leaderEpochOf(state) + 1 }
    case 'tickets':
      return { kind: 'tickets', to: state.seq }
    case 'trim': {
      const { logStartOffset, endOffset } = partitionOf(state, want.partition)
      const share = Math.round(Number(endOffset - logStartOffset) * want.share)
      return { kind: 'trim', partition: want.partition, logStartOffset: logStartOffset + BigInt(share) }
    }
    case 'merge': {
      const { segments } = partitionOf(state, want.partition)
      const [first, second] = segments
      if (first === undefined || second === undefined) return undefined
      const added = { ...first, name: `seg/${state.seq}-m`, endOffset: second.endOffset }
      return {
        kind: 'rewrite',
        partition: want.partition,
        removed: [first, second].map(({ name, position }) => ({ name, position })),
        added: [added],
      }
    }
    case 'expire': {
      const seq = state.seq
      return { kind: 'expire', partition: want.partition, producers: [{ producerId: 5n, seq }] }
    }
  }
}

/** The rows that come of wishes: those that may be written. */
const rowsOf = (wishes: readonly Wish[]): readonly Row[] => {
  const rows: Row[] = []
  let state = emptyState
  for (const want of wishes) {
    const change = changeOf(state, want)
    if (change === undefined || (change.kind !== 'append' && refusal(state, change) !== undefined)) continue
    const row = { id: `a-${rows.length}`, at: 1_700_000_000_000 + rows.length, ...change }
    rows.push(row)
    state = apply(state, row)
  }
  return rows
}

const fold = (rows: readonly Row[], from = emptyState): State => rows.reduce(apply, from)

const wishes = fc.array(wish, { maxLength: 40 })

test('segments and tail cover the log from its start to its end, without gap or overlap', () => {
  fc.assert(
    fc.property(wishes, (wanted) => {
      let state = emptyState
      for (const row of rowsOf(wanted)) {
        state = apply(state, row)
        for (const { logStartOffset, endOffset, segments, tail } of state.partitions.values()) {
          const pieces = [
            ...segments.map(({ baseOffset, endOffset }) => [baseOffset, endOffset] as const),
            ...tail.map(({ baseOffset, count }) => [baseOffset, baseOffset + BigInt(count)] as const),
          ]
          const [first] = pieces
          if (first === undefined) expect(logStartOffset).toBe(endOffset)
          else expect(first[0] <= logStartOffset && first[1] > logStartOffset).toBe(true)
          for (const [i, [start]] of pieces.entries()) if (i > 0) expect(start).toBe(pieces[i - 1]?.[1])
          if (first !== undefined) expect(pieces.at(-1)?.[1]).toBe(endOffset)
        }
      }
    }),
  )
})

test('what never decreases does not', () => {
  fc.assert(
    fc.property(wishes, (wanted) => {
      let before = emptyState
      for (const row of rowsOf(wanted)) {
        const state = apply(before, row)
        expect(state.seq).toBe(before.seq + 1)
        expect(state.flushed).toBeGreaterThanOrEqual(before.flushed)
        expect(state.tickets).toBeGreaterThanOrEqual(before.tickets)
        for (const [index, { logStartOffset, endOffset }] of before.partitions) {
          expect(partitionOf(state, index).logStartOffset >= logStartOffset).toBe(true)
          expect(partitionOf(state, index).endOffset >= endOffset).toBe(true)
        }
        before = state
      }
    }),
  )
})

test('a row is the same after it was stored', () => {
  fc.assert(
    fc.property(wishes, (wanted) => {
      for (const row of rowsOf(wanted)) expect(decodeRow(encodeRow(row))).toEqual(row)
    }),
  )
})

test('a stored state and the rows after it give the state of all rows', () => {
  fc.assert(
    fc.property(wishes, fc.nat(40), (wanted, cut) => {
      const rows = rowsOf(wanted)
      const stored = decodeState(encodeState(fold(rows.slice(0, cut)), 'topic/0/'), 'topic/0/')
      expect(plain(fold(rows.slice(cut), stored))).toEqual(plain(fold(rows)))
    }),
  )
})

test('a checkpoint of another shard, or with a bit flipped, is noticed', () => {
  const state = fold(rowsOf([{ wish: 'append', partition: 0, counts: [1, 2], inline: true, producer: true }]))
  const bytes = encodeState(state, 'topic/0/')
  expect(() => decodeState(bytes, 'topic/1/')).toThrow('belongs to topic/0/')
  fc.assert(
    fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
      const flipped = Buffer.from(bytes)
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      expect(() => decodeState(flipped, 'topic/0/')).toThrow('damaged')
    }),
  )
})

/** Producers as a list, so that an empty bucket and no bucket are equal. */
const plain = (state: State) => ({
  ...state,
  partitions: [...state.partitions.values()]
    .map((p) => ({ ...p, producers: p.producers.flatMap((bucket) => (bucket ? [...bucket] : [])) }))
    .sort((a, b) => a.index - b.index),
})
