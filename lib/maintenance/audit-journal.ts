import { type CheckpointItem, deletedFloor, readCheckpointItem } from '../journal/checkpoint-item.ts'
import { NewerFormat } from '../log/at-rest.ts'
import { findingsIn, rowProblem, stateDifference } from '../log/check-state.ts'
import { logFold } from '../log/fold.ts'
import type { State } from '../log/state.ts'
import type { Item, Items } from '../store/items.ts'
import { checkpointSort, journalPartition, objectKey, padSeq, type Shard, shardPrefix } from '../store/keys.ts'
import { ObjectNotFound } from '../store/objects.ts'
import type { Problem, ProblemKind } from './audit-report.ts'
import { type AuditStores, saidOf } from './audit-stores.ts'

/** A problem of one shard, with the object it was found in. */
export type Found = Pick<Problem, 'kind' | 'partition' | 'what'> & { readonly object?: string | undefined }

export type JournalAudit = {
  /** Undefined where the checkpoint item cannot be read. */
  readonly item: CheckpointItem | undefined
  /** What the rows add up to; undefined where that cannot be known. */
  readonly state: State | undefined
  readonly rows: number
  readonly found: readonly Found[]
}

/** Reads of one journal while others replace its checkpoint. */
const maxReads = 20
/** Rows in one page of a query. */
const rowsPerPage = 1000
/** Problems of one journal that are told. */
const maxFound = 1000

/**
 * Reads a journal as it is between two equal checkpoint items: rows above the floor dense and decodable, each of them
 * one that somebody may have written, the checkpoint what they add up to, and their state in itself as it must be.
 */
export const auditJournal = async (stores: AuditStores, shard: Shard): Promise<JournalAudit> => {
  for (let read = 0; read < maxReads; read++) {
    const item = await itemOf(stores.items, shard)
    const audit = item.item ? await auditRows(stores, shard, item.item) : undefined
    const after = await itemOf(stores.items, shard)
    if (after.item?.version !== item.item?.version) continue
    return audit ?? { item: undefined, state: undefined, rows: 0, found: item.found }
  }
  throw new Error(`the checkpoint of ${shardPrefix(shard)} changes faster than its rows can be read`)
}

const itemOf = async (
  items: Items,
  shard: Shard,
): Promise<{ readonly item: CheckpointItem | undefined; readonly found: readonly Found[] }> => {
  const not = (what: string) => ({ item: undefined, found: [found('checkpoint item', what)] })
  try {
    const item = await readCheckpointItem(items, shard)
    if (item === undefined) return not('there is no checkpoint item')
    const { seq, floor, object } = item
    const isWhole = [seq, floor].every((number) => Number.isSafeInteger(number) && number >= 0)
    return isWhole && typeof object === 'string' ? { item, found: [] } : not('the checkpoint item makes no sense')
  } catch (error) {
    return not(`the checkpoint item cannot be read: ${saidOf(error)}`)
  }
}

const found = (kind: ProblemKind, what: string): Found => ({ kind, partition: undefined, what })

const auditRows = async (stores: AuditStores, shard: Shard, item: CheckpointItem): Promise<JournalAudit> => {
  const checkpoint = await readCheckpoint(stores, shard, item)
  const fold = new Fold(item, checkpoint.state)
  for (const one of checkpoint.found) fold.tell(one)
  if (item.floor === deletedFloor) fold.tell(found('checkpoint item', 'the journal is deleted, and its topic is not'))
  else if (item.floor > item.seq)
    fold.tell(found('checkpoint item', `the floor, ${item.floor}, is above the checkpoint, ${item.seq}`))
  else {
    for await (const row of rowsAbove(stores.items, shard, item.floor)) fold.row(row)
    fold.end()
    const { state } = fold
    if (state) for (const { partition, what } of findingsIn(state)) fold.tell({ kind: 'coverage', partition, what })
    return { item, state, rows: fold.rows, found: fold.found }
  }
  return { item, state: undefined, rows: 0, found: fold.found }
}

