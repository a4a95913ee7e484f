import { readBatchHeader } from '../protocol/batch.ts'
import { isSingleWrite, judge, type Producer, type ProducerError, producerOf, remember } from './producers.ts'
import type { Append, AppendedBatch, AppendedBytes } from './row.ts'
import { leaderEpochOf, partitionOf, type State, ticketOf } from './state.ts'

/** A batch that somebody wants appended: what the row will say of it, and its bytes as they were sent. */
export type Batch = Omit<AppendedBatch, 'position' | 'sizeBytes'> & { readonly bytes: Buffer }

/** A batch as it was sent, which stands whole in `bytes` and was checked. */
export const batchFrom = (partition: number, bytes: Buffer): Batch => {
  const { count, maxTimestamp, producerId, producerEpoch, baseSequence } = readBatchHeader(bytes)
  return { partition, bytes, count, maxTimestamp, producerId, producerEpoch, baseSequence }
}

/** A batch whose place in the upload is known. */
export type PlacedBatch = Batch & { readonly position: number }

/** Batches that arrived together, in order. `leaderEpoch` is set when they were sent to the shard's leader. */
export type AppendRequest<Kind extends Batch = Batch> = {
  readonly batches: readonly Kind[]
  readonly leaderEpoch: number | undefined
  /** Set: all batches are appended or none, and only where these partitions end at these offsets. */
  readonly allOrNone?: { readonly expectedEnds: ReadonlyMap<number, bigint> }
}

/** Requests that share an upload: their bytes stand one after the other, whatever is decided about them later. */
export const placeBatches = (requests: readonly AppendRequest[]): readonly AppendRequest<PlacedBatch>[] => {
  let position = 0
  return requests.map((request) => ({
    ...request,
    batches: request.batches.map((batch) => {
      const placed = { ...batch, position }
      position += batch.bytes.length
      return placed
    }),
  }))
}

type AppendError = ProducerError | 'FENCED_LEADER_EPOCH' | 'UNKNOWN_TOPIC_OR_PARTITION' | 'OFFSET_OUT_OF_RANGE'

/** What becomes of one batch. `next` is true once the row is stored, the others are true now. */
export type Verdict =
  | { readonly outcome: 'next'; readonly baseOffset: bigint; readonly logStartOffset: bigint }
  | { readonly outcome: 'duplicate'; readonly baseOffset: bigint; readonly logStartOffset: bigint }
  | { readonly outcome: 'refused'; readonly error: AppendError; readonly otherEnd?: PartitionEnd }

/** Where a partition ends, when the request rests on another end. */
type PartitionEnd = { readonly partition: number; readonly endOffset: bigint }

export type AppendDecision = {
  /** Per request and batch. */
  readonly verdicts: readonly (readonly Verdict[])[]
  /** The batches that need a row, in its order; none: everything is answered already. */
  readonly accepted: readonly PlacedBatch[]
  /** Something is refused: say so only from a view that was confirmed after the request had arrived. */
  readonly refuses: boolean
  readonly leaderEpoch: number | undefined
}

/** Batches in one row: at about 36 bytes each it stays far below an item's limit. */
export const maxRowBatches = 1000

