/** What a pass did. */
export type Pass = {
  readonly shards: number
  /** There was no time for them. */
  readonly shardsLeft: number
  readonly flushes: number
  readonly merges: number
  readonly trims: number
  readonly checkpoints: number
  readonly rowsTruncated: number
  readonly objectsSwept: number
  readonly topicsDeleted: number
  readonly errors: number
}

export const nothing: Pass = {
  shards: 0,
  shardsLeft: 0,
  flushes: 0,
  merges: 0,
  trims: 0,
  checkpoints: 0,
  rowsTruncated: 0,
  objectsSwept: 0,
  topicsDeleted: 0,
  errors: 0,
}

export const add = (a: Pass, b: Pass): Pass => ({
  shards: a.shards + b.shards,
  shardsLeft: a.shardsLeft + b.shardsLeft,
  flushes: a.flushes + b.flushes,
  merges: a.merges + b.merges,
  trims: a.trims + b.trims,
  checkpoints: a.checkpoints + b.checkpoints,
  rowsTruncated: a.rowsTruncated + b.rowsTruncated,
  objectsSwept: a.objectsSwept + b.objectsSwept,
  topicsDeleted: a.topicsDeleted + b.topicsDeleted,
  errors: a.errors + b.errors,
})