const readCheckpoint = async (
  { objects }: AuditStores,
  shard: Shard,
  { object, seq }: CheckpointItem,
): Promise<{ readonly state: State | undefined; readonly found: readonly Found[] }> => {
  const not = (kind: ProblemKind, what: string) => ({ state: undefined, found: [found(kind, what)] })
  if (object === '') {
    if (seq === 0) return { state: logFold.empty, found: [] }
    return not('checkpoint item', `the checkpoint at row ${seq} names no object`)
  }
  try {
    const bytes = await objects.read(objectKey(shard, object))
    const state = logFold.decodeState(bytes, shardPrefix(shard))
    if (state.seq === seq) return { state, found: [] }
    return not('checkpoint', `${object} is the state at row ${state.seq}, and should be at ${seq}`)
  } catch (error) {
    if (error instanceof ObjectNotFound) return not('checkpoint', `${object} is missing`)
    return not(error instanceof NewerFormat ? 'format' : 'checkpoint', `${object}: ${saidOf(error)}`)
  }
}

async function* rowsAbove(items: Items, shard: Shard, floor: number): AsyncGenerator<Item> {
  let after = padSeq(floor)
  for (;;) {
    const options = { after, before: checkpointSort, limit: rowsPerPage, consistent: true }
    const page = await items.query(journalPartition(shard), options)
    yield* page.items
    after = page.items.at(-1)?.sort ?? after
    if (page.end) return
  }
}

/** Goes through the rows above a floor, and folds as many of them as can be: from the first, else from the checkpoint. */
class Fold {
  readonly #item: CheckpointItem
  readonly #checkpoint: State | undefined
  readonly #found: Found[] = []
  /** The last row that was there, or that those after the floor begin with. */
  #seq: number
  #state: State | undefined
  rows = 0

  constructor(item: CheckpointItem, checkpoint: State | undefined) {
    this.#item = item
    this.#checkpoint = checkpoint
    this.#seq = item.floor
    this.#state = item.floor === 0 ? logFold.empty : undefined
    this.#reach()
  }

  get state(): State | undefined {
    return this.#state
  }

  get found(): readonly Found[] {
    return this.#found
  }

  tell(one: Found): void {
    if (this.#found.length < maxFound) this.#found.push(one)
  }

  row(item: Item): void {
    this.rows += 1
    const seq = Number(item.sort)
    if (seq !== this.#seq + 1) {
      this.#missing(this.#seq + 1, seq - 1)
      this.#seq = seq - 1
      this.#state = undefined
      this.#reach()
    }
    this.#seq = seq
    this.#state = this.#apply(item)
    this.#reach()
  }

  /** No row follows. */
  end(): void {
    const { seq, floor } = this.#item
    // A floor is only ever raised below a row that is there.
    const least = Math.max(seq, floor === 0 ? 0 : floor + 1)
    if (this.#seq >= least) return
    this.#missing(this.#seq + 1, least)
    if (this.#seq < seq) this.#state = this.#checkpoint
  }

  #apply(item: Item): State | undefined {
    try {
      const row = logFold.decodeRow(item.body)
      if (row.id !== item.attempt)
        this.tell(found('rows', `row ${this.#seq} was written by ${item.attempt}, not by ${row.id}`))
      if (this.#state === undefined) return undefined
      const reason = rowProblem(this.#state, row)
      if (reason !== undefined)
        this.tell(found('rows', `row ${this.#seq}, ${row.kind}, should never have been written: ${reason}`))
      return logFold.apply(this.#state, row)
    } catch (error) {
      const kind = error instanceof NewerFormat ? 'format' : 'rows'
      this.tell(found(kind, `row ${this.#seq} cannot be read: ${saidOf(error)}`))
      return undefined
    }
  }

  /** At the checkpoint's row: from here on everybody who loads the journal has the checkpoint's state. */
  #reach(): void {
    if (this.#seq !== this.#item.seq) return
    if (this.#state !== undefined && this.#checkpoint !== undefined) {
      const difference = stateDifference(this.#checkpoint, this.#state)
      if (difference !== undefined)
        this.tell(found('fold', `the checkpoint at row ${this.#seq} is not what its rows add up to: ${difference}`))
    }
    this.#state = this.#checkpoint ?? this.#state
  }

  #missing(from: number, to: number): void {
    const rows = from === to ? `row ${from} is` : `rows ${from} to ${to} are`
    this.tell(found('rows', `${rows} missing; the floor is ${this.#item.floor}, the checkpoint ${this.#item.seq}`))
  }
}
