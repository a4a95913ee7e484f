import { leaderEpochOf } from '../../lib/log/state.ts'
import type { Items } from '../../lib/store/items.ts'
import { padSeq } from '../../lib/store/keys.ts'
import { ObjectNotFound } from '../../lib/store/objects.ts'
import { readingFold } from './builds.ts'
import {
  blindFlush,
  forJob,
  lyingCheckpoint,
  nothingOf,
  over,
  unlessNewer,
  withApply,
  withJournal,
  withoutInlineBytes,
  withoutProducers,
  withPuts,
  withSoundItems,
} from './lies.ts'
import type { Mutation } from './world.ts'

/** `removes` is the rule that holds no longer. */
type JournalMutant = Mutation & { readonly removes: string }

/**
 * Each takes one rule away, from outside: stores that lie, a fold that forgets, rules with broken numbers. A simulation
 * that does not notice is no proof of anything.
 */
export const journalMutants: Readonly<Record<string, JournalMutant>> = {
  noFloorCheck: {
    removes: 'the floor is read after an own put into a view that is not fresh',

    items: (items, follows) => lyingCheckpoint(items, { floor: 0 }, () => follows() === 'own put'),
  },
  noFloorRead: {
    removes: 'the floor is read after the rows of a view that was not fresh',

    items: (items, follows) => lyingCheckpoint(items, { floor: 0 }, () => follows() === 'query'),
    // They read the item for its own sake.
    job: (machine, name) => (/checkpoint|truncate/.test(name) ? withSoundItems(machine) : machine),
  },
  takenUnconfirmed: {
    removes: 'a row taken by another is believed only in a fresh view',

    rules: (rules, follows) => ({
      ...rules,
      get freshMs() {
        return follows() === 'other put' ? Number.POSITIVE_INFINITY : rules.freshMs
      },
    }),
  },
  alwaysFresh: {
    removes: 'a view is fresh for a while only',
    rules: (rules) => ({ ...rules, freshMs: Number.POSITIVE_INFINITY }),
  },
  truncateAtOnce: {
    removes: 'rows stay for longer than any view is fresh',
    rules: (rules) => ({ ...rules, truncateAfterMs: Number.NEGATIVE_INFINITY }),
  },
  takenIsMine: {
    removes: 'a row that is taken is mine only if its attempt is',

    items: (items) =>
      withPuts(items, (put, attempt) => (put.outcome === 'taken' ? { ...put, by: { ...put.by, attempt } } : put)),
  },
  mineIsTaken: {
    removes: 'a row that is taken may be an earlier try of mine',

    items: (items) =>
      withPuts(items, (put) => (put.outcome === 'taken' ? { ...put, by: { ...put.by, attempt: 'nobody' } } : put)),
  },
  unknownIsStored: {
    removes: 'a put without an answer is repeated at the same place',

    items: (items) => withPuts(items, (put) => (put.outcome === 'unknown' ? { outcome: 'stored' } : put)),
  },
  noApply: {
    removes: 'after a conflict the row that was first is applied',

    fold: (fold, follows) => ({
      ...fold,
      decodeRow: (bytes) => {
        const row = fold.decodeRow(bytes)
        return follows() === 'other put' && row.kind === 'append' ? { ...row, batches: [] } : row
      },
    }),
  },
  staleRefresh: {
    removes: 'a view is refreshed by consistent queries',

    items: (items) => ({
      ...items,
      query: (partition, options) => items.query(partition, { ...options, consistent: false }),
    }),
  },
  noGapCheck: {
    removes: 'rows are applied only while they are dense',

    items: (items) => ({
      ...items,
      query: async (partition, options) => {
        const page = await items.query(partition, options)
        const first = Number(options.after) + 1
        return { ...page, items: page.items.map((item, i) => ({ ...item, sort: padSeq(first + i) })) }
      },
    }),
  },
  noTicket: {
    removes: 'a row names no object from before the last sweep',

    fold: (fold) => ({ ...fold, apply: (state, row) => ({ ...fold.apply(state, row), tickets: 0 }) }),
    job: (machine) => ({ ...machine, lane: machine.soundLane }),
  },
  sweepStaleState: {
    removes: 'a sweep goes by a state after its row',

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
  sweepCheckpoint: {
    removes: 'the object of the checkpoint is never swept',

    job: forJob('sweep', (lane) => withJournal(lane, { seq: 2 ** 40, object: '' })),
  },
  checkpointNoInline: {
    removes: 'a checkpoint holds the bytes that stand in rows',

    fold: (fold) => ({ ...fold, encodeState: (state, shard) => fold.encodeState(withoutInlineBytes(state), shard) }),
  },
  checkpointNoProducers: {
    removes: 'a checkpoint holds what is known of producers',

    fold: (fold) => ({ ...fold, encodeState: (state, shard) => fold.encodeState(withoutProducers(state), shard) }),
  },
  checkpointBack: {
    removes: 'a checkpoint replaces only an older one',

    job: forJob('checkpoint', (lane) => withJournal(lane, { seq: 0 })),
  },
  truncateNoFloor: {
    removes: 'the floor is raised before rows are deleted',

    job: forJob('truncate', (lane) => {
      const { journal } = lane
      const items: Items = { ...journal.items, replace: async () => ({ outcome: 'stored' }) }
      return over(lane, { journal: { ...journal, items } })
    }),
  },
  blindFlush: {
    removes: 'a flush is refused when its rows are flushed already',

    job: forJob('flush', blindFlush),
  },
  keepDecision: {
    removes: 'after a conflict it is decided again',
    items: (items) => ({
      ...items,
      putIfAbsent: async (key, item) => {
        for (let seq = Number(key.sort); ; seq++) {
          const put = await items.putIfAbsent({ ...key, sort: padSeq(seq) }, item)
          if (put.outcome !== 'taken' || put.by.attempt === item.attempt) return put
        }
      },
    }),
  },
  trimBack: {
    removes: 'a log start only rises',
    job: forJob('deleteRecords', (lane) => withApply(lane, 'trim')),
  },
  blindRewrite: {
    removes: 'a merge is refused when what it replaces is gone',
    job: forJob('merge', (lane) => withApply(lane, 'rewrite')),
  },
  rowBeforeObject: {
    removes: 'an object is stored before a row names it',
    objects: (objects) => ({
      ...objects,
      putIfAbsent: async (key, parts) => {
        objects.putIfAbsent(key, parts).catch(() => {})
        return 'stored'
      },
    }),
  },
  missingIsEmpty: {
    removes: 'an object that is not there is never passed over',
    objects: (objects) => ({
      ...objects,
      read: async (key, range) => {
        const bytes = objects.read(key, range)
        if (key.includes('/ckpt/')) return bytes
        return bytes.catch((error: unknown) => {
          if (error instanceof ObjectNotFound) return Buffer.alloc(0)
          throw error
        })
      },
    }),
  },
  sweepNoTicketRow: {
    removes: 'a sweep forbids older objects before it deletes them',
    job: forJob('sweep', (lane) =>
      over(lane, {
        change: async () => ({ outcome: 'refused', reason: '' }),
        confirmedView: async () => {
          const view = await lane.confirmedView()
          return { ...view, state: { ...view.state, tickets: view.state.seq } }
        },
      }),
    ),
  },
  deposedAppends: {
    removes: 'a leader says under which epoch it appends',
    send: (request) => ({ ...request, leaderEpoch: undefined }),
  },
  leadKeepsEpoch: {
    removes: 'every leader has an epoch of its own',
    fold: (fold) => ({
      ...fold,
      apply: (state, row) => fold.apply(state, row.kind === 'lead' ? { ...row, epoch: leaderEpochOf(state) } : row),
    }),
  },
  checkpointNoLeader: {
    removes: 'a checkpoint holds the leader',
    fold: (fold) => ({
      ...fold,
      encodeState: (state, shard) => fold.encodeState({ ...state, leader: undefined }, shard),
    }),
  },
  unknownRowIsNothing: {
    removes: 'who meets a row of a newer version stops',
    fold: (fold) => ({
      ...fold,
      decodeRow: (bytes) =>
        unlessNewer(
          () => fold.decodeRow(bytes),
          () => nothingOf(bytes),
        ),
    }),
  },
  unknownCheckpointIsEmpty: {
    removes: 'who meets a checkpoint of a newer version stops',
    fold: (fold) => ({
      ...fold,
      decodeState: (bytes, shard) =>
        unlessNewer(
          () => fold.decodeState(bytes, shard),
          () => ({ ...fold.empty, seq: readingFold.decodeState(bytes, shard).seq }),
        ),
    }),
  },
}
