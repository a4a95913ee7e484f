import type { ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { SyncGroup } from '../../protocol/messages/sync-group.ts'
import type { Handler } from '../context.ts'
import { groupFailure } from '../group-answers.ts'

export const syncGroup: Handler<typeof SyncGroup> = async (request, call) => {
  const { error, protocolType, protocol, assignment } = await call.groups.sync(request.groupId, {
    memberId: request.memberId,
    instanceId: request.groupInstanceId,
    generation: request.generationId,
    protocolType: request.protocolType,
    protocol: request.protocolName,
    assignments: request.assignments,
  })
  return { errorCode: errors[error], protocolType, protocolName: protocol, assignment }
}

export const syncFailed = (errorCode: number): ResponseInput<typeof SyncGroup> => ({
  errorCode: groupFailure(errorCode),
  assignment: Buffer.alloc(0),
})
