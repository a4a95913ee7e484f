/** What an audit looks at, and what a person can do where it is not as it must be. */
const advice = {
  'checkpoint item': 'restore this item from a backup of the table; until then the shard takes and gives nothing',
  checkpoint: 'restore this object from a backup or an earlier version; its rows alone may no longer be enough',
  rows: 'restore these rows from a backup of the table; acknowledged records may be in them',
  fold: 'keep the stores as they are and report this as a bug: the checkpoint was made of other rows',
  coverage: 'keep the stores as they are and report this as a bug: no sequence of rows may lead there',
  object: 'restore this object from a backup or an earlier version, or delete the records before and in it',
  bytes: 'restore this object from a backup or an earlier version; readers of these records get an error',
  index: 'restore this object from a backup or an earlier version; the records themselves may be sound',
  topic: 'restore this item from a backup of the table',
  group: 'restore this item from a backup of the table, or delete the group and let it start again',
  format: 'run the audit of the newest version of Wadi that writes to these stores',
} as const

export type ProblemKind = keyof typeof advice

/** Something that must hold and does not, in a topic or in a group; shard and partition where it is in one. */
export type Problem = {
  readonly kind: ProblemKind
  readonly topic?: string
  readonly group?: string
  readonly shard?: number | undefined
  readonly partition?: number | undefined
  readonly what: string
}

export type AdvisedProblem = Problem & { readonly todo: string }

/** How much was looked at. Bytes are those of the objects that are named, and those of the orphans. */
export type AuditCounts = {
  readonly topics: number
  readonly deletions: number
  readonly shards: number
  readonly partitions: number
  readonly rows: number
  readonly objects: number
  readonly objectBytes: number
  readonly batches: number
  readonly blocks: number
  readonly groups: number
  /** Objects that nothing names: left to a sweep, or being written. They cost money and are no problem. */
  readonly orphans: number
  readonly orphanBytes: number
}

export const noCounts: AuditCounts = {
  topics: 0,
  deletions: 0,
  shards: 0,
  partitions: 0,
  rows: 0,
  objects: 0,
  objectBytes: 0,
  batches: 0,
  blocks: 0,
  groups: 0,
  orphans: 0,
  orphanBytes: 0,
}

export const addCounts = (a: AuditCounts, b: Partial<AuditCounts>): AuditCounts => ({
  topics: a.topics + (b.topics ?? 0),
  deletions: a.deletions + (b.deletions ?? 0),
  shards: a.shards + (b.shards ?? 0),
  partitions: a.partitions + (b.partitions ?? 0),
  rows: a.rows + (b.rows ?? 0),
  objects: a.objects + (b.objects ?? 0),
  objectBytes: a.objectBytes + (b.objectBytes ?? 0),
  batches: a.batches + (b.batches ?? 0),
  blocks: a.blocks + (b.blocks ?? 0),
  groups: a.groups + (b.groups ?? 0),
  orphans: a.orphans + (b.orphans ?? 0),
  orphanBytes: a.orphanBytes + (b.orphanBytes ?? 0),
})

/** Problems that are listed; of more only the number is told. */
const maxListedProblems = 1000

/** Problems found so far. */
export class Problems {
  readonly #listed: AdvisedProblem[] = []
  #count = 0

  add(problem: Problem): void {
    this.#count += 1
    if (this.#listed.length < maxListedProblems) this.#listed.push({ ...problem, todo: advice[problem.kind] })
  }

  get count(): number {
    return this.#count
  }

  get listed(): readonly AdvisedProblem[] {
    return this.#listed
  }
}
