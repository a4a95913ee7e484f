import { errors } from '../../protocol/errors.ts'
import type { LeaveGroup } from '../../protocol/messages/leave-group.ts'
import type { Handler } from '../context.ts'

const firstVersionWithMembers = 3

/** Where one member leaves, its error stands for the whole; where several do, each has its own. */
export const leaveGroup: Handler<typeof LeaveGroup> = async ({ groupId, memberId, members }, call) => {
  const several = call.version >= firstVersionWithMembers
  const leavers = several
    ? members.map((member) => ({ memberId: member.memberId, instanceId: member.groupInstanceId }))
    : [{ memberId, instanceId: null }]
  const answers = await call.groups.leave(groupId, leavers)
  const errorOf = (i: number): number => errors[answers[i] ?? 'UNKNOWN_SERVER_ERROR']
  return {
    errorCode: several ? errors.NONE : errorOf(0),
    members: leavers.map((leaver, i) => ({
      memberId: leaver.memberId,
      groupInstanceId: leaver.instanceId,
      errorCode: errorOf(i),
    })),
  }
}
