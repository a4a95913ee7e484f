import { api, int8, int16, int32, list, string } from '../declare.ts'

/**
 * Which broker coordinates a group (key type 0), a transactional id (1) or a share group's partition (2).
 *
 * Nothing is left out.
 * Request: v1 key type · v3 flexible · v4 several keys instead of one (KIP-699) · v6 share groups.
 * Response: v1 throttle time, error message · v4 several coordinators · v5 may say TRANSACTION_ABORTABLE.
 */
export const FindCoordinator = api(
  10,
  'FindCoordinator',
  { versions: '0-6', flexible: '3+' },
  {
    request: {
      key: string('0-3', { default: '' }),
      keyType: int8('1+', { default: 0 }),
      coordinatorKeys: list(string(), '4+', { default: [] }),
    },
    response: {
      throttleTimeMs: int32('1+', { default: 0 }),
      errorCode: int16('0-3', { default: 0 }),
      errorMessage: string('1-3', { nullable: '0+', default: '' }),
      nodeId: int32('0-3', { default: 0 }),
      host: string('0-3', { default: '' }),
      port: int32('0-3', { default: 0 }),
      coordinators: list(
        {
          key: string(),
          nodeId: int32(),
          host: string(),
          port: int32(),
          errorCode: int16(),
          errorMessage: string({ nullable: '0+' }),
        },
        '4+',
        { default: [] },
      ),
    },
  },
)
