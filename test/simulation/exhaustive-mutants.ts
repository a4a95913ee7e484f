import type { Rules } from '../../lib/journal/journal.ts'
import { load, type View } from '../../lib/journal/view.ts'
import type { State } from '../../lib/log/state.ts'
import type { Item, Items } from '../../lib/store/items.ts'
import { padSeq } from '../../lib/store/keys.ts'
import type { Lie, WorkLie } from './exhaustive-process.ts'
import { journalOf, type Machine } from './exhaustive-replay.ts'

/** Takes one rule away, from outside. */
export type Removal = { readonly lie?: Lie; readonly workLie?: WorkLie }

const isAppend = (says: string): boolean => says.startsWith('append')

const withItems = (machine: Machine, items: Partial<Items>): Machine => ({
  ...machine,
  items: { ...machine.items, ...items },
})

const withRules = (machine: Machine, freshMs: () => number): Machine => ({
  ...machine,
  rules: {
    ...machine.rules,
    get freshMs() {
      return freshMs()
    },
  },
})

/** The checkpoint item with other numbers in it, whenever `isLying`. */
const withLyingItem = (machine: Machine, lie: object, isLying: () => boolean): Machine =>
  withItems(machine, {
    get: async (key, options) => {
      const lies = isLying()
      const item = await machine.items.get(key, options)
      if (!lies || item === undefined) return item
      return { ...item, body: Buffer.from(JSON.stringify({ ...JSON.parse(item.body.toString()), ...lie })) }
    },
  })

/** What the last put was answered; the attempt tells whose row is there. */
const lastPut = (machine: Machine): 'mine' | 'other' | undefined => {
  const last = machine.last()
  if (last?.call.of !== 'put' || last.answer.of !== 'put') return undefined
  const { put } = last.answer
  if (put.outcome === 'unknown') return undefined
  return put.outcome === 'stored' || put.by.attempt === last.call.item.attempt ? 'mine' : 'other'
}

/** Rules of the commit protocol. Without any of them something is lost, or there twice. */
export const journalRemovals: Readonly<Record<string, Removal>> = {
  'the floor is not read after an own put': {
    lie: (machine) => withLyingItem(machine, { floor: 0 }, () => lastPut(machine) === 'mine'),
  },
  'the floor is not read after a refresh': {
    lie: (machine, says) =>
      isAppend(says) ? withLyingItem(machine, { floor: 0 }, () => machine.last()?.call.of === 'rows') : machine,
  },
  'a row taken by another is applied to a view that is not fresh': {
    lie: (machine) => {
      const { freshMs } = machine.rules
      return withRules(machine, () => (lastPut(machine) === 'other' ? Number.POSITIVE_INFINITY : freshMs))
    },
  },
  'after a conflict in a truncated slot it is decided again': {
    workLie: (work, says) => async (machine, view) => {
      if (!isAppend(says)) return work(machine, view)
      let isConflict = false
      const watched = withItems(machine, {
        putIfAbsent: async (key, item) => {
          const put = await machine.items.putIfAbsent(key, item)
          isConflict = lastPut(machine) === 'other'
          return put
        },
      })
      const ended = await work(watched, view)
      const isUnknown = ended.told.length === 0 && ended.view === undefined
      return isUnknown && isConflict ? work(machine, await load(journalOf(machine), 0)) : ended
    },
  },
  'views are fresh for ever': { lie: (machine) => withRules(machine, () => Number.POSITIVE_INFINITY) },
  'rows are deleted without raising the floor': {
    lie: (machine, says) =>
      says === 'truncate' ? withItems(machine, { replace: async () => ({ outcome: 'stored' }) }) : machine,
  },
  'rows above the checkpoint are truncated': {
    lie: (machine, says) => (says === 'truncate' ? withTallCheckpoint(machine) : machine),
  },
  'no answer counts as stored': {
    lie: (machine) =>
      withItems(machine, {
        putIfAbsent: async (key, item) => {
          const put = await machine.items.putIfAbsent(key, item)
          return put.outcome === 'unknown' ? { outcome: 'stored' } : put
        },
      }),
  },
  'an own row is taken for that of another': {
    lie: (machine) => withTakenBy(machine, (by) => ({ ...by, attempt: 'nobody' })),
  },
  'the row of another is taken for an own': {
    lie: (machine) => withTakenBy(machine, (by, attempt) => ({ ...by, attempt })),
  },
}

