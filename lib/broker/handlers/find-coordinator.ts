import { errors } from '../../protocol/errors.ts'
import type { FindCoordinator } from '../../protocol/messages/find-coordinator.ts'
import type { Call, Handler } from '../context.ts'

const groupKey = 0
const transactionKey = 1

/**
 * Coordinators have no memory of their own: whoever is asked coordinates every group. librdkafka compresses with lz4
 * only where this API is announced.
 */
export const findCoordinator: Handler<typeof FindCoordinator> = async ({ keyType, coordinatorKeys }, call) => {
  const one = coordinatorOf(keyType, call)
  return { ...one, coordinators: coordinatorKeys.map((asked) => ({ ...one, key: asked })) }
}

const coordinatorOf = (keyType: number, call: Call) => {
  const found = { nodeId: call.nodeId, ...call.connection.advertised, errorCode: errors.NONE, errorMessage: null }
  const refused = (errorCode: number, errorMessage: string) => ({
    nodeId: -1,
    host: '',
    port: -1,
    errorCode,
    errorMessage,
  })
  if (keyType === groupKey) return found
  if (keyType === transactionKey) return refused(errors.UNSUPPORTED_VERSION, 'Transactions are not implemented yet.')
  return refused(errors.INVALID_REQUEST, `There are no coordinators of type ${keyType}.`)
}
