import type { ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { JoinGroup } from '../../protocol/messages/join-group.ts'
import type { Handler } from '../context.ts'
import { clientOf, groupFailure } from '../group-answers.ts'

const firstVersionWithMemberIdRequired = 4
const firstVersionWithNullProtocol = 7
const firstVersionWithSkipAssignment = 9

export const joinGroup: Handler<typeof JoinGroup> = async (request, call) => {
  const { memberId, sessionTimeoutMs, rebalanceTimeoutMs, protocolType, protocols } = request
  const joined = await call.groups.join(request.groupId, {
    ...clientOf(call),
    memberId,
    instanceId: request.groupInstanceId,
    sessionTimeoutMs,
    // Before version 1 there was one timeout.
    rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? sessionTimeoutMs : rebalanceTimeoutMs,
    protocolType,
    protocols,
    knowsMemberIdRequired: call.version >= firstVersionWithMemberIdRequired,
    knowsSkipAssignment: call.version >= firstVersionWithSkipAssignment,
  })
  return {
    errorCode: errors[joined.error],
    generationId: joined.generation,
    protocolType: joined.protocolType,
    protocolName: call.version >= firstVersionWithNullProtocol ? joined.protocol : (joined.protocol ?? ''),
    leader: joined.leader,
    skipAssignment: joined.skipAssignment,
    memberId: joined.memberId,
    members: joined.members.map(({ memberId: id, instanceId, metadata }) => ({
      memberId: id,
      groupInstanceId: instanceId,
      metadata,
    })),
  }
}

/** Java's client gives up after other errors. */
export const joinFailed = (errorCode: number): ResponseInput<typeof JoinGroup> => ({
  errorCode: groupFailure(errorCode, 'COORDINATOR_LOAD_IN_PROGRESS'),
  protocolName: '',
  leader: '',
  memberId: '',
  members: [],
})