/** Rules in which time plays a part. */
export const clockRemovals: Readonly<Record<string, Removal>> = {
  'freshness is asked before sending': {
    lie: (machine) => ({
      ...machine,
      clock: {
        ...machine.clock,
        now: () => {
          const last = machine.last()
          return lastPut(machine) && last ? last.sentAt : machine.clock.now()
        },
      },
    }),
  },
  'a row is as old as it says itself': {
    lie: (machine, says) =>
      says === 'truncate'
        ? withItems(machine, {
            query: async (partition, options) => {
              // From the start it asks which rows to delete, otherwise how old they are.
              if (options.after === '') return machine.items.query(partition, options)
              const after = padSeq(Number(options.after) - 1)
              const page = await machine.items.query(partition, { ...options, after })
              return { ...page, items: page.items.map((item) => ({ ...item, sort: padSeq(Number(item.sort) + 1) })) }
            },
          })
        : machine,
  },
  'a checkpoint that is being loaded counts as a confirmed view': {
    lie: (machine) => {
      const { freshMs } = machine.rules
      let calls = ''
      // Whoever loads asks for the item first, then for rows: those are believed.
      const isLoading = () => calls === 'item, rows' && machine.last()?.call.of === 'rows'
      const watched = withItems(machine, {
        get: (key, options) => {
          calls += calls === '' ? 'item' : ', item'
          return machine.items.get(key, options)
        },
        query: (partition, options) => {
          calls += ', rows'
          return machine.items.query(partition, options)
        },
      })
      return withRules(watched, () => (isLoading() ? Number.POSITIVE_INFINITY : freshMs))
    },
  },
  'rows are truncated at once': {
    lie: (machine): Machine => {
      const rules: Rules = { ...machine.rules, truncateAfterMs: Number.NEGATIVE_INFINITY }
      return { ...machine, rules }
    },
  },
  'a refusal is answered from any view': {
    workLie: (work) => (machine, view) => work(machine, view && ahead(view)),
  },
}

/** A view that seems to be confirmed by every request that has yet to come. */
const ahead = (view: View<State>): View<State> => ({ ...view, tick: Number.MAX_SAFE_INTEGER })

/** A checkpoint that neither asks what the item says, nor copies the floor. */
export const forgetsItem = (machine: Machine): Machine => withLyingItem(machine, { seq: 0, floor: 0 }, () => true)

/** A sweep that thinks there is a newer checkpoint. */
export const missesCheckpoint: Removal = {
  lie: (machine, says) =>
    says === 'sweep'
      ? withLyingItem(machine, { seq: 2 ** 40, object: '' }, () => machine.last()?.call.of === 'list')
      : machine,
}

/** A truncation that thinks everything is in the checkpoint, and leaves in the item where the checkpoint really is. */
const withTallCheckpoint = (machine: Machine): Machine => {
  const lying = withLyingItem(machine, { seq: 2 ** 40 }, () => true)
  let seq = 0
  return withItems(machine, {
    get: async (key, options) => {
      const item = await lying.items.get(key, options)
      const last = machine.last()
      if (last?.answer.of === 'item' && last.answer.item) seq = JSON.parse(last.answer.item.body.toString()).seq
      return item
    },
    replace: (key, item, version) => {
      const body = Buffer.from(JSON.stringify({ ...JSON.parse(item.body.toString()), seq }))
      return machine.items.replace(key, { ...item, body }, version)
    },
  })
}

const withTakenBy = (machine: Machine, change: (by: Item, attempt: string) => Item): Machine =>
  withItems(machine, {
    putIfAbsent: async (key, item) => {
      const put = await machine.items.putIfAbsent(key, item)
      return put.outcome === 'taken' ? { ...put, by: change(put.by, item.attempt) } : put
    },
  })
