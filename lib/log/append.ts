import { readBatchHeader } from '../protocol/batch.ts'
import { judge, type Producer, type ProducerError, producerOf, remember } from './producers.ts'
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

type AppendError = ProducerError | 'FENCED_LEADER_EPOCH' | 'UNKNOWN_TOPIC_OR_PARTITION'

/** What becomes of one batch. `next` is true once the row is stored, the others are true now. */
export type Verdict =
  | { readonly outcome: 'next'; readonly baseOffset: bigint; readonly logStartOffset: bigint }
  | { readonly outcome: 'duplicate'; readonly baseOffset: bigint; readonly logStartOffset: bigint }
  | { readonly outcome: 'refused'; readonly error: AppendError }

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
  const ends = new Map<number, bigint>()
  const producers = new Map<string, Producer>()
  const accepted: PlacedBatch[] = []
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
  const verdicts = requests.map((request) => {
    const refusal = refusalOf(state, request.leaderEpoch)
    const answers = request.batches.map((batch) => refusal ?? decide(batch))
    refuses ||= answers.some((answer) => answer.outcome === 'refused')
    return answers
  })
  const led = requests.find((request) => request.leaderEpoch === leaderEpochOf(state))
  return { verdicts, accepted, refuses, leaderEpoch: led?.leaderEpoch }
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
