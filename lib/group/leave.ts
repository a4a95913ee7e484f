import { expireClassic } from './expire.ts'
import { type ClassicGroup, type ErrorName, type Group, identify, type Moment, type Step } from './group.ts'
import { tryClose, withoutMembers } from './rebalance.ts'

export type Leaver = {
  /** Empty where an administrator removes a static member by its instance id alone. */
  readonly memberId: string
  readonly instanceId: string | null
}

/** Takes members out, static ones too; one answer for each. */
export const leave = (
  group: Group | undefined,
  leavers: readonly Leaver[],
  { nowMs }: Moment,
): Step<readonly ErrorName[]> => {
  if (group?.type !== 'classic') return { group, reply: leavers.map(() => 'UNKNOWN_MEMBER_ID') }
  const present = expireClassic(group, nowMs)
  return leavers.reduce<{ group: ClassicGroup; reply: readonly ErrorName[] }>(
    (left, leaver) => {
      const { group: next, error } = leaveOne(left.group, leaver, nowMs)
      return { group: next, reply: [...left.reply, error] }
    },
    { group: present, reply: [] },
  )
}

const leaveOne = (
  group: ClassicGroup,
  leaver: Leaver,
  nowMs: number,
): { readonly group: ClassicGroup; readonly error: ErrorName } => {
  if (leaver.instanceId === null && group.pending.some(({ memberId }) => memberId === leaver.memberId)) {
    const pending = group.pending.filter(({ memberId }) => memberId !== leaver.memberId)
    return { group: tryClose({ ...group, pending }, nowMs), error: 'NONE' }
  }
  const byInstance = group.members.find(({ instanceId }) => instanceId !== null && instanceId === leaver.instanceId)
  const memberId = leaver.memberId === '' && byInstance !== undefined ? byInstance.memberId : leaver.memberId
  const found = identify(group.members, { memberId, instanceId: leaver.instanceId })
  if ('error' in found) return { group, error: found.error }
  return { group: withoutMembers(group, (member) => member === found.member, nowMs), error: 'NONE' }
}
