import { api, int16, int32, list, string, struct, uuid } from '../declare.ts'

/**
 * The one request of a member of the new consumer groups: it joins, lives, confirms its assignment and leaves
 * (KIP-848). Null means unchanged since the last heartbeat.
 *
 * Nothing is left out. All versions are flexible.
 * Request: v1 a subscription by regular expression, and the client names itself (KIP-1082).
 * Response: the same in both versions.
 */
export const ConsumerGroupHeartbeat = api(
  68,
  'ConsumerGroupHeartbeat',
  { versions: '0-1', flexible: '0+' },
  {
    request: {
      groupId: string(),
      memberId: string(),
      memberEpoch: int32(),
      instanceId: string({ nullable: '0+', default: null }),
      rackId: string({ nullable: '0+', default: null }),
      rebalanceTimeoutMs: int32({ default: -1 }),
      subscribedTopicNames: list(string(), { nullable: '0+', default: null }),
      subscribedTopicRegex: string('1+', { nullable: '0+', default: null }),
      serverAssignor: string({ nullable: '0+', default: null }),
      topicPartitions: list({ topicId: uuid(), partitions: list(int32()) }, { nullable: '0+', default: null }),
    },
    response: {
      throttleTimeMs: int32({ default: 0 }),
      errorCode: int16(),
      errorMessage: string({ nullable: '0+', default: null }),
      memberId: string({ nullable: '0+', default: null }),
      memberEpoch: int32(),
      heartbeatIntervalMs: int32(),
      assignment: struct(
        { topicPartitions: list({ topicId: uuid(), partitions: list(int32()) }) },
        { nullable: '0+', default: null },
      ),
    },
  },
)
