import type { Items } from '../store/items.ts'
import type { Shard } from '../store/keys.ts'
import type { Objects } from '../store/objects.ts'
import type { Clock } from './clock.ts'

/** Rows fold into states. A state knows the seq of the last row in it. */
type Fold<State extends { readonly seq: number }, Row extends { readonly id: string; readonly at: number }> = {
  readonly empty: State
  readonly apply: (state: State, row: Row) => State
  readonly encodeRow: (row: Row) => Buffer
  readonly decodeRow: (bytes: Buffer) => Row
  /** `shard` is written into the bytes and compared when they are read. */
  readonly encodeState: (state: State, shard: string) => Buffer
  readonly decodeState: (bytes: Buffer, shard: string) => State
}

/** One journal as one instance of Wadi sees it. */
export type Journal<
  State extends { readonly seq: number } = { readonly seq: number },
  Row extends { readonly id: string; readonly at: number } = { readonly id: string; readonly at: number },
> = {
  readonly items: Items
  readonly objects: Objects
  readonly clock: Clock
  readonly shard: Shard
  readonly fold: Fold<State, Row>
  /** Names this instance in the ids of its rows. */
  readonly instance: string
  readonly rules: Rules
}

/** The rules of the commit protocol that rest on numbers; a simulation makes them small, or breaks them. */
export type Rules = {
  /** A view confirmed longer ago than this is not fresh: the checkpoint's floor must be read before it is believed. */
  readonly freshMs: number
  /** Rows are deleted only below one that is older than this. More than `freshMs` and the difference of two clocks. */
  readonly truncateAfterMs: number
}

export const defaultRules: Rules = { freshMs: 60_000, truncateAfterMs: 3_600_000 }

/** Where one process at a time has the stores, on one clock: what is done with is let go of much sooner. */
export const soleWriterRules: Rules = { freshMs: 10_000, truncateAfterMs: 30_000 }

/** The topic does not exist, or no longer. */
export class JournalGone extends Error {
  override readonly name = 'JournalGone'
}

/** Something that must hold does not: bytes are missing or damaged. Nothing is guessed around it. */
export class JournalDamaged extends Error {
  override readonly name = 'JournalDamaged'
}
