import { errors } from '../../protocol/errors.ts'
import type { DescribeCluster } from '../../protocol/messages/describe-cluster.ts'
import { addressOf, controllerOf, nodesOf } from '../cluster.ts'
import type { Handler } from '../context.ts'

const brokers = 1

export const describeCluster: Handler<typeof DescribeCluster> = async ({ endpointType }, call) => {
  const isBrokers = endpointType === brokers
  const nodes = await nodesOf(call)
  return {
    errorCode: isBrokers ? errors.NONE : errors.MISMATCHED_ENDPOINT_TYPE,
    errorMessage: isBrokers ? null : 'This address is that of a broker, not of a controller.',
    endpointType,
    clusterId: await call.clusterId(),
    controllerId: controllerOf(nodes, call),
    brokers: isBrokers ? nodes.map((node) => ({ brokerId: node.id, ...addressOf(node) })) : [],
  }
}
