import { api, bool, int16, int32, list, string, uuid } from '../declare.ts'

/**
 * Which brokers there are, which topics, and who leads their partitions.
 *
 * Nothing is left out.
 * Request: v0 knows no null, an empty list means all topics; from v1 on null means all and an empty list none · v4 lets
 * the client forbid auto-creation · v8 asks for authorized operations, those of the cluster only until v10 · v9
 * flexible · v10 topic ids, which count from v12 on; then a name may be null.
 * Response: v1 rack, controller, internal · v2 cluster id · v3 throttle time · v5 offline replicas · v7 leader epoch ·
 * v8 authorized operations, those of the cluster only until v10 · v10 topic ids · v12 the name is null where an unknown
 * id was asked for · v13 an error for the whole.
 */
export const Metadata = api(
  3,
  'Metadata',
  { versions: '0-13', flexible: '9+' },
  {
    request: {
      topics: list({ topicId: uuid('10+'), name: string({ nullable: '10+' }) }, { nullable: '1+' }),
      allowAutoTopicCreation: bool('4+', { default: true }),
      includeClusterAuthorizedOperations: bool('8-10', { default: false }),
      includeTopicAuthorizedOperations: bool('8+', { default: false }),
    },
    response: {
      throttleTimeMs: int32('3+', { default: 0 }),
      brokers: list({
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string('1+', { nullable: '0+', default: null }),
      }),
      clusterId: string('2+', { nullable: '0+', default: null }),
      controllerId: int32('1+', { default: -1 }),
      topics: list({
        errorCode: int16(),
        name: string({ nullable: '12+' }),
        topicId: uuid('10+'),
        isInternal: bool('1+', { default: false }),
        partitions: list({
          errorCode: int16(),
          partitionIndex: int32(),
          leaderId: int32(),
          leaderEpoch: int32('7+', { default: -1 }),
          replicaNodes: list(int32()),
          isrNodes: list(int32()),
          offlineReplicas: list(int32(), '5+', { default: [] }),
        }),
        topicAuthorizedOperations: int32('8+', { default: -2147483648 }),
      }),
      clusterAuthorizedOperations: int32('8-10', { default: -2147483648 }),
      errorCode: int16('13+', { default: 0 }),
    },
  },
)
