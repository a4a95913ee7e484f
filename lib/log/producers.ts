/**
 * What a partition remembers of its idempotent producers: epoch and the last five batches of each (KIP-98).
 *
 * A persistent map in buckets, so that remembering one batch copies a 64th and not ten thousand entries.
 */
type Remembered = { readonly baseSequence: number; readonly count: number; readonly baseOffset: bigint }

export type Producer = {
  readonly epoch: number
  /** Oldest first, at most `rememberedBatches`. */
  readonly last: readonly Remembered[]
  /** The row of its last batch here, and that row's `at` in ms: how long it has been idle. */
  readonly seq: number
  readonly lastAt: number
}

export type Producers = readonly (ReadonlyMap<bigint, Producer> | undefined)[]

/** Ids from here on stand for producers that write once: each follows from the key of one request. */
const firstSingleWrite = 2n ** 62n

export const isSingleWrite = (producerId: bigint): boolean => producerId >= firstSingleWrite

/** A repeat within ten minutes gets the same answer (`Idempotency-Key`); the rest is for clocks that differ. */
export const singleWriteKnownMs = 15 * 60_000

/** The producer that these 8 bytes of a hash stand for. */
export const singleWriteOf = (hash: Buffer): bigint => firstSingleWrite + BigInt.asUintN(62, hash.readBigUInt64BE())

/** As many as a producer may have in flight (`max.in.flight.requests.per.connection` ≤ 5). */
const rememberedBatches = 5
const buckets = 64
const sequences = 2 ** 31

const bucketOf = (producerId: bigint): number => Number(BigInt.asUintN(6, producerId))

export const producerOf = (producers: Producers, producerId: bigint): Producer | undefined =>
  producers[bucketOf(producerId)]?.get(producerId)

export const withProducer = (producers: Producers, producerId: bigint, producer: Producer): Producers => {
  const copy =
    producers.length === buckets ? producers.slice() : Array.from({ length: buckets }, (_, i) => producers[i])
  const bucket = new Map(copy[bucketOf(producerId)])
  bucket.set(producerId, producer)
  copy[bucketOf(producerId)] = bucket
  return copy
}

/** Without these. Each bucket is copied once, however many go. */
export const withoutProducers = (producers: Producers, producerIds: readonly bigint[]): Producers => {
  const copy = producers.slice()
  for (const [index, gone] of Map.groupBy(producerIds, bucketOf)) {
    const bucket = new Map(copy[index])
    for (const producerId of gone) bucket.delete(producerId)
    copy[index] = bucket
  }
  return copy
}

export const producersFrom = (entries: Iterable<readonly [bigint, Producer]>): Producers => {
  const filled = Array.from({ length: buckets }, () => new Map<bigint, Producer>())
  for (const [producerId, producer] of entries) filled[bucketOf(producerId)]?.set(producerId, producer)
  return filled
}

export function* producersIn(producers: Producers): Generator<readonly [bigint, Producer]> {
  for (const bucket of producers) if (bucket) yield* bucket
}

/** The part of a batch that idempotence looks at. */
export type Sequenced = { readonly producerEpoch: number; readonly baseSequence: number; readonly count: number }

export type Judgement =
  | { readonly outcome: 'next' }
  | { readonly outcome: 'duplicate'; readonly baseOffset: bigint }
  | { readonly outcome: 'refused'; readonly error: ProducerError }

export type ProducerError =
  | 'INVALID_PRODUCER_EPOCH'
  | 'DUPLICATE_SEQUENCE_NUMBER'
  | 'OUT_OF_ORDER_SEQUENCE_NUMBER'
  | 'UNKNOWN_PRODUCER_ID'

/**
 * Whether this batch is the producer's next one, one of the remembered ones, or neither.
 * A repeat is answered with its first offset, from memory and never computed from the end.
 */
export const judge = (producer: Producer | undefined, batch: Sequenced): Judgement => {
  if (producer === undefined) {
    return batch.baseSequence === 0 ? next : { outcome: 'refused', error: 'UNKNOWN_PRODUCER_ID' }
  }
  if (batch.producerEpoch < producer.epoch) return { outcome: 'refused', error: 'INVALID_PRODUCER_EPOCH' }
  if (batch.producerEpoch > producer.epoch) return batch.baseSequence === 0 ? next : outOfOrder
  const repeated = producer.last.find((r) => r.baseSequence === batch.baseSequence && r.count === batch.count)
  if (repeated) return { outcome: 'duplicate', baseOffset: repeated.baseOffset }
  const newest = producer.last.at(-1)
  const ahead = wrap(batch.baseSequence - (newest ? wrap(newest.baseSequence + newest.count) : 0))
  if (ahead === 0) return next
  return ahead >= sequences / 2 ? { outcome: 'refused', error: 'DUPLICATE_SEQUENCE_NUMBER' } : outOfOrder
}

/** The producer once this batch is in the log. */
export const remember = (
  producer: Producer | undefined,
  batch: Sequenced,
  at: { readonly baseOffset: bigint; readonly seq: number; readonly lastAt: number },
): Producer => {
  const { baseSequence, count, producerEpoch } = batch
  const { baseOffset, seq, lastAt } = at
  const earlier = producer?.epoch === producerEpoch ? producer.last.slice(1 - rememberedBatches) : []
  return { epoch: producerEpoch, last: [...earlier, { baseSequence, count, baseOffset }], seq, lastAt }
}

const next: Judgement = { outcome: 'next' }
const outOfOrder: Judgement = { outcome: 'refused', error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' }

/** After 2³¹ − 1 comes 0. */
const wrap = (sequence: number): number => ((sequence % sequences) + sequences) % sequences
