import { newCheckpointItem } from '../../lib/journal/checkpoint-item.ts'
import { apply } from '../../lib/log/apply.ts'
import { logFold } from '../../lib/log/fold.ts'
import type { Row } from '../../lib/log/row.ts'
import { emptyState, objectsOf, partitionOf, type State } from '../../lib/log/state.ts'
import type { Item } from '../../lib/store/items.ts'
import { checkpointSort, padSeq } from '../../lib/store/keys.ts'
import { type Call, shardName } from './exhaustive-replay.ts'

type Put = { readonly slot: number; readonly item: Item; readonly row: Row; readonly says: string }

type CheckpointNumbers = {
  readonly item: Item
  readonly version: number
  readonly seq: number
  readonly floor: number
  readonly object: string
  readonly says: string
}

type Replacement = { readonly version: number; readonly item: number; readonly says: string }

/** What some rows add up to. `labels` are the appended batches in order, trimmed by nobody. */
type Log = {
  readonly state: State
  readonly encoded: Buffer
  readonly labels: readonly number[]
  readonly names: ReadonlySet<string>
}

/** A batch is known by its timestamp: 0 is `a`, 1 is `b`. */
export const saysLabel = (label: number): string => String.fromCharCode('a'.charCodeAt(0) + label)

/** All that was ever stored or sent, by number: equal contents have equal numbers. */
export class Contents {
  readonly #puts = new Numbered<Put>()
  readonly #items = new Numbered<CheckpointNumbers>()
  readonly #replacements = new Numbered<Replacement>()
  readonly #objects = new Numbered<{ readonly name: string; readonly bytes: Buffer }>()
  readonly #logs = new Map<string, Log>()
  readonly #encoded = new Map<number, Buffer>()
  readonly #calls = new WeakMap<Call, number>()
  readonly firstItem: number

  constructor() {
    const { attempt, body } = newCheckpointItem('created')
    this.firstItem = this.#itemNumber({ sort: checkpointSort, attempt, body, version: 1 })
  }

  putNumber(call: Call & { readonly of: 'put' }): number {
    return this.#remembered(call, () => this.#putNumberOf(call))
  }

  #remembered(call: Call, find: () => number): number {
    const number = this.#calls.get(call) ?? find()
    this.#calls.set(call, number)
    return number
  }

  #putNumberOf({ slot, item }: Call & { readonly of: 'put' }): number {
    return this.#puts.number(`${slot} ${item.attempt} ${item.body.toString('latin1')}`, () => {
      const row = logFold.decodeRow(item.body)
      const says = `row ${slot} = ${saysRow(row)} of ${item.attempt}`
      return { slot, item: { ...item, sort: padSeq(slot), version: 1 }, row, says }
    })
  }

  put(number: number): Put {
    return this.#puts.of(number)
  }

  replacementNumber(call: Call & { readonly of: 'replace' }): number {
    return this.#remembered(call, () => this.#replacementNumberOf(call))
  }

  #replacementNumberOf({ item, version }: Call & { readonly of: 'replace' }): number {
    const number = this.#itemNumber({ ...item, sort: checkpointSort, version: version + 1 })
    return this.#replacements.number(String(number), () => {
      return { version, item: number, says: `checkpoint item = ${this.item(number).says}` }
    })
  }

  replacement(number: number): Replacement {
    return this.#replacements.of(number)
  }

  item(number: number): CheckpointNumbers {
    return this.#items.of(number)
  }

  objectNumber(call: Call & { readonly of: 'upload' }): number {
    return this.#remembered(call, () => this.#objectNumberOf(call))
  }

  #objectNumberOf({ name, bytes }: Call & { readonly of: 'upload' }): number {
    return this.#objects.number(`${name} ${bytes.toString('latin1')}`, () => ({ name, bytes }))
  }

  object(number: number): { readonly name: string; readonly bytes: Buffer } {
    return this.#objects.of(number)
  }

  /** The fold of these puts' rows. */
  log(puts: readonly number[]): Log {
    const key = puts.join(' ')
    const known = this.#logs.get(key)
    if (known) return known
    const log = this.#fold(puts)
    this.#logs.set(key, log)
    return log
  }

  encodedView(number: number, state: State): Buffer {
    const known = this.#encoded.get(number)
    if (known) return known
    const encoded = logFold.encodeState(state, shardName)
    this.#encoded.set(number, encoded)
    return encoded
  }

  saysCall(call: Call): string {
    switch (call.of) {
      case 'put':
        return `puts ${this.put(this.putNumber(call)).says}`
      case 'rows':
        return `reads the rows after ${call.after}`
      case 'item':
        return 'reads the checkpoint item'
      case 'replace':
        return `replaces ${this.replacement(this.replacementNumber(call)).says}`
      case 'delete row':
        return `deletes row ${call.slot}`
      case 'list':
        return `lists ${call.prefix} after '${call.after}'`
      case 'upload':
      case 'read':
      case 'delete object':
        return `${call.of} ${call.name}`
    }
  }

  #itemNumber(item: Item): number {
    return this.#items.number(`${item.version} ${item.attempt} ${item.body.toString('latin1')}`, () => {
      const { seq, floor, object }: { seq: number; floor: number; object: string } = JSON.parse(item.body.toString())
      return { item, version: item.version, seq, floor, object, says: `seq ${seq}, floor ${floor}` }
    })
  }

  #fold(puts: readonly number[]): Log {
    const last = puts.at(-1)
    if (last === undefined) return { ...logOf(emptyState), labels: [] }
    const before = this.log(puts.slice(0, -1))
    const { row } = this.put(last)
    return { ...logOf(apply(before.state, row)), labels: [...before.labels, ...labelsOf(row)] }
  }
}

/** Contents by number. */
class Numbered<Content> {
  readonly #numbers = new Map<string, number>()
  readonly #contents: Content[] = []

  number(key: string, make: () => Content): number {
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    const content = make()
    this.#numbers.set(key, this.#contents.length)
    return this.#contents.push(content) - 1
  }

  of(number: number): Content {
    const content = this.#contents[number]
    if (content === undefined) throw new Error(`nothing has the number ${number}`)
    return content
  }
}

const logOf = (state: State): Omit<Log, 'labels'> => ({
  state,
  encoded: logFold.encodeState(state, shardName),
  names: objectsOf(state),
})

const labelsOf = (row: Row): readonly number[] =>
  row.kind === 'append' ? row.batches.map(({ maxTimestamp }) => Number(maxTimestamp)) : []

const saysRow = (row: Row): string => (row.kind === 'append' ? labelsOf(row).map(saysLabel).join(' ') : row.kind)

/** The batches of the tail, for a story. */
export const saysTail = (state: State): string =>
  partitionOf(state, 0)
    .tail.map(({ maxTimestamp }) => saysLabel(Number(maxTimestamp)))
    .join(' ')
