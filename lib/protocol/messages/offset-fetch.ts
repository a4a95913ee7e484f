import { api, bool, int16, int32, int64, list, string, uuid } from '../declare.ts'
import { zeroUuid } from '../reader.ts'

/**
 * The offsets that groups have committed. A null list of topics means all.
 *
 * Left out: v0, which asked ZooKeeper.
 * Request: v2 topics may be null · v6 flexible · v7 asks to wait for open transactions · v8 several groups instead of
 * one · v9 member id and epoch (KIP-848) · v10 topic ids instead of names.
 * Response: v2 an error for the whole · v3 throttle time · v5 leader epoch · v8 several groups · v10 topic ids instead
 * of names.
 */
export const OffsetFetch = api(
  9,
  'OffsetFetch',
  { versions: '1-10', flexible: '6+' },
  {
    request: {
      groupId: string('0-7', { default: '' }),
      topics: list({ name: string(), partitionIndexes: list(int32()) }, '0-7', { nullable: '2+', default: [] }),
      groups: list(
        {
          groupId: string(),
          memberId: string('9+', { nullable: '0+', default: null }),
          memberEpoch: int32('9+', { default: -1 }),
          topics: list(
            {
              name: string('0-9', { default: '' }),
              topicId: uuid('10+', { default: zeroUuid }),
              partitionIndexes: list(int32()),
            },
            { nullable: '0+' },
          ),
        },
        '8+',
        { default: [] },
      ),
      requireStable: bool('7+', { default: false }),
    },
    response: {
      throttleTimeMs: int32('3+', { default: 0 }),
      topics: list(
        {
          name: string(),
          partitions: list({
            partitionIndex: int32(),
            committedOffset: int64(),
            committedLeaderEpoch: int32('5+', { default: -1 }),
            metadata: string({ nullable: '0+' }),
            errorCode: int16(),
          }),
        },
        '0-7',
        { default: [] },
      ),
      errorCode: int16('2-7', { default: 0 }),
      groups: list(
        {
          groupId: string(),
          topics: list({
            name: string('0-9', { default: '' }),
            topicId: uuid('10+', { default: zeroUuid }),
            partitions: list({
              partitionIndex: int32(),
              committedOffset: int64(),
              committedLeaderEpoch: int32({ default: -1 }),
              metadata: string({ nullable: '0+' }),
              errorCode: int16(),
            }),
          }),
          errorCode: int16({ default: 0 }),
        },
        '8+',
        { default: [] },
      ),
    },
  },
)
