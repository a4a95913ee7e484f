import type { Lane, LogJournal } from '../../lib/journal/lane.ts'
import { partitionOf, type State } from '../../lib/log/state.ts'
import type { Item, Items, PutOutcome } from '../../lib/store/items.ts'
import { checkpointSort, padSeq } from '../../lib/store/keys.ts'
import type { Machine, Mutation } from './world.ts'

/**
 * Each takes one rule away, from outside: stores that lie, a fold that forgets, rules with broken numbers. A simulation
 * that does not notice is no proof of anything.
 */
export const mutants: Readonly<Record<string, Mutation>> = {
  'no floor check after a put': {
    items: (items, follows) => lyingCheckpoint(items, { floor: 0 }, () => follows() === 'own put'),
  },
  'no floor read after a refresh': {
    items: (items, follows) => lyingCheckpoint(items, { floor: 0 }, () => follows() === 'query'),
    // They read the item for its own sake.
    job: (machine, name) => (/checkpoint|truncate/.test(name) ? withSoundItems(machine) : machine),
  },
  'a row is believed however old the view': {
    rules: (rules, follows) => ({
      ...rules,
      get freshMs() {
        return follows() === 'other put' ? Number.POSITIVE_INFINITY : rules.freshMs
      },
    }),
  },
  'views are fresh for ever': { rules: (rules) => ({ ...rules, freshMs: Number.POSITIVE_INFINITY }) },
  'rows are truncated at once': { rules: (rules) => ({ ...rules, truncateAfterMs: Number.NEGATIVE_INFINITY }) },
  'a row taken by another counts as mine': {
    items: (items) =>
      withPuts(items, (put, attempt) => (put.outcome === 'taken' ? { ...put, by: { ...put.by, attempt } } : put)),
  },
  'a row taken by me counts as that of another': {
    items: (items) =>
      withPuts(items, (put) => (put.outcome === 'taken' ? { ...put, by: { ...put.by, attempt: 'nobody' } } : put)),
  },
  'no answer counts as stored': {
    items: (items) => withPuts(items, (put) => (put.outcome === 'unknown' ? { outcome: 'stored' } : put)),
  },
  'the row of a conflict is not applied': {
    fold: (fold, follows) => ({
      ...fold,
      decodeRow: (bytes) => {
        const row = fold.decodeRow(bytes)
        return follows() === 'other put' && row.kind === 'append' ? { ...row, batches: [] } : row
      },
    }),
  },
  'consistent queries are not': {
    items: (items) => ({
      ...items,
      query: (partition, options) => items.query(partition, { ...options, consistent: false }),
    }),
  },
  'gaps between rows are not seen': {
    items: (items) => ({
      ...items,
      query: async (partition, options) => {
        const page = await items.query(partition, options)
        const first = Number(options.after) + 1
        return { ...page, items: page.items.map((item, i) => ({ ...item, sort: padSeq(first + i) })) }
      },
    }),
  },
  'rows may name objects of any ticket': {
    fold: (fold) => ({ ...fold, apply: (state, row) => ({ ...fold.apply(state, row), tickets: 0 }) }),
    job: (machine) => ({ ...machine, lane: machine.soundLane }),
  },
  'a sweep goes by what it knew before its row': {
    job: forJob('sweep', (lane) => {
      const before = lane.known
      return over(lane, {
        confirmedView: async () => {
          const now = await lane.confirmedView()
          return before ? { ...now, state: { ...before, tickets: now.state.tickets } } : now
        },
      })
    }),
  },
  'a sweep takes the newest checkpoint': {
    job: forJob('sweep', (lane) => withJournal(lane, { seq: 2 ** 40, object: '' })),
  },
  'a checkpoint leaves inline bytes out': {
    fold: (fold) => ({ ...fold, encodeState: (state, shard) => fold.encodeState(withoutInlineBytes(state), shard) }),
  },
  'a checkpoint leaves producers out': {
    fold: (fold) => ({ ...fold, encodeState: (state, shard) => fold.encodeState(withoutProducers(state), shard) }),
  },
  'a checkpoint replaces a newer one': {
    job: forJob('checkpoint', (lane) => withJournal(lane, { seq: 0 })),
  },
  'rows are deleted before the floor is raised': {
    job: forJob('truncate', (lane) => {
      const { journal } = lane
      const items: Items = { ...journal.items, replace: async () => ({ outcome: 'stored' }) }
      return over(lane, { journal: { ...journal, items } })
    }),
  },
  'a flush does not look what is flushed already': {
    job: forJob('flush', (lane) =>
      over(lane, {
        change: (plan, untilMs) =>
          lane.change((state) => {
            const change = plan(state)
            return 'kind' in change && change.kind === 'flush' ? { ...change, from: state.flushed } : change
          }, untilMs),
      }),
    ),
  },
}

/** The checkpoint item with other numbers in it, whenever `isLying`. */
const lyingCheckpoint = (items: Items, lie: object, isLying: () => boolean): Items => ({
  ...items,
  get: async (key, options) => {
    const lies = key.sort === checkpointSort && isLying()
    const item = await items.get(key, options)
    if (!lies || item === undefined) return item
    return { ...item, body: Buffer.from(JSON.stringify({ ...JSON.parse(item.body.toString()), ...lie })) }
  },
})

const withPuts = (items: Items, change: (put: PutOutcome, attempt: Item['attempt']) => PutOutcome): Items => ({
  ...items,
  putIfAbsent: async (key, item) => change(await items.putIfAbsent(key, item), item.attempt),
})

const withoutProducers = (state: State): State => ({
  ...state,
  partitions: new Map([...state.partitions].map(([index, partition]) => [index, { ...partition, producers: [] }])),
})

const withoutInlineBytes = (state: State): State => ({
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
function forJob(wanted: string, change: (lane: Lane) => Lane): (machine: Machine, name: string) => Machine {
  return (machine, name) => (name === wanted ? { ...machine, lane: (shard) => change(machine.lane(shard)) } : machine)
}

const withJournal = (lane: Lane, lie: object): Lane => {
  const { journal } = lane
  const changed: LogJournal = { ...journal, items: lyingCheckpoint(journal.items, lie, () => true) }
  return over(lane, { journal: changed })
}

const withSoundItems = (machine: Machine): Machine => ({
  ...machine,
  lane: (shard) => {
    const lane = machine.lane(shard)
    return over(lane, { journal: { ...lane.journal, items: machine.soundItems } })
  },
})

/** The lane with some of its members replaced. */
const over = (lane: Lane, members: Partial<Pick<Lane, 'journal' | 'change' | 'confirmedView'>>): Lane =>
  new Proxy(lane, {
    get: (target, name) => {
      const own: unknown = Reflect.get(members, name) ?? Reflect.get(target, name, target)
      return typeof own === 'function' && !Reflect.has(members, name) ? own.bind(target) : own
    },
  })
