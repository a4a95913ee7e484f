import { producerOf, remember, withoutProducers, withProducer } from './producers.ts'
import type { Append, Expire, Flush, Rewrite, Row, Trim } from './row.ts'
import { leaderEpochOf, type Partition, partitionOf, type State, type TailBatch } from './state.ts'

/**
 * The only way a state changes. Pure and total: it looks at no clock, configuration or store, and never refuses:
 * what may be written is decided before a row is put (`decide.ts`), and what is written is true.
 */
export const apply = (state: State, row: Row): State => {
  const next = { ...state, seq: state.seq + 1 }
  switch (row.kind) {
    case 'append':
      return append(next, row)
    case 'flush':
      return flush(next, row)
    case 'rewrite':
      return replacePartition(next, rewrite(partitionOf(state, row.partition), row))
    case 'trim':
      return trim(next, row)
    case 'lead':
      return { ...next, leader: { node: row.node, epoch: row.epoch } }
    case 'tickets':
      return { ...next, tickets: row.to }
    case 'expire':
      return replacePartition(next, expire(partitionOf(state, row.partition), row))
    case 'end':
      return { ...next, ended: true }
  }
}

const replacePartition = (state: State, partition: Partition): State => ({
  ...state,
  partitions: new Map(state.partitions).set(partition.index, partition),
})

const append = (state: State, row: Append & Pick<Row, 'at'>): State => {
  const partitions = new Map(state.partitions)
  const leaderEpoch = leaderEpochOf(state)
  const added = new Map<number, TailBatch[]>()
  let tailBytes = state.tailBytes
  for (const batch of row.batches) {
    const partition = partitions.get(batch.partition) ?? partitionOf(state, batch.partition)
    const { partition: index, position, sizeBytes, count, maxTimestamp, producerId } = batch
    const baseOffset = partition.endOffset
    const source =
      row.bytes.in === 'object'
        ? { in: 'object' as const, name: row.bytes.name, position }
        : { in: 'row' as const, bytes: row.bytes.bytes.subarray(position, position + sizeBytes) }
    const tailBatch = {
      seq: state.seq,
      appendedAt: row.at,
      baseOffset,
      count,
      sizeBytes,
      maxTimestamp,
      leaderEpoch,
      source,
    }
    const mine = added.get(index)
    if (mine) mine.push(tailBatch)
    else added.set(index, [tailBatch])
    tailBytes += sizeBytes
    const known = producerId < 0n ? undefined : producerOf(partition.producers, producerId)
    partitions.set(index, {
      ...partition,
      endOffset: baseOffset + BigInt(count),
      producers:
        producerId < 0n
          ? partition.producers
          : withProducer(
              partition.producers,
              producerId,
              remember(known, batch, { baseOffset, seq: state.seq, lastAt: row.at }),
            ),
      epochs:
        (partition.epochs.at(-1)?.epoch ?? 0) < leaderEpoch
          ? [...partition.epochs, { epoch: leaderEpoch, startOffset: baseOffset }]
          : partition.epochs,
    })
  }
  for (const [index, batches] of added) {
    const partition = partitions.get(index) ?? partitionOf(state, index)
    partitions.set(index, { ...partition, tail: [...partition.tail, ...batches] })
  }
  return { ...state, partitions, tailBytes }
}

const flush = (state: State, row: Flush): State => {
  const partitions = new Map(state.partitions)
  for (const partition of state.partitions.values()) {
    const flushed = row.segments.filter((s) => s.partition === partition.index).map((s) => s.segment)
    const isFlushed = partition.tail.some((batch) => batch.seq <= row.upTo)
    if (!isFlushed && flushed.length === 0) continue
    partitions.set(partition.index, {
      ...partition,
      tail: partition.tail.filter((batch) => batch.seq > row.upTo),
      // A trim may have come between the plan and the row: what it took stays gone.
      segments: [...partition.segments, ...flushed.filter((s) => s.endOffset > partition.logStartOffset)],
    })
  }
  return withTailBytes({ ...state, partitions, flushed: row.upTo })
}

const rewrite = (partition: Partition, row: Rewrite): Partition => {
  const isRemoved = (segment: { name: string; position: number }) =>
    row.removed.some((r) => r.name === segment.name && r.position === segment.position)
  const first = partition.segments.findIndex(isRemoved)
  const kept = partition.segments.filter((segment) => !isRemoved(segment))
  return { ...partition, segments: kept.toSpliced(Math.max(first, 0), 0, ...row.added) }
}

const expire = (partition: Partition, row: Expire): Partition => {
  const { producers } = partition
  const idle = row.producers.filter(({ producerId, seq }) => producerOf(producers, producerId)?.seq === seq)
  const producerIds = idle.map(({ producerId }) => producerId)
  return { ...partition, producers: withoutProducers(producers, producerIds) }
}

const trim = (state: State, row: Trim): State => {
  const partition = partitionOf(state, row.partition)
  const start = row.logStartOffset
  return withTailBytes(
    replacePartition(state, {
      ...partition,
      logStartOffset: start,
      segments: partition.segments.filter((segment) => segment.endOffset > start),
      tail: partition.tail.filter((batch) => batch.baseOffset + BigInt(batch.count) > start),
      epochs: partition.epochs.filter((_, i, epochs) => (epochs[i + 1]?.startOffset ?? start + 1n) > start),
    }),
  )
}

const withTailBytes = (state: State): State => {
  let tailBytes = 0
  for (const partition of state.partitions.values()) for (const batch of partition.tail) tailBytes += batch.sizeBytes
  return { ...state, tailBytes }
}
