import { api, int8, int16, int32, int64, list, records, string, struct, uuid } from '../declare.ts'
import { zeroUuid } from '../reader.ts'

/**
 * Reads record batches of partitions, from an offset on.
 *
 * Left out: v0 to v3, which Kafka 4 no longer reads either.
 * Request: v5 the log start offset of a replica that fetches · v7 sessions that send only what changed (KIP-227) · v9
 * the leader epoch the client believes in · v11 the client's rack · v12 flexible, epoch of the last fetched record ·
 * v13 topic ids instead of names · v15 the replica id moves into a tagged field · v17 the directory of a replica · v18
 * the high watermark a replica knows.
 * Response: v5 log start offset · v7 session id and an error for the whole · v11 a preferred read replica · v12
 * diverging epoch, current leader, snapshot · v13 topic ids instead of names · v16 the addresses of current leaders
 * (KIP-951).
 */
export const Fetch = api(
  1,
  'Fetch',
  { versions: '4-18', flexible: '12+' },
  {
    request: {
      clusterId: string('12+', { nullable: '0+', tag: 0, default: null }),
      replicaId: int32('0-14', { default: -1 }),
      replicaState: struct({ replicaId: int32({ default: -1 }), replicaEpoch: int64({ default: -1n }) }, '15+', {
        tag: 1,
      }),
      maxWaitMs: int32(),
      minBytes: int32(),
      maxBytes: int32({ default: 0x7fffffff }),
      isolationLevel: int8({ default: 0 }),
      sessionId: int32('7+', { default: 0 }),
      sessionEpoch: int32('7+', { default: -1 }),
      topics: list({
        topic: string('0-12', { default: '' }),
        topicId: uuid('13+', { default: zeroUuid }),
        partitions: list({
          partition: int32(),
          currentLeaderEpoch: int32('9+', { default: -1 }),
          fetchOffset: int64(),
          lastFetchedEpoch: int32('12+', { default: -1 }),
          logStartOffset: int64('5+', { default: -1n }),
          partitionMaxBytes: int32(),
          replicaDirectoryId: uuid('17+', { tag: 0 }),
          highWatermark: int64('18+', { tag: 1, default: 2n ** 63n - 1n }),
        }),
      }),
      forgottenTopicsData: list(
        {
          topic: string('0-12', { default: '' }),
          topicId: uuid('13+', { default: zeroUuid }),
          partitions: list(int32()),
        },
        '7+',
        { default: [] },
      ),
      rackId: string('11+', { default: '' }),
    },
    response: {
      throttleTimeMs: int32({ default: 0 }),
      errorCode: int16('7+', { default: 0 }),
      sessionId: int32('7+', { default: 0 }),
      responses: list({
        topic: string('0-12', { default: '' }),
        topicId: uuid('13+', { default: zeroUuid }),
        partitions: list({
          partitionIndex: int32(),
          errorCode: int16(),
          highWatermark: int64(),
          lastStableOffset: int64({ default: -1n }),
          logStartOffset: int64('5+', { default: -1n }),
          divergingEpoch: struct({ epoch: int32({ default: -1 }), endOffset: int64({ default: -1n }) }, '12+', {
            tag: 0,
          }),
          currentLeader: struct({ leaderId: int32({ default: -1 }), leaderEpoch: int32({ default: -1 }) }, '12+', {
            tag: 1,
          }),
          snapshotId: struct({ endOffset: int64({ default: -1n }), epoch: int32({ default: -1 }) }, '12+', { tag: 2 }),
          abortedTransactions: list({ producerId: int64(), firstOffset: int64() }, { nullable: '0+', default: [] }),
          preferredReadReplica: int32('11+', { default: -1 }),
          records: records({ nullable: '0+' }),
        }),
      }),
      nodeEndpoints: list(
        { nodeId: int32(), host: string(), port: int32(), rack: string({ nullable: '0+', default: null }) },
        '16+',
        { tag: 0 },
      ),
    },
  },
)
