import type { State } from '../log/state.ts'
import type { Item, Items } from '../store/items.ts'
import { fullPassKey, hintKey, hintsPartition, type Shard, shardOfHint } from '../store/keys.ts'

/*
 * A hint says that a shard has a tail, so that a pass which has nothing to do costs one query, however many shards there
 * are. Nothing is true because of a hint, and nothing is false for want of one: a pass over all shards, once an hour,
 * does what no hint told of. What makes them good enough:
 *
 *  - A writer whose row begins a tail puts the hint after the row is stored, and before it answers.
 *  - A hint is deleted first, and then a confirmed view must show no tail; if it does, the hint is put back. A row that
 *    the view does not show was stored after the delete was, so the hint that its writer puts stays.
 *
 * A writer that dies between row and hint, a put without an answer, a delete that arrives late, and maintenance that dies
 * between the delete and the view leave a tail without a hint: it is flushed up to an hour later.
 */

/** Whether the last row of the state is the first that is in its tail. */
export const beginsTail = (state: State): boolean => {
  if (state.tailBytes === 0) return false
  for (const { tail } of state.partitions.values()) if (tail[0] !== undefined && tail[0].seq < state.seq) return false
  return true
}

/** Puts the hint unless it is there, or unless the store does not answer. */
export const putHint = async (items: Items, shard: Shard, attempt: string): Promise<void> => {
  await items.putIfAbsent(hintKey(shard), { attempt, body: Buffer.alloc(0) })
}

type Hints = { readonly shards: readonly Shard[]; readonly fullPass: Item | undefined }

const hintsPerPage = 1000

/** All hints, and what is written down about passes over all shards: a page of them is one query. */
export const readHints = async (items: Items): Promise<Hints> => {
  const shards: Shard[] = []
  let fullPass: Item | undefined
  for (let after = ''; ; ) {
    const page = await items.query(hintsPartition, { after, before: '~', limit: hintsPerPage, consistent: true })
    for (const item of page.items) {
      const shard = shardOfHint(item.sort)
      if (shard !== undefined) shards.push(shard)
      if (item.sort === fullPassKey.sort) fullPass = item
    }
    after = page.items.at(-1)?.sort ?? after
    if (page.end) return { shards, fullPass }
  }
}
