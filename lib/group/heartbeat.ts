import { expireClassic } from './expire.ts'
import { type ErrorName, type Group, identify, type Moment, type Step, withMember } from './group.ts'
import { seen } from './life-signs.ts'

export type HeartbeatRequest = {
  readonly memberId: string
  readonly instanceId: string | null
  readonly generation: number
}

/** A sign of life; the answer tells whether to join again. */
export const heartbeat = (group: Group | undefined, request: HeartbeatRequest, { nowMs }: Moment): Step<ErrorName> => {
  if (group?.type !== 'classic') return { group, reply: 'UNKNOWN_MEMBER_ID' }
  const present = expireClassic(group, nowMs)
  const found = identify(present.members, request)
  if ('error' in found) return { group: present, reply: found.error }
  if (request.generation !== present.generation) return { group: present, reply: 'ILLEGAL_GENERATION' }
  const { member } = found
  return {
    group: withMember(present, seen(member, member.sessionTimeoutMs, nowMs)),
    reply: present.state === 'PreparingRebalance' ? 'REBALANCE_IN_PROGRESS' : 'NONE',
  }
}
