import { expect, test } from 'vitest'
import {
  judge,
  type Producer,
  type Producers,
  producerOf,
  producersFrom,
  remember,
  withoutProducers,
  withProducer,
} from '../../lib/log/producers.ts'

const sent = (baseSequence: number, count = 1, producerEpoch = 0) => ({ producerEpoch, baseSequence, count })

/** A producer whose batches of one record each were appended in this order. */
const after = (...sequences: readonly number[]): Producer | undefined =>
  sequences.reduce<Producer | undefined>(
    (producer, sequence, i) => remember(producer, sent(sequence), { baseOffset: BigInt(i), seq: i + 1, lastAt: 0 }),
    undefined,
  )

test.each([
  ['the first batch of a new producer', undefined, sent(0), { outcome: 'next' }],
  ['a later batch of an unknown producer', undefined, sent(7), { outcome: 'refused', error: 'UNKNOWN_PRODUCER_ID' }],
  ['the next batch', after(0, 1), sent(2), { outcome: 'next' }],
  ['the last batch again', after(0, 1), sent(1), { outcome: 'duplicate', baseOffset: 1n }],
  ['the fifth last batch again', after(0, 1, 2, 3, 4), sent(0), { outcome: 'duplicate', baseOffset: 0n }],
  [
    'a batch older than the last five',
    after(0, 1, 2, 3, 4, 5),
    sent(0),
    { outcome: 'refused', error: 'DUPLICATE_SEQUENCE_NUMBER' },
  ],
  ['a gap', after(0), sent(2), { outcome: 'refused', error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' }],
  [
    'an older epoch',
    remember(undefined, sent(0, 1, 3), { baseOffset: 0n, seq: 1, lastAt: 0 }),
    sent(1, 1, 2),
    { outcome: 'refused', error: 'INVALID_PRODUCER_EPOCH' },
  ],
  ['the first batch of a new epoch', after(0, 1), sent(0, 1, 1), { outcome: 'next' }],
  [
    'a later batch of a new epoch',
    after(0, 1),
    sent(2, 1, 1),
    { outcome: 'refused', error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' },
  ],
  ['sequence 0 after 2^31 - 1', after(2 ** 31 - 1), sent(0), { outcome: 'next' }],
  [
    'a batch that ends beyond 2^31 - 1 and its successor',
    remember(undefined, sent(2 ** 31 - 2, 5), { baseOffset: 0n, seq: 1, lastAt: 0 }),
    sent(3),
    { outcome: 'next' },
  ],
  [
    'the same base sequence with another count',
    after(0, 1),
    sent(1, 2),
    { outcome: 'refused', error: 'DUPLICATE_SEQUENCE_NUMBER' },
  ],
] as const)('%s is judged %#', (_, producer, batch, judgement) => {
  expect(judge(producer, batch)).toEqual(judgement)
})

test('a new epoch forgets the sequences of the one before', () => {
  const producer = remember(after(0, 1), sent(0, 1, 1), { baseOffset: 9n, seq: 9, lastAt: 0 })
  expect(producer).toMatchObject({ epoch: 1, last: [{ baseSequence: 0, baseOffset: 9n }] })
})

test('remembering one producer and forgetting others leaves the earlier map as it was', () => {
  const producer = after(0)
  if (producer === undefined) throw new Error('one batch was appended')
  const before = producersFrom([[1n, producer] as const])
  const later = withProducer(before, 65n, producer)
  const last = withoutProducers(later, [1n, 2n])
  const known = (producers: Producers) => [1n, 65n].map((id) => producerOf(producers, id))
  expect(known(before)).toEqual([producer, undefined])
  expect(known(later)).toEqual([producer, producer])
  expect(known(last)).toEqual([undefined, producer])
})
