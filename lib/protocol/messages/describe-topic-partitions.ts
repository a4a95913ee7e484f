import { api, bool, int16, int32, list, string, struct, uuid } from '../declare.ts'

/**
 * Metadata of partitions in pages, with the replicas eligible to lead (KIP-966).
 *
 * Nothing is left out. There is one version, and it is flexible. `eligibleLeaderReplicas` and `lastKnownElr` may be
 * null, but then Java's admin client throws: send empty lists.
 */
export const DescribeTopicPartitions = api(
  75,
  'DescribeTopicPartitions',
  { versions: '0', flexible: '0+' },
  {
    request: {
      topics: list({ name: string() }),
      responsePartitionLimit: int32({ default: 2000 }),
      cursor: struct({ topicName: string(), partitionIndex: int32() }, { nullable: '0+', default: null }),
    },
    response: {
      throttleTimeMs: int32({ default: 0 }),
      topics: list({
        errorCode: int16(),
        name: string({ nullable: '0+' }),
        topicId: uuid(),
        isInternal: bool({ default: false }),
        partitions: list({
          errorCode: int16(),
          partitionIndex: int32(),
          leaderId: int32(),
          leaderEpoch: int32({ default: -1 }),
          replicaNodes: list(int32()),
          isrNodes: list(int32()),
          eligibleLeaderReplicas: list(int32(), { nullable: '0+', default: null }),
          lastKnownElr: list(int32(), { nullable: '0+', default: null }),
          offlineReplicas: list(int32()),
        }),
        topicAuthorizedOperations: int32({ default: -2147483648 }),
      }),
      nextCursor: struct({ topicName: string(), partitionIndex: int32() }, { nullable: '0+', default: null }),
    },
  },
)
