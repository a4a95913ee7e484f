import { api, int8, int16, int32, int64, list, string } from '../declare.ts'

/**
 * The offset of a partition for a timestamp. Negative timestamps are questions of their own: −1 latest, −2 earliest, −3
 * that of the largest timestamp (v7), −4 earliest on local disk (v8), −5 latest in tiered storage (v9), −6 earliest not
 * yet there (v11).
 *
 * Left out: v0, which gave lists of offsets and which Kafka 4 no longer reads either.
 * Request: v2 isolation level · v4 the leader epoch the client believes in · v6 flexible · v10 a timeout for tiered
 * storage.
 * Response: v2 throttle time · v4 leader epoch · v5 may say OFFSET_NOT_AVAILABLE.
 */
export const ListOffsets = api(
  2,
  'ListOffsets',
  { versions: '1-11', flexible: '6+' },
  {
    request: {
      replicaId: int32(),
      isolationLevel: int8('2+', { default: 0 }),
      topics: list({
        name: string(),
        partitions: list({
          partitionIndex: int32(),
          currentLeaderEpoch: int32('4+', { default: -1 }),
          timestamp: int64(),
        }),
      }),
      timeoutMs: int32('10+', { default: 0 }),
    },
    response: {
      throttleTimeMs: int32('2+', { default: 0 }),
      topics: list({
        name: string(),
        partitions: list({
          partitionIndex: int32(),
          errorCode: int16(),
          timestamp: int64({ default: -1n }),
          offset: int64({ default: -1n }),
          leaderEpoch: int32('4+', { default: -1 }),
        }),
      }),
    },
  },
)
