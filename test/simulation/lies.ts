import { Lane, type LogJournal } from '../../lib/journal/lane.ts'
import { NewerFormat } from '../../lib/log/at-rest.ts'
import type { Row } from '../../lib/log/row.ts'
import { partitionOf, type State } from '../../lib/log/state.ts'
import type { Item, Items, PutOutcome } from '../../lib/store/items.ts'
import { checkpointSort } from '../../lib/store/keys.ts'
import { readingFold } from './builds.ts'
import type { Machine } from './world.ts'

/** The checkpoint item with other numbers in it, whenever `isLying`. */
export const lyingCheckpoint = (items: Items, lie: object, isLying: () => boolean): Items => ({
  ...items,
  get: async (key, options) => {
    const lies = key.sort === checkpointSort && isLying()
    const item = await items.get(key, options)
    if (!lies || item === undefined) return item
    return { ...item, body: Buffer.from(JSON.stringify({ ...JSON.parse(item.body.toString()), ...lie })) }
  },
})

export const withPuts = (items: Items, change: (put: PutOutcome, attempt: Item['attempt']) => PutOutcome): Items => ({
  ...items,
  putIfAbsent: async (key, item) => change(await items.putIfAbsent(key, item), item.attempt),
})

export const withoutProducers = (state: State): State => ({
  ...state,
  partitions: new Map([...state.partitions].map(([index, partition]) => [index, { ...partition, producers: [] }])),
})

export const withoutInlineBytes = (state: State): State => ({
  ...state,
  partitions: new Map(
    [...state.partitions.keys()].map((index) => {
      const partition = partitionOf(state, index)
      const tail = partition.tail.map((batch) =>
        batch.source.in === 'row' ? { ...batch, source: { ...batch.source, bytes: Buffer.alloc(0) } } : batch,
      )
      return [index, { ...partition, tail }]
    }),
  ),
})

/** Another lane for one kind of job. */
export function forJob(wanted: string, change: (lane: Lane) => Lane): (machine: Machine, name: string) => Machine {
  return (machine, name) => (name === wanted ? { ...machine, lane: (shard) => change(machine.lane(shard)) } : machine)
}

export const withJournal = (lane: Lane, lie: object): Lane => {
  const { journal } = lane
  const changed: LogJournal = { ...journal, items: lyingCheckpoint(journal.items, lie, () => true) }
  return over(lane, { journal: changed })
}

export const withSoundItems = (machine: Machine): Machine => ({
  ...machine,
  lane: (shard) => {
    const lane = machine.lane(shard)
    return over(lane, { journal: { ...lane.journal, items: machine.soundItems } })
  },
})

/** The lane with some of its members replaced. */
export const over = (lane: Lane, members: Partial<Pick<Lane, 'journal' | 'change' | 'confirmedView'>>): Lane =>
  new Proxy(lane, {
    get: (target, name) => {
      const own: unknown = Reflect.get(members, name) ?? Reflect.get(target, name, target)
      return typeof own === 'function' && !Reflect.has(members, name) ? own.bind(target) : own
    },
  })

/** A lane by which a flush is never refused for what is flushed already. */
export const blindFlush = (lane: Lane): Lane =>
  over(lane, {
    change: (plan, untilMs) =>
      lane.change((state) => {
        const change = plan(state)
        return 'kind' in change && change.kind === 'flush' ? { ...change, from: state.flushed } : change
      }, untilMs),
  })

/** A lane that does not see what rows of one kind do. */
export const withApply = (lane: Lane, kind: Row['kind']): Lane => {
  const { fold } = lane.journal
  const apply: typeof fold.apply = (state, row) =>
    row.kind === kind ? { ...state, seq: state.seq + 1 } : fold.apply(state, row)
  const options = { lingerMs: 0, inlineBytes: 0, relieve: async () => {}, onView: () => {} }
  return new Lane({ ...lane.journal, fold: { ...fold, apply } }, options)
}

export const unlessNewer = <Value>(decode: () => Value, instead: () => Value): Value => {
  try {
    return decode()
  } catch (error) {
    if (error instanceof NewerFormat) return instead()
    throw error
  }
}

/** A row that has the same author and does nothing. */
export const nothingOf = (bytes: Buffer): Row => {
  const { id, at } = readingFold.decodeRow(bytes)
  return { id, at, kind: 'append', bytes: { in: 'row', bytes: Buffer.alloc(0) }, leaderEpoch: undefined, batches: [] }
}
