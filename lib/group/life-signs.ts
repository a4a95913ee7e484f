/**
 * A member's heartbeat is a read; only when the last sign of life that is stored is older than this part of its session
 * timeout is it written anew. So the stored sign may lag by as much, and is given as much more time.
 */
const lag = 1 / 4

type Sign = { readonly seenMs: number }

/** The member, seen now if that is worth a write. */
export const seen = <Member extends Sign>(member: Member, sessionTimeoutMs: number, nowMs: number): Member =>
  nowMs - member.seenMs < sessionTimeoutMs * lag ? member : { ...member, seenMs: nowMs }

/** Nothing was heard of it for its session timeout at least. */
export const isGone = (member: Sign, sessionTimeoutMs: number, nowMs: number): boolean =>
  nowMs > member.seenMs + sessionTimeoutMs * (1 + lag)
