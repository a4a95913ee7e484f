import type { ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { DescribeGroups } from '../../protocol/messages/describe-groups.ts'
import type { Call, Handler } from '../context.ts'
import { attempt } from '../failures.ts'
import { groupFailure } from '../group-answers.ts'

type Answer = ResponseInput<typeof DescribeGroups>['groups'][number]

const firstVersionWithNotFound = 6

export const describeGroups: Handler<typeof DescribeGroups> = async ({ groups }, call) => ({
  groups: await Promise.all(
    groups.map((groupId) =>
      attempt(
        call,
        () => describe(groupId, call),
        (error) => ({ ...nothing(groupId), errorCode: groupFailure(errors[error]) }),
      ),
    ),
  ),
})

const describe = async (groupId: string, call: Call): Promise<Answer> => {
  const group = await call.groups.describe(groupId)
  if (group === undefined) return missing(groupId, `Group ${groupId} not found.`, call)
  if (group.type !== 'classic') return missing(groupId, `Group ${groupId} is not a classic group.`, call)
  return {
    errorCode: errors.NONE,
    groupId,
    groupState: group.state,
    protocolType: group.protocolType,
    protocolData: group.protocol,
    members: group.members.map(({ memberId, instanceId, clientId, clientHost, metadata, assignment }) => ({
      memberId,
      groupInstanceId: instanceId,
      clientId,
      clientHost,
      memberMetadata: metadata,
      memberAssignment: assignment,
    })),
  }
}

/** A group that does not exist is dead; newer clients want to be told that it is not there. */
const missing = (groupId: string, errorMessage: string, { version }: Call): Answer => {
  const dead = { ...nothing(groupId), groupState: 'Dead' }
  if (version < firstVersionWithNotFound) return dead
  return { ...dead, errorCode: errors.GROUP_ID_NOT_FOUND, errorMessage }
}

const nothing = (groupId: string): Answer => ({
  errorCode: errors.NONE,
  groupId,
  groupState: '',
  protocolType: '',
  protocolData: '',
  members: [],
})
