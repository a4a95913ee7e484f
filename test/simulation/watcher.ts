import type { Item, ItemKey, Items, NewItem } from '../../lib/store/items.ts'
import { checkpointSort } from '../../lib/store/keys.ts'
import { joinParts, type Objects } from '../../lib/store/objects.ts'
import type { LogEvent } from './history.ts'
import { JournalWatch } from './journal-watch.ts'

export type WatcherOptions = {
  readonly report: (anomaly: string, detail: string) => void
  readonly hit: (path: string) => void
  readonly record: (event: LogEvent) => void
  readonly tick: () => number
}

/**
 * Sits between the stores and whatever fails around them, sees every write at the moment it is applied, and knows what
 * must hold of it whoever wrote it.
 */
export class Watcher {
  readonly #options: WatcherOptions
  readonly #journals = new Map<string, JournalWatch>()
  readonly #bytes = new Map<string, Buffer>()

  constructor(options: WatcherOptions) {
    this.#options = options
  }

  /** The journal of `J#<topicId>#<shard>`. */
  journal(partition: string): JournalWatch {
    const known = this.#journals.get(partition)
    if (known) return known
    const prefix = `${partition.slice(2).replace('#', '/')}/`
    const journal = new JournalWatch(prefix, this.#bytes, this.#options)
    this.#journals.set(partition, journal)
    return journal
  }

  items(items: Items): Items {
    const changed = (key: ItemKey, item: Item | NewItem | undefined): void => {
      const journal = this.journal(key.partition)
      if (key.sort === checkpointSort) {
        if (item === undefined) this.#options.report('checkpoint-deleted', key.partition)
        else journal.onCheckpoint(item.body)
      } else if (item === undefined) journal.onRowDeleted(Number(key.sort))
      else journal.onRow(Number(key.sort), item)
    }
    return {
      get: (key, options) => items.get(key, options),
      query: async (partition, options) => {
        const page = await items.query(partition, options)
        const { floor } = this.journal(partition)
        if (options.consistent && options.after !== '' && page.items.some(({ sort }) => Number(sort) <= floor))
          this.#options.hit('query shows a truncated row')
        return page
      },
      putIfAbsent: async (key, item) => {
        const put = await items.putIfAbsent(key, item)
        if (put.outcome === 'stored') changed(key, item)
        else if (Number(key.sort) <= this.journal(key.partition).floor)
          this.#options.hit('conflict in a truncated slot')
        return put
      },
      replace: async (key, item, version) => {
        const replaced = await items.replace(key, item, version)
        if (replaced.outcome === 'stored') changed(key, item)
        return replaced
      },
      delete: async (key) => {
        const wasThere = (await items.get(key, { consistent: true })) !== undefined
        await items.delete(key)
        if (wasThere) changed(key, undefined)
      },
    }
  }

  objects(objects: Objects): Objects {
    return {
      putIfAbsent: async (key, parts) => {
        const bytes = joinParts(parts)
        const outcome = await objects.putIfAbsent(key, [bytes])
        const known = this.#bytes.get(key)
        if (known !== undefined && !known.equals(bytes)) this.#options.report('key-reused', key)
        if (outcome === 'stored') this.#bytes.set(key, bytes)
        return outcome
      },
      read: (key, range) => objects.read(key, range),
      delete: async (key) => {
        const wasThere = this.#bytes.delete(key)
        await objects.delete(key)
        if (!wasThere) return
        for (const journal of this.#journals.values()) journal.onObjectDeleted(key)
      },
      list: (prefix, after) => objects.list(prefix, after),
    }
  }
}
