import { api, bool, int8, int16, int32, list, string, uuid } from '../declare.ts'

/**
 * Creates topics.
 *
 * Left out: v0 and v1, which Kafka 4 no longer reads either.
 * Request: v4 allows −1 for the broker's defaults of partitions and replication factor (KIP-464) · v5 flexible.
 * Response: v5 the partitions, factor and configs that the topic got (KIP-525) · v6 may say THROTTLING_QUOTA_EXCEEDED ·
 * v7 topic id.
 */
export const CreateTopics = api(
  19,
  'CreateTopics',
  { versions: '2-7', flexible: '5+' },
  {
    request: {
      topics: list({
        name: string(),
        numPartitions: int32(),
        replicationFactor: int16(),
        assignments: list({ partitionIndex: int32(), brokerIds: list(int32()) }),
        configs: list({ name: string(), value: string({ nullable: '0+' }) }),
      }),
      timeoutMs: int32({ default: 60000 }),
      validateOnly: bool({ default: false }),
    },
    response: {
      throttleTimeMs: int32({ default: 0 }),
      topics: list({
        name: string(),
        topicId: uuid('7+'),
        errorCode: int16(),
        errorMessage: string({ nullable: '0+' }),
        topicConfigErrorCode: int16('5+', { tag: 0 }),
        numPartitions: int32('5+', { default: -1 }),
        replicationFactor: int16('5+', { default: -1 }),
        configs: list(
          {
            name: string(),
            value: string({ nullable: '0+' }),
            readOnly: bool(),
            configSource: int8({ default: -1 }),
            isSensitive: bool(),
          },
          '5+',
          { nullable: '0+', default: [] },
        ),
      }),
    },
  },
)
