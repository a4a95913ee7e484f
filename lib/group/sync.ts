import { expireClassic } from './expire.ts'
import {
  type ClassicGroup,
  type ErrorName,
  type Group,
  identify,
  type Member,
  type Moment,
  type Step,
  withMember,
} from './group.ts'
import { seen } from './life-signs.ts'

export type SyncRequest = {
  readonly memberId: string
  readonly instanceId: string | null
  readonly generation: number
  /** What the member believes to have agreed on; null where its version does not say. */
  readonly protocolType: string | null
  readonly protocol: string | null
  /** From the leader. */
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[]
}

export type SyncReply = {
  readonly error: ErrorName
  readonly protocolType: string | null
  readonly protocol: string | null
  readonly assignment: Buffer
}

/** The leader brings what everybody gets, the others wait for it. */
export const sync = (group: Group | undefined, request: SyncRequest, { nowMs }: Moment): Step<SyncReply | 'wait'> => {
  if (group?.type !== 'classic') return { group, reply: refusedSync('UNKNOWN_MEMBER_ID') }
  const present = expireClassic(group, nowMs)
  const found = identify(present.members, request)
  if ('error' in found) return { group: present, reply: refusedSync(found.error) }
  const error = refusal(present, request)
  if (error !== undefined) return { group: present, reply: refusedSync(error) }
  const { member } = found
  if (present.state === 'Stable') return told(present, member, nowMs)
  return present.leader === member.memberId
    ? told(assigned(present, request), member, nowMs)
    : { group: withMember(present, alive(member, nowMs)), reply: 'wait' }
}

const refusal = (group: ClassicGroup, request: SyncRequest): ErrorName | undefined => {
  const { generation, protocolType, protocol } = request
  if (generation !== group.generation) return 'ILLEGAL_GENERATION'
  if (group.state === 'PreparingRebalance') return 'REBALANCE_IN_PROGRESS'
  const agreed =
    (protocolType === null || protocolType === group.protocolType) && (protocol === null || protocol === group.protocol)
  return agreed ? undefined : 'INCONSISTENT_GROUP_PROTOCOL'
}

/** Whom the leader has forgotten gets nothing. */
const assigned = (group: ClassicGroup, { assignments }: SyncRequest): ClassicGroup => {
  const byMember = new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment]))
  return {
    ...group,
    state: 'Stable',
    members: group.members.map((member) => ({ ...member, assignment: byMember.get(member.memberId) ?? noBytes })),
  }
}

const told = (group: ClassicGroup, { memberId }: Member, nowMs: number): Step<SyncReply> => {
  const member = group.members.find((one) => one.memberId === memberId)
  if (member === undefined) return { group, reply: refusedSync('UNKNOWN_MEMBER_ID') }
  const { protocolType, protocol } = group
  return {
    group: withMember(group, alive(member, nowMs)),
    reply: { error: 'NONE', protocolType, protocol, assignment: member.assignment },
  }
}

/** It has come for its assignment. */
const alive = (member: Member, nowMs: number): Member => {
  const living = seen(member, member.sessionTimeoutMs, nowMs)
  return living.synced ? living : { ...living, synced: true }
}

const noBytes = Buffer.alloc(0)

export const refusedSync = (error: ErrorName): SyncReply => ({
  error,
  protocolType: null,
  protocol: null,
  assignment: noBytes,
})
