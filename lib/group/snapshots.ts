import { documentFrom, fields, listOf, oneOf, orNull, text, tuple, whole } from '../store/document-shape.ts'
import { stepDocument } from '../store/documents.ts'
import { maxItemBytes } from '../store/items.ts'
import { snapshotsKey } from '../store/keys.ts'
import type { GroupStores } from './documents.ts'

/** What a group had committed before somebody moved it: enough to move it back. */
export type Snapshot = {
  readonly name: string
  readonly atMs: number
  /** Topic id, partition index, and the offset as text; null where nothing was committed. */
  readonly offsets: readonly (readonly [topicId: string, index: number, offset: string | null])[]
}

/** At rest: `{ format, snapshots }`, the newest last, in one item for each life of a group. */
type Snapshots = { readonly format: number; readonly snapshots: readonly Snapshot[] }

const format = 1
const isSnapshots = fields({
  format: oneOf(format),
  snapshots: listOf(fields({ name: text, atMs: whole, offsets: listOf(tuple(text, whole, orNull(text))) })),
})

/** Snapshots that are kept of a group; the oldest go first, also when they are too large together. */
const maxSnapshots = 10

/** One alone is larger than an item may be. */
export class SnapshotTooLarge extends Error {
  override readonly name = 'SnapshotTooLarge'
}

/** Keeps a snapshot. Throws `OutcomeUnknown`, `SnapshotTooLarge`. */
export const keepSnapshot = (
  { items, clock }: GroupStores,
  life: string,
  snapshot: Snapshot,
  writeTimeoutMs: number,
): Promise<void> =>
  stepDocument<Snapshots, void>(
    items,
    clock,
    snapshotsKey(life),
    (current) => {
      const others = current?.snapshots.filter(({ name }) => name !== snapshot.name) ?? []
      return { next: fitting([...others, snapshot].slice(-maxSnapshots)), answer: undefined }
    },
    clock.now() + writeTimeoutMs,
    isSnapshots,
  )

const fitting = (snapshots: readonly Snapshot[]): Snapshots => {
  const kept = { format, snapshots }
  if (Buffer.byteLength(JSON.stringify(kept)) <= maxItemBytes) return kept
  if (snapshots.length === 1) throw new SnapshotTooLarge('the offsets of these partitions are too many')
  return fitting(snapshots.slice(1))
}

/** Throws `DamagedDocument`. */
export const decodeSnapshots = (body: Buffer): readonly Snapshot[] =>
  documentFrom<Snapshots>(body, 'the snapshots of a group', isSnapshots).snapshots

/** The newest last. */
export const snapshotsOf = async ({ items }: GroupStores, life: string): Promise<readonly Snapshot[]> => {
  const item = await items.get(snapshotsKey(life), { consistent: true })
  return item ? decodeSnapshots(item.body) : []
}
