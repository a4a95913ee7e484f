import { type Producer, producersIn } from '../../lib/log/producers.ts'
import type { Partition, Segment, State, TailBatch } from '../../lib/log/state.ts'

/** Where two states of the same rows differ; undefined when they are equal. */
export const difference = (a: State, b: State): string | undefined => {
  if (a.seq !== b.seq) return `seq ${a.seq} and ${b.seq}`
  if (a.flushed !== b.flushed) return `flushed ${a.flushed} and ${b.flushed}`
  if (a.tickets !== b.tickets) return `tickets ${a.tickets} and ${b.tickets}`
  if (a.leader?.epoch !== b.leader?.epoch || a.leader?.node !== b.leader?.node) return 'the leader'
  if (a.ended !== b.ended || a.tailBytes !== b.tailBytes) return `the tail's bytes, ${a.tailBytes} and ${b.tailBytes}`
  if (a.partitions.size !== b.partitions.size) return 'the partitions'
  for (const partition of a.partitions.values()) {
    const other = b.partitions.get(partition.index)
    const found = other === undefined ? 'missing' : partitionDifference(partition, other)
    if (found !== undefined) return `partition ${partition.index}: ${found}`
  }
  return undefined
}

const partitionDifference = (a: Partition, b: Partition): string | undefined => {
  if (a === b) return undefined
  if (a.logStartOffset !== b.logStartOffset) return `log start ${a.logStartOffset} and ${b.logStartOffset}`
  if (a.endOffset !== b.endOffset) return `end ${a.endOffset} and ${b.endOffset}`
  if (!areSame(a.segments, b.segments, isSameSegment)) return 'segments'
  if (!areSame(a.tail, b.tail, isSameBatch)) return 'tail'
  if (!areSame(a.epochs, b.epochs, (x, y) => x.epoch === y.epoch && x.startOffset === y.startOffset)) return 'epochs'
  const [mine, others] = [new Map(producersIn(a.producers)), new Map(producersIn(b.producers))]
  if (mine.size !== others.size) return 'producers'
  for (const [id, producer] of mine) {
    const other = others.get(id)
    if (other === undefined || !isSameProducer(producer, other)) return `producer ${id}`
  }
  return undefined
}

const areSame = <Element>(
  a: readonly Element[],
  b: readonly Element[],
  isSame: (a: Element, b: Element) => boolean,
): boolean => {
  if (a === b) return true
  if (a.length !== b.length) return false
  return a.every((element, i) => {
    const other = b[i]
    return other !== undefined && isSame(element, other)
  })
}

const isSameSegment = (a: Segment, b: Segment): boolean =>
  a === b ||
  (a.name === b.name &&
    a.position === b.position &&
    a.sizeBytes === b.sizeBytes &&
    a.indexBytes === b.indexBytes &&
    a.baseOffset === b.baseOffset &&
    a.endOffset === b.endOffset &&
    a.maxTimestamp === b.maxTimestamp)

const isSameBatch = (a: TailBatch, b: TailBatch): boolean =>
  a === b ||
  (a.seq === b.seq &&
    a.appendedAt === b.appendedAt &&
    a.baseOffset === b.baseOffset &&
    a.count === b.count &&
    a.sizeBytes === b.sizeBytes &&
    a.maxTimestamp === b.maxTimestamp &&
    a.leaderEpoch === b.leaderEpoch &&
    isSameSource(a.source, b.source))

const isSameSource = (a: TailBatch['source'], b: TailBatch['source']): boolean => {
  if (a.in === 'row') return b.in === 'row' && a.bytes.equals(b.bytes)
  return b.in === 'object' && a.name === b.name && a.position === b.position
}

const isSameProducer = (a: Producer, b: Producer): boolean =>
  a === b ||
  (a.epoch === b.epoch &&
    a.seq === b.seq &&
    a.lastAt === b.lastAt &&
    areSame(
      a.last,
      b.last,
      (x, y) => x.baseSequence === y.baseSequence && x.count === y.count && x.baseOffset === y.baseOffset,
    ))
