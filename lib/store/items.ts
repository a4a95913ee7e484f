/** Where an item is: all items of one `partition` are ordered by `sort`, bytewise. Drawn in `keys.ts`. */
export type ItemKey = { readonly partition: string; readonly sort: string }

/**
 * A small document or a row. `body` is opaque to the store, at most `maxItemBytes`.
 * `attempt` names the try that wrote it, so that a writer recognises its own earlier try after a lost answer.
 */
export type Item = {
  readonly sort: string
  readonly attempt: string
  /** 1 when put, one more with each `replace`. */
  readonly version: number
  readonly body: Buffer
}

/** What a writer hands in: the store adds place and version. */
export type NewItem = { readonly attempt: string; readonly body: Buffer }

/** No answer, a reset, a timeout, a 5xx, a throttle: the write may have been applied, now or later. Never a failure. */
export type Unknown = { readonly outcome: 'unknown'; readonly cause: unknown }

export type PutOutcome = { readonly outcome: 'stored' } | { readonly outcome: 'taken'; readonly by: Item } | Unknown

export type ReplaceOutcome =
  | { readonly outcome: 'stored' }
  | { readonly outcome: 'conflict'; readonly current: Item | undefined }
  | Unknown

export type QueryPage = {
  readonly items: readonly Item[]
  /** No further page. */
  readonly end: boolean
}

export type QueryOptions = {
  /** Only items whose sort is greater. */
  readonly after: string
  /** Only items whose sort is smaller. */
  readonly before: string
  /** At most this many items in the page; the store may return fewer. */
  readonly limit: number
  readonly consistent: boolean
}

/**
 * Small documents under conditional writes; every write may be repeated with the same arguments.
 * Reads throw `StoreUnavailable` when there is no answer. Any call may throw `StoreSetupError`, which says nothing about
 * earlier tries of it: a write that was unknown before stays unknown. Bodies larger than `maxItemBytes` throw
 * `RangeError`: a bug of the caller.
 */
export interface Items {
  /** The item, or undefined. An inconsistent read may be stale. */
  get(key: ItemKey, options: { readonly consistent: boolean }): Promise<Item | undefined>
  /** A page of one partition in ascending order. An inconsistent query may be stale and may miss items in the middle. */
  query(partition: string, options: QueryOptions): Promise<QueryPage>
  /** Stores version 1, or tells who was first (perhaps this very attempt, earlier). */
  putIfAbsent(key: ItemKey, item: NewItem): Promise<PutOutcome>
  /** Stores `version + 1` where the item has `version`. `conflict` may be with this very attempt: compare `current.attempt`. */
  replace(key: ItemKey, item: NewItem, version: number): Promise<ReplaceOutcome>
  /** Deletes, whether or not it exists. Throws `StoreUnavailable` when there is no answer. */
  delete(key: ItemKey): Promise<void>
}

/** Body bytes of one item; DynamoDB's limit is 400 KB for the whole item (docs: "Quotas"), keys and attributes included. */
export const maxItemBytes = 399 * 1024

/** Body bytes after which a page of a query ends, as in DynamoDB (docs: "Query"). */
export const maxPageBytes = 1024 * 1024

export const checkItemBody = (body: Buffer): void => {
  if (body.length > maxItemBytes) throw new RangeError(`an item of ${body.length} bytes: at most ${maxItemBytes}`)
}

/** A read or a delete had no answer. Try again; nothing is known. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

/** Nothing that another try would settle: a person has to do what the message says. */
export class StoreSetupError extends Error {
  override readonly name = 'StoreSetupError'
}
