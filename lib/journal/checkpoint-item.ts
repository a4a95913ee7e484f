import { documentFrom, fields, text, whole } from '../store/document-shape.ts'
import type { Item, Items, NewItem } from '../store/items.ts'
import { checkpointKey, type Shard } from '../store/keys.ts'

/**
 * The item that tells where a journal's checkpoint is and below which row nothing is left.
 * `floor` ≤ `seq`, and neither ever decreases; `object` is relative to the shard, empty before the first checkpoint.
 */
export type CheckpointItem = {
  readonly version: number
  readonly attempt: string
  readonly seq: number
  readonly object: string
  readonly floor: number
}

/** The floor of a deleted topic: no view is ever above it. */
export const deletedFloor = Number.MAX_SAFE_INTEGER

/** Throws `DamagedDocument`. */
export const readCheckpointItem = async (items: Items, shard: Shard): Promise<CheckpointItem | undefined> => {
  const item = await items.get(checkpointKey(shard), { consistent: true })
  return item && decode(item)
}

/** What a new topic's shard starts with. */
export const newCheckpointItem = (attempt: string): NewItem => encode(attempt, { seq: 0, object: '', floor: 0 })

/** Stores the item in place of `current`; tells false when somebody else was first. */
export const replaceCheckpointItem = async (
  items: Items,
  shard: Shard,
  current: CheckpointItem,
  next: Pick<CheckpointItem, 'attempt' | 'seq' | 'object' | 'floor'>,
): Promise<boolean> => {
  const outcome = await items.replace(checkpointKey(shard), encode(next.attempt, next), current.version)
  switch (outcome.outcome) {
    case 'stored':
      return true
    case 'conflict':
      return outcome.current?.attempt === next.attempt
    case 'unknown': {
      const now = await readCheckpointItem(items, shard)
      return now?.attempt === next.attempt
    }
  }
}

const encode = (
  attempt: string,
  { seq, object, floor }: Pick<CheckpointItem, 'seq' | 'object' | 'floor'>,
): NewItem => ({
  attempt,
  body: Buffer.from(JSON.stringify({ seq, object, floor })),
})

const isCheckpoint = fields({ seq: whole, object: text, floor: whole })

const decode = (item: Item): CheckpointItem => {
  const { seq, object, floor } = documentFrom<Pick<CheckpointItem, 'seq' | 'object' | 'floor'>>(
    item.body,
    `checkpoint item ${item.attempt}`,
    isCheckpoint,
  )
  return { version: item.version, attempt: item.attempt, seq, object, floor }
}
