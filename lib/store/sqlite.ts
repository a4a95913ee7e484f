import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import {
  checkItemBody,
  type Item,
  type Items,
  maxPageBytes,
  type NewItem,
  StoreUnavailable,
  type Unknown,
} from './items.ts'

/**
 * `Items` in one SQLite file. Every write is its own transaction, in the write-ahead log before it is answered:
 * a killed process loses nothing. A machine that loses power may forget the last writes, never earlier ones and never
 * half of one, unless `fsync` is set.
 */
export const sqliteItems = (path: string, { fsync }: { readonly fsync: boolean }): Items & Disposable => {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA journal_mode = WAL')
  database.exec(`PRAGMA synchronous = ${fsync ? 'FULL' : 'NORMAL'}`)
  database.exec(schema)
  const select = database.prepare('SELECT sort, attempt, version, body FROM items WHERE partition = ? AND sort = ?')
  const range = database.prepare(
    'SELECT sort, attempt, version, body FROM items WHERE partition = ? AND sort > ? AND sort < ? ORDER BY sort LIMIT ?',
  )
  const insert = database.prepare(
    'INSERT INTO items (partition, sort, version, attempt, body) VALUES (?, ?, 1, ?, ?) ON CONFLICT DO NOTHING',
  )
  const update = database.prepare(
    `UPDATE items SET version = version + 1, attempt = ?, body = ? WHERE partition = ? AND sort = ? AND version = ?`,
  )
  const remove = database.prepare('DELETE FROM items WHERE partition = ? AND sort = ?')

  const find = (partition: string, sort: string): Item | undefined => {
    const row = select.get(partition, sort)
    return row === undefined ? undefined : itemOf(row)
  }

  return {
    get: async ({ partition, sort }) => orUnavailable(() => find(partition, sort)),

    query: async (partition, { after, before, limit }) =>
      orUnavailable(() => {
        const items: Item[] = []
        let bytes = 0
        for (const row of range.iterate(partition, after, before, limit)) {
          const item = itemOf(row)
          items.push(item)
          bytes += item.body.length
          if (bytes >= maxPageBytes) return { items, end: false }
        }
        return { items, end: items.length < limit }
      }),

    putIfAbsent: async ({ partition, sort }, item: NewItem) => {
      checkItemBody(item.body)
      return orUnknown(() => {
        if (insert.run(partition, sort, item.attempt, item.body).changes === 1) return { outcome: 'stored' } as const
        const by = find(partition, sort)
        if (by === undefined) throw new Error(`${partition} ${sort} is taken by nobody`)
        return { outcome: 'taken', by } as const
      })
    },

    replace: async ({ partition, sort }, item: NewItem, version) => {
      checkItemBody(item.body)
      return orUnknown(() => {
        const { changes } = update.run(item.attempt, item.body, partition, sort, version)
        if (changes === 1) return { outcome: 'stored' } as const
        return { outcome: 'conflict', current: find(partition, sort) } as const
      })
    },

    delete: async ({ partition, sort }) => {
      orUnavailable(() => remove.run(partition, sort))
    },

    [Symbol.dispose]: () => database.close(),
  }
}

/** Text compares by its UTF-8 bytes, SQLite's default. The rows of a partition lie together, in order. */
const schema = `CREATE TABLE IF NOT EXISTS items (
  partition TEXT NOT NULL, sort TEXT NOT NULL, version INTEGER NOT NULL, attempt TEXT NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (partition, sort)
) WITHOUT ROWID`

const itemOf = (row: Record<string, SQLOutputValue>): Item => {
  const { sort, attempt, version, body } = row
  if (typeof sort !== 'string' || typeof attempt !== 'string') throw new Error('a row without sort or attempt')
  if (typeof version !== 'number' || !(body instanceof Uint8Array)) throw new Error(`a broken row: ${sort}`)
  return { sort, attempt, version, body: Buffer.from(body.buffer, body.byteOffset, body.byteLength) }
}

/** A full disk, a broken file, a closed database: whether a write was applied is settled by the next try. */
const orUnknown = <Outcome>(write: () => Outcome): Outcome | Unknown => {
  try {
    return write()
  } catch (cause) {
    return { outcome: 'unknown', cause }
  }
}

const orUnavailable = <Answer>(call: () => Answer): Answer => {
  try {
    return call()
  } catch (cause) {
    throw new StoreUnavailable(`the items' database: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}
