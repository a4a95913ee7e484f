import type { DescribedTopic } from '../../group/describe.ts'
import type { ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { ConsumerGroupDescribe } from '../../protocol/messages/consumer-group-describe.ts'
import type { Call, Handler } from '../context.ts'
import { attempt } from '../failures.ts'
import { groupFailure } from '../group-answers.ts'

type Answer = ResponseInput<typeof ConsumerGroupDescribe>['groups'][number]

/** Whether a member speaks the classic protocol (0) or the new one (1). */
const newProtocol = 1

export const consumerGroupDescribe: Handler<typeof ConsumerGroupDescribe> = async ({ groupIds }, call) => ({
  groups: await Promise.all(
    groupIds.map((groupId) =>
      attempt(
        call,
        () => describe(groupId, call),
        (error) => failed(groupId, groupFailure(errors[error]), null),
      ),
    ),
  ),
})

const describe = async (groupId: string, call: Call): Promise<Answer> => {
  const group = await call.groups.describe(groupId)
  // Tools ask again by DescribeGroups after this error.
  const missing = (message: string): Answer => failed(groupId, errors.GROUP_ID_NOT_FOUND, message)
  if (group === undefined) return missing(`Group ${groupId} not found.`)
  if (group.type !== 'consumer') return missing(`Group ${groupId} is not a consumer group.`)
  return {
    errorCode: errors.NONE,
    groupId,
    groupState: group.state,
    groupEpoch: group.epoch,
    assignmentEpoch: group.epoch,
    assignorName: group.assignor,
    members: group.members.map(({ memberId, instanceId, rackId, epoch, clientId, clientHost, ...member }) => ({
      memberId,
      instanceId,
      rackId,
      memberEpoch: epoch,
      clientId,
      clientHost,
      subscribedTopicNames: member.subscribedNames,
      subscribedTopicRegex: member.subscribedRegex === '' ? null : member.subscribedRegex,
      assignment: assignmentOf(member.assigned),
      targetAssignment: assignmentOf(member.target),
      memberType: newProtocol,
    })),
  }
}

const assignmentOf = (topics: readonly DescribedTopic[]) => ({
  topicPartitions: topics.map(({ topicId, name, partitions }) => ({ topicId, topicName: name, partitions })),
})

const failed = (groupId: string, errorCode: number, errorMessage: string | null): Answer => ({
  errorCode,
  errorMessage,
  groupId,
  groupState: '',
  groupEpoch: 0,
  assignmentEpoch: 0,
  assignorName: '',
  members: [],
})