/** What appending these batches at the end of this state means. Stores nothing, waits for nothing. */
export const decideAppend = (state: State, requests: readonly AppendRequest<PlacedBatch>[]): AppendDecision => {
  let ends = new Map<number, bigint>()
  let producers = new Map<string, Producer>()
  let accepted: PlacedBatch[] = []
  let refuses = false
  const decide = (batch: PlacedBatch): Verdict => {
    const partition = partitionOf(state, batch.partition)
    const { logStartOffset } = partition
    const baseOffset = ends.get(batch.partition) ?? partition.endOffset
    if (batch.producerId >= 0n) {
      const key = `${batch.partition}/${batch.producerId}`
      const known = producers.get(key) ?? producerOf(partition.producers, batch.producerId)
      const judgement = judge(known, batch)
      if (judgement.outcome === 'duplicate') return { ...judgement, logStartOffset }
      if (judgement.outcome === 'refused') return judgement
      producers.set(key, remember(known, batch, { baseOffset, seq: state.seq + 1, lastAt: 0 }))
    }
    ends.set(batch.partition, baseOffset + BigInt(batch.count))
    accepted.push(batch)
    return { outcome: 'next', baseOffset, logStartOffset }
  }
  const decideTogether = (
    batches: readonly PlacedBatch[],
    expectedEnds: ReadonlyMap<number, bigint>,
  ): readonly Verdict[] => {
    if (wroteElsewhere(state, producers, batches)) return batches.map(() => someRepeated)
    const before = { ends: new Map(ends), producers: new Map(producers), accepted: [...accepted] }
    const answers = batches.map(decide)
    const repeated = answers.filter(({ outcome }) => outcome === 'duplicate').length
    // A repeat is answered as it was: what it once rested on has long changed, by itself.
    if (repeated === answers.length) return answers
    const refusal =
      answers.find(({ outcome }) => outcome === 'refused') ??
      (repeated > 0 ? someRepeated : otherEnd(state, before.ends, expectedEnds))
    if (refusal === undefined) return answers
    ends = before.ends
    producers = before.producers
    accepted = before.accepted
    return answers.map(() => refusal)
  }
  const verdicts = requests.map(({ batches, leaderEpoch, allOrNone }) => {
    const refusal = refusalOf(state, leaderEpoch)
    const answers = refusal
      ? batches.map(() => refusal)
      : allOrNone
        ? decideTogether(batches, allOrNone.expectedEnds)
        : batches.map(decide)
    refuses ||= answers.some((answer) => answer.outcome === 'refused')
    return answers
  })
  const led = requests.find((request) => request.leaderEpoch === leaderEpochOf(state))
  return { verdicts, accepted, refuses, leaderEpoch: led?.leaderEpoch }
}

/** Batches that were appended together are repeated together: these are others under the same sequences. */
const someRepeated: Verdict = { outcome: 'refused', error: 'DUPLICATE_SEQUENCE_NUMBER' }

/** Who writes once has written in a partition that is not among these: this is another write under the same id. */
const wroteElsewhere = (
  state: State,
  producers: ReadonlyMap<string, Producer>,
  batches: readonly PlacedBatch[],
): boolean => {
  const partitions = new Set(batches.map(({ partition }) => partition))
  const others = [...state.partitions.values()].filter(({ index }) => !partitions.has(index))
  return [...new Set(batches.map(({ producerId }) => producerId))].filter(isSingleWrite).some((producerId) => {
    if (others.some((other) => producerOf(other.producers, producerId) !== undefined)) return true
    const here = [...producers.keys()].filter((key) => key.endsWith(`/${producerId}`))
    return here.some((key) => !partitions.has(Number.parseInt(key, 10)))
  })
}

const otherEnd = (
  state: State,
  ends: ReadonlyMap<number, bigint>,
  expectedEnds: ReadonlyMap<number, bigint>,
): Verdict | undefined => {
  for (const [partition, expected] of expectedEnds) {
    const endOffset = ends.get(partition) ?? partitionOf(state, partition).endOffset
    if (endOffset !== expected) {
      return { outcome: 'refused', error: 'OFFSET_OUT_OF_RANGE', otherEnd: { partition, endOffset } }
    }
  }
  return undefined
}

const refusalOf = (state: State, leaderEpoch: number | undefined): Verdict | undefined => {
  if (state.ended) return { outcome: 'refused', error: 'UNKNOWN_TOPIC_OR_PARTITION' }
  if (leaderEpoch !== undefined && leaderEpoch !== leaderEpochOf(state)) {
    return { outcome: 'refused', error: 'FENCED_LEADER_EPOCH' }
  }
  return undefined
}

/** The object may still be named: no sweep has passed since its writer chose the name. */
export const isTicketValid = (state: State, name: string): boolean => ticketOf(name) >= state.tickets

/** The row's change for what was accepted. */
export const appendOf = (decision: AppendDecision, bytes: AppendedBytes): Append => ({
  kind: 'append',
  bytes,
  leaderEpoch: decision.leaderEpoch,
  batches: decision.accepted.map(({ bytes, ...batch }) => ({ ...batch, sizeBytes: bytes.length })),
})
