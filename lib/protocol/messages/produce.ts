import { api, int16, int32, int64, list, records, string, struct, uuid } from '../declare.ts'
import { zeroUuid } from '../reader.ts'

/**
 * Appends record batches to partitions. With acks 0 there is no response.
 *
 * Left out: v0 to v2, which Kafka 4 no longer reads either. They are listed all the same (`apis.ts` tells why).
 * Request: v3 transactional id and record batch v2 · v7 zstd is allowed · v9 flexible · v12 adds its partitions to the
 * transaction (KIP-890) · v13 topic ids instead of names (KIP-516).
 * Response: v4 may say KAFKA_STORAGE_ERROR · v5 log start offset · v8 which records were at fault (KIP-467) · v10 the
 * current leader and its address (KIP-951) · v11 may say TRANSACTION_ABORTABLE · v13 topic ids instead of names.
 */
export const Produce = api(
  0,
  'Produce',
  { versions: '3-13', flexible: '9+' },
  {
    request: {
      transactionalId: string({ nullable: '0+', default: null }),
      acks: int16(),
      timeoutMs: int32(),
      topicData: list({
        name: string('0-12', { default: '' }),
        topicId: uuid('13+', { default: zeroUuid }),
        partitionData: list({ index: int32(), records: records({ nullable: '0+' }) }),
      }),
    },
    response: {
      responses: list({
        name: string('0-12', { default: '' }),
        topicId: uuid('13+', { default: zeroUuid }),
        partitionResponses: list({
          index: int32(),
          errorCode: int16(),
          baseOffset: int64(),
          logAppendTimeMs: int64({ default: -1n }),
          logStartOffset: int64('5+', { default: -1n }),
          recordErrors: list(
            { batchIndex: int32(), batchIndexErrorMessage: string({ nullable: '0+', default: null }) },
            '8+',
            { default: [] },
          ),
          errorMessage: string('8+', { nullable: '0+', default: null }),
          currentLeader: struct({ leaderId: int32({ default: -1 }), leaderEpoch: int32({ default: -1 }) }, '10+', {
            tag: 0,
          }),
        }),
      }),
      throttleTimeMs: int32({ default: 0 }),
      nodeEndpoints: list(
        { nodeId: int32(), host: string(), port: int32(), rack: string({ nullable: '0+', default: null }) },
        '10+',
        { tag: 0 },
      ),
    },
  },
)
