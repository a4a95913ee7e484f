import { api, bytes, int16, int32, list, string } from '../declare.ts'

/**
 * Brings the leader's assignment to the coordinator and every member its part.
 *
 * Nothing is left out.
 * Request: v3 static members · v4 flexible · v5 protocol type and name, to be checked (KIP-559).
 * Response: v1 throttle time · v5 protocol type and name.
 */
export const SyncGroup = api(
  14,
  'SyncGroup',
  { versions: '0-5', flexible: '4+' },
  {
    request: {
      groupId: string(),
      generationId: int32(),
      memberId: string(),
      groupInstanceId: string('3+', { nullable: '0+', default: null }),
      protocolType: string('5+', { nullable: '0+', default: null }),
      protocolName: string('5+', { nullable: '0+', default: null }),
      assignments: list({ memberId: string(), assignment: bytes() }),
    },
    response: {
      throttleTimeMs: int32('1+', { default: 0 }),
      errorCode: int16(),
      protocolType: string('5+', { nullable: '0+', default: null }),
      protocolName: string('5+', { nullable: '0+', default: null }),
      assignment: bytes(),
    },
  },
)
