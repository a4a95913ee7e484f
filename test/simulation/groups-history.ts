import type { ErrorName, Group } from '../../lib/group/group.ts'

/**
 * What clients of a group have seen, and what was stored. Events carry an order that nothing shares: one that is smaller
 * came before. Partitions are `topic id/index`.
 */
export type GroupHistory = {
  readonly tenures: readonly Tenure[]
  readonly commits: readonly CommitTry[]
  readonly fetches: readonly OffsetFetch[]
  readonly stored: readonly StoredOffset[]
  readonly groups: readonly StoredGroup[]
  /**
   * Since when a member has no right to what it has, though it cannot know, by member id: another took its place, or a
   * barrier was stored so late that there is little time left to come to it.
   */
  readonly replacedMs: ReadonlyMap<string, number>
  /** Reports of the watcher, of clients, and of the end of the history. */
  readonly reports: readonly { readonly class: GroupAnomalyClass; readonly detail: string }[]
}

/** A client holds a partition: from the answer that gave it, until it has given it up. */
export type Tenure = {
  readonly client: string
  readonly memberId: string
  readonly instanceId: string | null
  readonly partition: string
  /** The generation in which it was given; undefined under the new protocol. */
  readonly generation: number | undefined
  /** When the coordinators decided so, and in which life of the group. */
  readonly grantedAt: number
  readonly life: string
  readonly fromMs: number
  untilMs: number
  /** Until then the coordinators must leave it to this client. */
  leaseMs: number
  /** Since when it knows what was committed. */
  fetchedAt: number | undefined
}

export type CommitTry = {
  /** It is in the metadata of what is committed. */
  readonly id: string
  readonly client: string
  /** Undefined: an administrator. */
  readonly tenure: Tenure | undefined
  /** What was said in the request. */
  readonly number: number
  readonly partition: string
  readonly offset: number
  readonly sentAt: number
  /** When its coordinator knew what was committed before; undefined as long as it has not looked. */
  lookedAt: number | undefined
  /** When it was answered or given up. */
  endedAt: number
  answer: ErrorName | 'silence'
}

export type OffsetFetch = {
  readonly client: string
  readonly partition: string
  readonly sentAt: number
  readonly answeredAt: number
  readonly offset: number | undefined
}

/** What is committed in a partition has changed; undefined where nothing is any more. */
export type StoredOffset = {
  readonly at: number
  readonly atMs: number
  readonly partition: string
  readonly offset: number | undefined
  /** By which try; undefined where it was deleted. */
  readonly commit: string | undefined
  /** Somebody can see it: the group has not been deleted. */
  readonly isCurrent: boolean
}

export type StoredGroup = {
  readonly at: number
  readonly group: Group | undefined
}

/** The ways in which a group can be wrong. */
export type GroupAnomalyClass =
  /** Two members of one generation were given the same partition. */
  | 'two-owners-in-a-generation'
  /** A partition went to another while its owner was right to believe that it has it. */
  | 'two-owners'
  /** Stored after somebody had fetched the offset who was given the partition later. */
  | 'fenced-commit-stored'
  /** An administrator has committed after an owner had fetched the offset. */
  | 'commit-under-an-owner'
  /** Accepted, but its member had not been in the group under this generation or epoch since it was sent. */
  | 'fenced-commit-accepted'
  /** Smaller than what was committed before, and no late request of the same member. */
  | 'backwards'
  /** Acknowledged, and neither it nor anything higher was ever stored. */
  | 'lost-commit'
  /** Fetched was something that was not committed while it was asked for. */
  | 'wrong-fetch'
  /** A generation, an epoch, a fence or a count went back. */
  | 'number-back'
  | 'document-too-large'
  /** A stored group contradicts itself. */
  | 'broken-group'
  | 'hung'
  /** After the faults a member has no assignment, or a partition no owner. */
  | 'unassigned'
  | 'unexpected-error'
  | 'unexpected-answer'

export class GroupRecorder implements GroupHistory {
  readonly tenures: Tenure[] = []
  readonly commits: CommitTry[] = []
  readonly fetches: OffsetFetch[] = []
  readonly stored: StoredOffset[] = []
  readonly groups: StoredGroup[] = []
  readonly replacedMs = new Map<string, number>()
  readonly reports: { readonly class: GroupAnomalyClass; readonly detail: string }[] = []
  #order = 0

  tick(): number {
    this.#order += 1
    return this.#order
  }
}
