import { api, int16, int32, string } from '../declare.ts'

/**
 * Tells the coordinator of a classic group that a member lives, and the member whether to join again.
 *
 * Nothing is left out.
 * Request: v3 static members · v4 flexible.
 * Response: v1 throttle time.
 */
export const Heartbeat = api(
  12,
  'Heartbeat',
  { versions: '0-4', flexible: '4+' },
  {
    request: {
      groupId: string(),
      generationId: int32(),
      memberId: string(),
      groupInstanceId: string('3+', { nullable: '0+', default: null }),
    },
    response: { throttleTimeMs: int32('1+', { default: 0 }), errorCode: int16() },
  },
)
