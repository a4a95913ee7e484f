/**
 * What happened in one run, as plain data. `from` and `to` are places in the one order of everything that happened:
 * what ended at a smaller number than another began at, came before it.
 */
export type History = {
  readonly log: readonly LogEvent[]
  readonly sends: readonly Send[]
  readonly fetches: readonly Fetch[]
  readonly ends: readonly Ends[]
  readonly lookups: readonly Lookup[]
  /** Each partition read from its start to its end when everything was over. */
  readonly finals: readonly { readonly partition: string; readonly records: readonly ReadRecord[] }[]
  /** Requests that were not answered although their instance ran and all faults were over. */
  readonly hung: readonly string[]
}

/** What the rows of the journals say, in their order. */
export type LogEvent = Appended | Trimmed

export type Appended = {
  readonly event: 'appended'
  readonly order: number
  readonly partition: string
  readonly baseOffset: number
  readonly records: readonly LoggedRecord[]
  /** Undefined when the batch is not idempotent. */
  readonly sequence: Sequence | undefined
  /** Of the shard's leader at this row. */
  readonly leaderEpoch: number
}

type Sequence = { readonly producerId: number; readonly epoch: number; readonly base: number }

type Trimmed = {
  readonly event: 'trimmed'
  readonly order: number
  readonly partition: string
  readonly logStart: number
}

/** Values are unique: each names the batch that carried it. */
export type LoggedRecord = { readonly value: string; readonly timestamp: number }
export type ReadRecord = LoggedRecord & { readonly offset: number }

/** One batch that a client wanted in the log, and every try to get it there. */
export type Send = {
  readonly partition: string
  readonly values: readonly string[]
  /** Tries carry the same sequence: however many there are, one batch comes of them. */
  readonly isIdempotent: boolean
  readonly tries: readonly Try[]
  /** For each time that a machine took it on: the epoch under which it did so as leader, undefined for others. */
  readonly leaderEpochs: readonly (number | undefined)[]
}

export type Try = {
  readonly from: number
  readonly to: number
  /** `refused` is definite: this try has put nothing into the log and never will. */
  readonly outcome: 'acknowledged' | 'refused' | 'unknown'
  /** Of an acknowledged batch's first record; undefined when the answer does not tell it. */
  readonly offset?: number | undefined
  readonly error?: string
  /** The batch was the next of its producer, which nothing entitled anybody to refuse. */
  readonly isInTurn: boolean
}

export type Fetch = {
  readonly consumer: string
  /** The machine that answered. */
  readonly by: string
  readonly partition: string
  readonly from: number
  readonly to: number
  readonly offset: number
  readonly logStart: number
  readonly end: number
  /** Undefined: out of range. Only records at or after `offset`. */
  readonly records: readonly ReadRecord[] | undefined
}

/** Start and end of a partition, promised to be those of the moment. */
export type Ends = {
  readonly partition: string
  readonly from: number
  readonly to: number
  readonly logStart: number
  readonly end: number
}

/** The first record with at least this timestamp; with the largest of all when it is left out. */
export type Lookup = {
  readonly partition: string
  readonly from: number
  readonly to: number
  readonly timestamp: number | undefined
  readonly found: { readonly offset: number; readonly timestamp: number } | undefined
}

/** Collects a history while it happens. */
export class Recorder {
  readonly log: LogEvent[] = []
  readonly sends: Send[] = []
  readonly fetches: Fetch[] = []
  readonly ends: Ends[] = []
  readonly lookups: Lookup[] = []
  readonly finals: { readonly partition: string; readonly records: readonly ReadRecord[] }[] = []
  readonly hung: string[] = []
  #order = 0

  /** The next place in the order of everything. */
  tick(): number {
    this.#order += 1
    return this.#order
  }

  get operations(): number {
    const tries = this.sends.reduce((sum, send) => sum + send.tries.length, 0)
    return tries + this.fetches.length + this.ends.length + this.lookups.length
  }
}
