import { isTicketValid } from './append.ts'
import { encodeState } from './checkpoint.ts'
import { refusal } from './decide.ts'
import { judge, type Producer, producerOf, producersFrom, producersIn, remember } from './producers.ts'
import type { Append, Row } from './row.ts'
import { leaderEpochOf, objectsOf, type Partition, partitionOf, type State, ticketOf } from './state.ts'

/** Something that must hold and does not. */
export type Finding = { readonly partition: number | undefined; readonly what: string }

/** What must hold of a state whatever rows made it: everything in it that does not. */
export const findingsIn = (state: State): readonly Finding[] => [
  ...findingsInShard(state).map((what) => ({ partition: undefined, what })),
  ...[...state.partitions.values()].flatMap((partition) =>
    findingsInPartition(state, partition).map((what) => ({ partition: partition.index, what })),
  ),
]

const findingsInShard = (state: State): readonly string[] => {
  const found: string[] = []
  if (state.flushed > state.seq) found.push(`rows up to ${state.flushed} are flushed, the last is ${state.seq}`)
  if (state.tickets > state.seq) found.push(`tickets are at ${state.tickets}, the last row is ${state.seq}`)
  for (const name of objectsOf(state)) {
    if (!(ticketOf(name) < state.seq)) found.push(`${name} is named by a row that came before it`)
  }
  return found
}

const findingsInPartition = (state: State, partition: Partition): readonly string[] => {
  const { logStartOffset, endOffset, segments, tail } = partition
  const found: string[] = []
  if (logStartOffset < 0n || logStartOffset > endOffset) found.push(`starts at ${logStartOffset}, ends at ${endOffset}`)
  const pieces = [
    ...segments.map(({ baseOffset, endOffset }) => [baseOffset, endOffset] as const),
    ...tail.map(({ baseOffset, count }) => [baseOffset, baseOffset + BigInt(count)] as const),
  ]
  let next = pieces[0]?.[0] ?? endOffset
  if (next > logStartOffset) found.push(`offsets ${logStartOffset} to ${next} are nowhere`)
  for (const [from, to] of pieces) {
    if (from > next) found.push(`offsets ${next} to ${from} are nowhere`)
    if (from < next) found.push(`offsets ${from} to ${next} are twice there`)
    if (to <= from) found.push(`something with offsets ${from} to ${to} holds nothing`)
    else if (to <= logStartOffset) found.push(`offsets ${from} to ${to} were trimmed and are still there`)
    next = to
  }
  if (next !== endOffset) found.push(`the last offset found is ${next}, the log ends at ${endOffset}`)
  for (const { seq, sizeBytes, source } of tail) {
    if (seq <= state.flushed || seq > state.seq) found.push(`row ${seq} cannot be in the tail`)
    if (source.in === 'row' && source.bytes.length !== sizeBytes) found.push(`row ${seq} lacks bytes of its batch`)
  }
  for (const [id, { last }] of producersIn(partition.producers)) {
    if (last.some(({ baseOffset, count }) => baseOffset + BigInt(count) > endOffset))
      found.push(`producer ${id} is said to have written beyond the end`)
  }
  return found
}

/** Why nobody may have written this row after this state; undefined when somebody may. */
export const rowProblem = (before: State, row: Row): string | undefined =>
  row.kind === 'append' ? appendProblem(before, row) : refusal(before, row)

const appendProblem = (before: State, row: Append): string | undefined => {
  const { bytes, leaderEpoch, batches } = row
  if (before.ended) return 'the topic is deleted'
  if (leaderEpoch !== undefined && leaderEpoch !== leaderEpochOf(before))
    return `its leader epoch is ${leaderEpoch}, the shard's ${leaderEpochOf(before)}`
  if (bytes.in === 'object' && !isTicketValid(before, bytes.name)) return `a sweep has passed since ${bytes.name}`
  for (const { partition, position, sizeBytes, count } of batches) {
    if (count < 1) return `a batch of partition ${partition} has no records`
    if (bytes.in === 'row' && position + sizeBytes > bytes.bytes.length)
      return `a batch of partition ${partition} lies beyond its bytes`
  }
  return sequenceProblem(before, row)
}

/** Idempotent producers write each batch once and in order; the batches of one row follow each other. */
const sequenceProblem = (before: State, { batches }: Append): string | undefined => {
  const producers = new Map<string, Producer>()
  for (const batch of batches) {
    if (batch.producerId < 0n) continue
    const key = `${batch.partition}/${batch.producerId}`
    const known = producers.get(key) ?? producerOf(partitionOf(before, batch.partition).producers, batch.producerId)
    const judgement = judge(known, batch)
    if (judgement.outcome !== 'next')
      return `sequence ${batch.baseSequence} of producer ${batch.producerId} in partition ${batch.partition} is ${
        judgement.outcome === 'duplicate' ? 'there already' : 'not its next one'
      }`
    producers.set(key, remember(known, batch, { baseOffset: 0n, seq: 0, lastAt: 0 }))
  }
  return undefined
}

/** Where two states differ that the same rows should have made, undefined when they do not. */
export const stateDifference = (a: State, b: State): string | undefined => {
  if (a.seq !== b.seq) return `rows up to ${a.seq} and ${b.seq}`
  if (!atRest(a, []).equals(atRest(b, []))) return 'what was flushed or swept, or the leader'
  for (const index of new Set([...a.partitions.keys(), ...b.partitions.keys()])) {
    const [mine, other] = [a.partitions.get(index), b.partitions.get(index)]
    if (mine === undefined || other === undefined) return `partition ${index} is in one of them only`
    if (!atRest(a, [mine]).equals(atRest(b, [other]))) return `partition ${index}`
  }
  return undefined
}

/** Equal for equal states, in whatever order they came to know their producers. */
const atRest = (state: State, partitions: readonly Partition[]): Buffer => {
  const sorted = partitions.map((partition): readonly [number, Partition] => {
    const producers = [...producersIn(partition.producers)].sort(([x], [y]) => (x < y ? -1 : 1))
    return [partition.index, { ...partition, producers: producersFrom(producers) }]
  })
  return encodeState({ ...state, partitions: new Map(sorted) }, '')
}
