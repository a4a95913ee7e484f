import type { Node } from '../../journal/nodes.ts'
import { errors } from '../../protocol/errors.ts'
import type { FindCoordinator } from '../../protocol/messages/find-coordinator.ts'
import { coordinatorOf, nodesOf } from '../cluster.ts'
import type { Handler } from '../context.ts'

const groupKey = 0
const transactionKey = 1

/** Versions below ask for one key, which stands alone. */
const firstVersionWithKeys = 4

/**
 * Coordinators have no memory of their own: whoever is asked could coordinate every group. Of several nodes the same one
 * is told to all members, so that they meet there sooner. librdkafka compresses with lz4 only where this API is announced.
 */
export const findCoordinator: Handler<typeof FindCoordinator> = async ({ key, keyType, coordinatorKeys }, call) => {
  const nodes = await nodesOf(call)
  const one = coordinatorFor(key, keyType, nodes)
  if (call.version < firstVersionWithKeys) return one
  return {
    ...one,
    coordinators: coordinatorKeys.map((asked) => ({ ...coordinatorFor(asked, keyType, nodes), key: asked })),
  }
}

const coordinatorFor = (key: string, keyType: number, nodes: readonly Node[]) => {
  const refused = (errorCode: number, errorMessage: string) => ({
    nodeId: -1,
    host: '',
    port: -1,
    errorCode,
    errorMessage,
  })
  if (keyType === transactionKey) return refused(errors.UNSUPPORTED_VERSION, 'Transactions are not implemented yet.')
  if (keyType !== groupKey) return refused(errors.INVALID_REQUEST, `There are no coordinators of type ${keyType}.`)
  const node = coordinatorOf(nodes, key)
  if (node === undefined) return refused(errors.COORDINATOR_NOT_AVAILABLE, 'No node is live.')
  const { id: nodeId, host, port } = node
  return { nodeId, host, port, errorCode: errors.NONE, errorMessage: null }
}
