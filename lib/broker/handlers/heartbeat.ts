import { errors } from '../../protocol/errors.ts'
import type { Heartbeat } from '../../protocol/messages/heartbeat.ts'
import type { Handler } from '../context.ts'

export const heartbeat: Handler<typeof Heartbeat> = async (request, call) => {
  const { groupId, memberId, groupInstanceId, generationId } = request
  const member = { memberId, instanceId: groupInstanceId, generation: generationId }
  return { errorCode: errors[await call.groups.heartbeat(groupId, member)] }
}
