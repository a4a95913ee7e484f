import type { Clock } from '../../lib/journal/clock.ts'
import type { LogJournal } from '../../lib/journal/lane.ts'
import type { View } from '../../lib/journal/view.ts'
import { logFold } from '../../lib/log/fold.ts'
import type { State } from '../../lib/log/state.ts'
import type { Item, Items, NewItem, PutOutcome, QueryPage, ReplaceOutcome } from '../../lib/store/items.ts'
import { checkpointSort, type Shard, shardPrefix } from '../../lib/store/keys.ts'
import { joinParts, type ListedObject, ObjectNotFound, type Objects, type Range } from '../../lib/store/objects.ts'

/**
 * Runs the real code of the journal one store call at a time. Whatever a process knows follows from the answers it was
 * given, so a process is the list of its answers: `replay` gives them to the code again and tells what it asks next.
 */
export type Call =
  | { readonly of: 'put'; readonly slot: number; readonly item: NewItem }
  | { readonly of: 'rows'; readonly after: number; readonly before: number }
  | { readonly of: 'item' }
  | { readonly of: 'replace'; readonly item: NewItem; readonly version: number }
  | { readonly of: 'delete row'; readonly slot: number }
  | { readonly of: 'upload'; readonly name: string; readonly bytes: Buffer }
  | { readonly of: 'read'; readonly name: string; readonly range: Range | undefined }
  | { readonly of: 'delete object'; readonly name: string }
  | { readonly of: 'list'; readonly prefix: string; readonly after: string }

export type Answer =
  | { readonly of: 'put'; readonly put: PutOutcome }
  | { readonly of: 'rows'; readonly page: QueryPage }
  | { readonly of: 'item'; readonly item: Item | undefined }
  | { readonly of: 'replace'; readonly replace: ReplaceOutcome }
  | { readonly of: 'read'; readonly bytes: Buffer | undefined }
  | { readonly of: 'list'; readonly objects: readonly ListedObject[] }
  | { readonly of: 'done' }

/** `key` stands for the answer: equal keys, equal answers. `time` is that of its arrival. */
export type Answered = { readonly key: string; readonly answer: Answer; readonly time: number }

export type Told =
  | { readonly told: 'appended'; readonly label: number; readonly offset: number }
  | { readonly told: 'refused'; readonly label: number; readonly error: string }
  | { readonly told: 'read'; readonly labels: readonly number[] }
  | { readonly told: 'broken'; readonly message: string }

/** What is left of a process when it has done one thing. */
export type Ended = { readonly view: View<State> | undefined; readonly told: readonly Told[] }

/** What a process is given, and what a mutant lies about. */
export type Machine = {
  readonly name: string
  readonly items: Items
  readonly objects: Objects
  readonly clock: Clock
  readonly rules: LogJournal['rules']
  /** The last answer of a store, the call it was given to, and when that was sent. */
  readonly last: () => { readonly call: Call; readonly answer: Answer; readonly sentAt: number } | undefined
}

export type Work = (machine: Machine, view: View<State> | undefined) => Promise<Ended>

export type Asked = { readonly call: Call } | { readonly ended: Ended }

/** Set as the time of an answer after which the process has no time left. */
export const outOfTime = Number.POSITIVE_INFINITY

const shard: Shard = { topicId: 'topicAAAAAAAAAAAAAAAAA', index: 0 }

/** How a checkpoint names the journal it is of. */
export const shardName = shardPrefix(shard)

export const journalOf = ({ items, objects, clock, name, rules }: Machine): LogJournal => ({
  items,
  objects,
  clock,
  shard,
  fold: logFold,
  instance: name,
  rules,
})

/** What the code asks when it was given these answers, or how it ended. */
export const replay = (
  process: { readonly name: string; readonly rules: LogJournal['rules']; readonly startedAt: number },
  work: (machine: Machine) => Promise<Ended>,
  answers: readonly Answered[],
): Promise<Asked> =>
  new Promise((resolve) => {
    let time = process.startedAt
    let given = 0
    let ids = 0
    let last: ReturnType<Machine['last']>
    let line: Promise<unknown> = Promise.resolve()
    const ask = (call: Call): Promise<Answer> => {
      const turn = line.then(() => {
        const next = answers[given]
        given += 1
        if (next === undefined) {
          resolve({ call })
          return new Promise<never>(() => undefined)
        }
        last = { call, answer: next.answer, sentAt: time }
        time = next.time
        return next.answer
      })
      line = turn
      return turn
    }
    const clock: Clock = {
      now: () => time,
      sleep: async () => undefined,
      random: () => 0,
      randomId: () => {
        ids += 1
        return `${process.name}${ids}`
      },
    }
    const { name, rules } = process
    const machine: Machine = { name, items: itemsOf(ask), objects: objectsOf(ask), clock, rules, last: () => last }
    work(machine).then(
      (ended) => resolve({ ended }),
      (error: unknown) => resolve({ ended: { view: undefined, told: [{ told: 'broken', message: String(error) }] } }),
    )
  })

const wrong = (answer: Answer): Error => new Error(`an answer of another kind: ${answer.of}`)

const itemsOf = (ask: (call: Call) => Promise<Answer>): Items => ({
  get: async () => {
    const answer = await ask({ of: 'item' })
    if (answer.of !== 'item') throw wrong(answer)
    return answer.item
  },
  query: async (_, { after, before }) => {
    const below = before === checkpointSort ? Number.POSITIVE_INFINITY : Number(before)
    const answer = await ask({ of: 'rows', after: Number(after), before: below })
    if (answer.of !== 'rows') throw wrong(answer)
    return answer.page
  },
  putIfAbsent: async (key, item) => {
    const answer = await ask({ of: 'put', slot: Number(key.sort), item })
    if (answer.of !== 'put') throw wrong(answer)
    return answer.put
  },
  replace: async (_, item, version) => {
    const answer = await ask({ of: 'replace', item, version })
    if (answer.of !== 'replace') throw wrong(answer)
    return answer.replace
  },
  delete: async (key) => {
    await ask({ of: 'delete row', slot: Number(key.sort) })
  },
})

const objectsOf = (ask: (call: Call) => Promise<Answer>): Objects => ({
  putIfAbsent: async (key, parts) => {
    await ask({ of: 'upload', name: key.slice(shardName.length), bytes: joinParts(parts) })
    return 'stored'
  },
  read: async (key, range) => {
    const answer = await ask({ of: 'read', name: key.slice(shardName.length), range })
    if (answer.of !== 'read') throw wrong(answer)
    if (answer.bytes === undefined) throw new ObjectNotFound(key)
    return answer.bytes
  },
  delete: async (key) => {
    await ask({ of: 'delete object', name: key.slice(shardName.length) })
  },
  list: async (from, after) => {
    const answer = await ask({ of: 'list', prefix: from.slice(shardName.length), after: after.slice(shardName.length) })
    if (answer.of !== 'list') throw wrong(answer)
    return answer.objects.map((object) => ({ ...object, key: shardName + object.key }))
  },
})
