import { api, bool, int8, int16, int32, list, string } from '../declare.ts'

/**
 * The cluster's id, its controller and its brokers (KIP-700).
 *
 * Nothing is left out. All versions are flexible.
 * Request: v1 asks for brokers (1) or controllers (2) · v2 asks for fenced brokers.
 * Response: v1 says which it gives · v2 whether a broker is fenced.
 */
export const DescribeCluster = api(
  60,
  'DescribeCluster',
  { versions: '0-2', flexible: '0+' },
  {
    request: {
      includeClusterAuthorizedOperations: bool(),
      endpointType: int8('1+', { default: 1 }),
      includeFencedBrokers: bool('2+', { default: false }),
    },
    response: {
      throttleTimeMs: int32({ default: 0 }),
      errorCode: int16(),
      errorMessage: string({ nullable: '0+', default: null }),
      endpointType: int8('1+', { default: 1 }),
      clusterId: string(),
      controllerId: int32({ default: -1 }),
      brokers: list({
        brokerId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullable: '0+', default: null }),
        isFenced: bool('2+', { default: false }),
      }),
      clusterAuthorizedOperations: int32({ default: -2147483648 }),
    },
  },
)
