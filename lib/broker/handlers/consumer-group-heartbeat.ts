import type { Partitions } from '../../group/group.ts'
import { partitionsOf } from '../../group/partitions.ts'
import type { RequestOf, ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { ConsumerGroupHeartbeat } from '../../protocol/messages/consumer-group-heartbeat.ts'
import type { Handler } from '../context.ts'
import { clientOf, groupFailure } from '../group-answers.ts'

const firstVersionWithOwnIds = 1

export const consumerGroupHeartbeat: Handler<typeof ConsumerGroupHeartbeat> = async (request, call) => {
  if (call.version >= firstVersionWithOwnIds && request.memberId === '') {
    return { ...heartbeatFailed(errors.INVALID_REQUEST), errorMessage: "MemberId can't be empty." }
  }
  const reply = await call.groups.consumerHeartbeat(request.groupId, {
    ...clientOf(call),
    memberId: request.memberId,
    memberEpoch: request.memberEpoch,
    instanceId: request.instanceId,
    rackId: request.rackId,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs,
    subscribedNames: request.subscribedTopicNames,
    subscribedRegex: request.subscribedTopicRegex,
    assignor: request.serverAssignor,
    owned: ownedBy(request.topicPartitions),
  })
  return {
    errorCode: errors[reply.error],
    errorMessage: reply.message,
    memberId: reply.error === 'NONE' ? reply.memberId : null,
    memberEpoch: reply.memberEpoch,
    heartbeatIntervalMs: reply.error === 'NONE' ? call.groups.heartbeatIntervalMs : 0,
    assignment: assignmentOf(reply.assignment),
  }
}

const ownedBy = (topics: RequestOf<typeof ConsumerGroupHeartbeat>['topicPartitions']): Partitions | null =>
  topics &&
  partitionsOf(topics.flatMap(({ topicId, partitions }) => partitions.map((index) => [topicId, index] as const)))

const assignmentOf = (partitions: Partitions | null) =>
  partitions && {
    topicPartitions: Object.entries(partitions).map(([topicId, indexes]) => ({ topicId, partitions: indexes })),
  }

/** The client of the new protocol waits and tries again after this error, and keeps what it has. */
export const heartbeatFailed = (errorCode: number): ResponseInput<typeof ConsumerGroupHeartbeat> => ({
  errorCode: groupFailure(errorCode, 'COORDINATOR_LOAD_IN_PROGRESS'),
  memberEpoch: 0,
  heartbeatIntervalMs: 0,
})
