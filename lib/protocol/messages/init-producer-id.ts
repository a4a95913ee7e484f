import { api, bool, int16, int32, int64, string } from '../declare.ts'

/**
 * Gives a producer its id and epoch, or a transactional id the next epoch.
 *
 * v6 (KIP-939, two-phase commit) is declared, but Kafka 4.2 itself still calls it unstable.
 * Request: v2 flexible · v3 the id and epoch the producer has, to go on after an error · v6 two-phase commit.
 * Response: v4 may say PRODUCER_FENCED · v5 may say TRANSACTION_ABORTABLE · v6 the transaction that is still open.
 */
export const InitProducerId = api(
  22,
  'InitProducerId',
  { versions: '0-6', flexible: '2+' },
  {
    request: {
      transactionalId: string({ nullable: '0+' }),
      transactionTimeoutMs: int32(),
      producerId: int64('3+', { default: -1n }),
      producerEpoch: int16('3+', { default: -1 }),
      enable2Pc: bool('6+', { default: false }),
      keepPreparedTxn: bool('6+', { default: false }),
    },
    response: {
      throttleTimeMs: int32({ default: 0 }),
      errorCode: int16(),
      producerId: int64({ default: -1n }),
      producerEpoch: int16(),
      ongoingTxnProducerId: int64('6+', { default: -1n }),
      ongoingTxnProducerEpoch: int16('6+', { default: -1 }),
    },
  },
)
