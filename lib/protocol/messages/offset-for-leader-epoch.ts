import { api, int16, int32, int64, list, string } from '../declare.ts'

/**
 * Where a leader epoch ended, by which a consumer finds out whether its position was truncated (KIP-320).
 *
 * Left out: v0 and v1, which Kafka 4 no longer reads either.
 * Request: v3 replica id; −2 stands for a consumer · v4 flexible.
 * Response: nothing but v4 flexible.
 */
export const OffsetForLeaderEpoch = api(
  23,
  'OffsetForLeaderEpoch',
  { versions: '2-4', flexible: '4+' },
  {
    request: {
      replicaId: int32('3+', { default: -2 }),
      topics: list({
        topic: string(),
        partitions: list({ partition: int32(), currentLeaderEpoch: int32({ default: -1 }), leaderEpoch: int32() }),
      }),
    },
    response: {
      throttleTimeMs: int32({ default: 0 }),
      topics: list({
        topic: string(),
        partitions: list({
          errorCode: int16(),
          partition: int32(),
          leaderEpoch: int32({ default: -1 }),
          endOffset: int64({ default: -1n }),
        }),
      }),
    },
  },
)
