import type { Group } from './group.ts'

/**
 * A member's heartbeat is a read; only when the last sign of life that is stored is older than this part of its session
 * timeout is it written anew. So the stored sign may lag by as much, and is given as much more time.
 */
const lag = 1 / 4

type Sign = { readonly seenMs: number }
type Named = Sign & { readonly memberId: string }

/** The member, seen now if that is worth a write. */
export const seen = <Member extends Sign>(member: Member, sessionTimeoutMs: number, nowMs: number): Member =>
  nowMs - member.seenMs < sessionTimeoutMs * lag ? member : { ...member, seenMs: nowMs }

/** Nothing was heard of it for its session timeout at least. */
export const isGone = (member: Sign, sessionTimeoutMs: number, nowMs: number): boolean =>
  nowMs > member.seenMs + sessionTimeoutMs * (1 + lag)

/** Groups that an instance remembers signs of; one that is forgotten costs writes and nothing else. */
const maxGroups = 10_000

/**
 * The signs of life that came to this instance. A sign is true whoever writes it down, so whoever has to write a group's
 * document writes all of them: otherwise every member would have the whole of it written for itself.
 */
export class LifeSigns {
  /** By group and member; the group that was heard of last is the last. */
  readonly #groups = new Map<string, Map<string, number>>()

  /** A member has called, and is one. */
  heard(groupId: string, memberId: string, nowMs: number): void {
    this.#keep(groupId, (this.#groups.get(groupId) ?? new Map()).set(memberId, nowMs))
  }

  /** The group with its members seen when they were heard last. Others are none any more, and forgotten. */
  writtenInto(groupId: string, group: Group): Group {
    const signs = this.#groups.get(groupId)
    if (signs === undefined || group.type === 'lease') return group
    const heardMs = ({ memberId, seenMs }: Named): number => Math.max(seenMs, signs.get(memberId) ?? seenMs)
    this.#keep(groupId, new Map(group.members.map((member) => [member.memberId, heardMs(member)])))
    return group.type === 'classic'
      ? { ...group, members: group.members.map((member) => ({ ...member, seenMs: heardMs(member) })) }
      : { ...group, members: group.members.map((member) => ({ ...member, seenMs: heardMs(member) })) }
  }

  #keep(groupId: string, signs: Map<string, number>): void {
    this.#groups.delete(groupId)
    this.#groups.set(groupId, signs)
    const [oldest] = this.#groups.keys()
    if (this.#groups.size > maxGroups && oldest !== undefined) this.#groups.delete(oldest)
  }
}
