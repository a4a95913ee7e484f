import { api, bool, bytes, int16, int32, list, string } from '../declare.ts'

/**
 * Joins a classic group. It is a barrier: the answer comes when all members have joined.
 *
 * Nothing is left out.
 * Request: v1 rebalance timeout; before, the session timeout serves · v4 a first join is answered with
 * MEMBER_ID_REQUIRED and the id to join with · v5 static members (KIP-345) · v6 flexible · v8 a reason.
 * Response: v2 throttle time · v7 protocol type, and the protocol's name may be null (KIP-559) · v9 tells the leader
 * that nothing needs assigning.
 */
export const JoinGroup = api(
  11,
  'JoinGroup',
  { versions: '0-9', flexible: '6+' },
  {
    request: {
      groupId: string(),
      sessionTimeoutMs: int32(),
      rebalanceTimeoutMs: int32('1+', { default: -1 }),
      memberId: string(),
      groupInstanceId: string('5+', { nullable: '0+', default: null }),
      protocolType: string(),
      protocols: list({ name: string(), metadata: bytes() }),
      reason: string('8+', { nullable: '0+', default: null }),
    },
    response: {
      throttleTimeMs: int32('2+', { default: 0 }),
      errorCode: int16(),
      generationId: int32({ default: -1 }),
      protocolType: string('7+', { nullable: '0+', default: null }),
      protocolName: string({ nullable: '7+' }),
      leader: string(),
      skipAssignment: bool('9+', { default: false }),
      memberId: string(),
      members: list({
        memberId: string(),
        groupInstanceId: string('5+', { nullable: '0+', default: null }),
        metadata: bytes(),
      }),
    },
  },
)
