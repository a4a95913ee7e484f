import type { AssignorName, GroupTopic, Partitions } from './group.ts'
import { pairsOf, partitionsOf } from './partitions.ts'

/** Who may be given what, and what it has now. */
export type Subscriber = {
  readonly memberId: string
  readonly topicIds: ReadonlySet<string>
  readonly current: Partitions
}

export type Targets = ReadonlyMap<string, Partitions>

/** Every partition of every topic goes to exactly one of its subscribers, if it has any. */
export const assign = (
  assignor: AssignorName,
  subscribers: readonly Subscriber[],
  topics: readonly GroupTopic[],
): Targets => (assignor === 'range' ? range(subscribers, topics) : uniform(subscribers, topics))

type Partition = { readonly topicId: string; readonly index: number; readonly eligible: readonly Load[] }

/** What a member will have. */
type Load = { readonly memberId: string; readonly partitions: Set<Partition> }

/**
 * Balanced: no partition can be moved to a subscriber of its topic that has two fewer. Sticky: everybody keeps what it
 * has, except for what has to move to get there.
 */
const uniform = (subscribers: readonly Subscriber[], topics: readonly GroupTopic[]): Targets => {
  const loads = new Map<string, Load>(
    subscribers.map(({ memberId }) => [memberId, { memberId, partitions: new Set() }]),
  )
  const owners = ownersOf(subscribers)
  const unowned: Partition[] = []
  const all = topics.flatMap(({ id, partitions }) => {
    const eligible = subscribers.filter(({ topicIds }) => topicIds.has(id)).flatMap((s) => loads.get(s.memberId) ?? [])
    return eligible.length === 0
      ? []
      : Array.from({ length: partitions }, (_, index): Partition => ({ topicId: id, index, eligible }))
  })
  for (const partition of all) {
    const owner = loads.get(owners.get(keyOf(partition.topicId, partition.index)) ?? '')
    if (owner !== undefined && partition.eligible.includes(owner)) owner.partitions.add(partition)
    else unowned.push(partition)
  }
  // Topics with the fewest subscribers leave the least choice.
  for (const partition of unowned.toSorted((a, b) => a.eligible.length - b.eligible.length)) {
    least(partition.eligible)?.partitions.add(partition)
  }
  // The last partitions move first.
  const movable = all.toReversed()
  while (movable.reduce((moved, partition) => moveToLess(partition, loads) || moved, false));
  return new Map([...loads].map(([memberId, { partitions }]) => [memberId, partitionsOf(pairs(partitions))]))
}

/** Every move makes the sum of the squares of all loads smaller, so they come to an end. */
const moveToLess = (partition: Partition, loads: ReadonlyMap<string, Load>): boolean => {
  const from = [...loads.values()].find(({ partitions }) => partitions.has(partition))
  const to = least(partition.eligible)
  if (from === undefined || to === undefined || to.partitions.size + 2 > from.partitions.size) return false
  from.partitions.delete(partition)
  to.partitions.add(partition)
  return true
}

const least = (loads: readonly Load[]): Load | undefined =>
  loads.reduce<Load | undefined>(
    (best, load) => (best === undefined || load.partitions.size < best.partitions.size ? load : best),
    undefined,
  )

function* pairs(partitions: Iterable<Partition>): Generator<readonly [string, number]> {
  for (const { topicId, index } of partitions) yield [topicId, index]
}

/** One partition has one owner: where the past has two, the later one counts. */
const ownersOf = (subscribers: readonly Subscriber[]): ReadonlyMap<string, string> =>
  new Map(
    subscribers.flatMap(({ memberId, current }) =>
      [...pairsOf(current)].map(([topicId, index]) => [keyOf(topicId, index), memberId] as const),
    ),
  )

const keyOf = (topicId: string, index: number): string => `${topicId}-${index}`

/**
 * Every topic is cut into as many runs of consecutive partitions as it has subscribers, the longer ones first, so that
 * partitions of equal index come together. Sticky: members stand in the order of what they have.
 */
const range = (subscribers: readonly Subscriber[], topics: readonly GroupTopic[]): Targets => {
  const ordered = subscribers.toSorted(
    (a, b) => firstIndex(a.current) - firstIndex(b.current) || (a.memberId < b.memberId ? -1 : 1),
  )
  const given = new Map<string, (readonly [string, number])[]>(subscribers.map(({ memberId }) => [memberId, []]))
  for (const topic of topics) {
    const takers = ordered.filter(({ topicIds }) => topicIds.has(topic.id))
    takers.forEach(({ memberId }, place) => {
      const start = startOf(place, topic.partitions, takers.length)
      const end = startOf(place + 1, topic.partitions, takers.length)
      for (let index = start; index < end; index++) given.get(memberId)?.push([topic.id, index])
    })
  }
  return new Map([...given].map(([memberId, list]) => [memberId, partitionsOf(list)]))
}

const startOf = (place: number, partitions: number, takers: number): number =>
  place * Math.floor(partitions / takers) + Math.min(place, partitions % takers)

/** Whoever has nothing stands last. */
const firstIndex = (partitions: Partitions): number =>
  Math.min(Number.MAX_SAFE_INTEGER, ...Object.values(partitions).map(([first]) => first ?? 0))
