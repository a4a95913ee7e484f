import { api, int16, int32, int64, list, string, uuid } from '../declare.ts'
import { zeroUuid } from '../reader.ts'

/**
 * Stores the offsets up to which a group has consumed. An empty member with generation −1 is an administrator or a
 * consumer without a group.
 *
 * Left out: v0 and v1, which Kafka 4 no longer reads either.
 * Request: v2 to v4 a retention time · v6 leader epoch · v7 static members · v8 flexible · v9 the generation may be a
 * member epoch (KIP-848) · v10 topic ids instead of names.
 * Response: v3 throttle time · v9 may say STALE_MEMBER_EPOCH and GROUP_ID_NOT_FOUND · v10 topic ids instead of names.
 */
export const OffsetCommit = api(
  8,
  'OffsetCommit',
  { versions: '2-10', flexible: '8+' },
  {
    request: {
      groupId: string(),
      generationIdOrMemberEpoch: int32({ default: -1 }),
      memberId: string(),
      groupInstanceId: string('7+', { nullable: '0+', default: null }),
      retentionTimeMs: int64('0-4', { default: -1n }),
      topics: list({
        name: string('0-9', { default: '' }),
        topicId: uuid('10+', { default: zeroUuid }),
        partitions: list({
          partitionIndex: int32(),
          committedOffset: int64(),
          committedLeaderEpoch: int32('6+', { default: -1 }),
          committedMetadata: string({ nullable: '0+' }),
        }),
      }),
    },
    response: {
      throttleTimeMs: int32('3+', { default: 0 }),
      topics: list({
        name: string('0-9', { default: '' }),
        topicId: uuid('10+', { default: zeroUuid }),
        partitions: list({ partitionIndex: int32(), errorCode: int16() }),
      }),
    },
  },
)
