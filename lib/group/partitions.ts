import type { Partitions } from './group.ts'

/** Sets of partitions. Indexes are ascending, and a topic without partitions is not there, so equal sets are equal values. */
export const noPartitions: Partitions = {}

type Pair = readonly [topicId: string, index: number]

/** From pairs in any order, without duplicates. */
export const partitionsOf = (pairs: Iterable<Pair>): Partitions => {
  const topics = new Map<string, Set<number>>()
  for (const [topicId, index] of pairs) topics.set(topicId, (topics.get(topicId) ?? new Set()).add(index))
  return Object.fromEntries(
    [...topics].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([id, indexes]) => [id, [...indexes].sort(byNumber)]),
  )
}

const byNumber = (a: number, b: number): number => a - b

export function* pairsOf(partitions: Partitions): Generator<Pair> {
  for (const [topicId, indexes] of Object.entries(partitions)) for (const index of indexes) yield [topicId, index]
}

export const has = (partitions: Partitions, topicId: string, index: number): boolean =>
  partitions[topicId]?.includes(index) ?? false

/** Those of `left` for which the test holds. */
const filter = (left: Partitions, test: (topicId: string, index: number) => boolean): Partitions =>
  Object.fromEntries(
    Object.entries(left)
      .map(([id, indexes]) => [id, indexes.filter((index) => test(id, index))] as const)
      .filter(([, indexes]) => indexes.length > 0),
  )

export const minus = (left: Partitions, right: Partitions): Partitions =>
  filter(left, (id, index) => !has(right, id, index))

export const common = (left: Partitions, right: Partitions): Partitions =>
  filter(left, (id, index) => has(right, id, index))

export const union = (left: Partitions, right: Partitions): Partitions =>
  partitionsOf([...pairsOf(left), ...pairsOf(right)])

export const isNone = (partitions: Partitions): boolean => Object.keys(partitions).length === 0

export const isSame = (left: Partitions, right: Partitions): boolean =>
  isNone(minus(left, right)) && isNone(minus(right, left))
