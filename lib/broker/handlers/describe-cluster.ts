import { errors } from '../../protocol/errors.ts'
import type { DescribeCluster } from '../../protocol/messages/describe-cluster.ts'
import type { Handler } from '../context.ts'

const brokers = 1

export const describeCluster: Handler<typeof DescribeCluster> = async ({ endpointType }, call) => {
  const isBrokers = endpointType === brokers
  return {
    errorCode: isBrokers ? errors.NONE : errors.MISMATCHED_ENDPOINT_TYPE,
    errorMessage: isBrokers ? null : 'This address is that of a broker, not of a controller.',
    endpointType,
    clusterId: await call.clusterId(),
    controllerId: call.nodeId,
    brokers: isBrokers ? [{ brokerId: call.nodeId, ...call.connection.advertised, rack: call.rack }] : [],
  }
}
