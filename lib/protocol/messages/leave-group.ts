import { api, int16, int32, list, string } from '../declare.ts'

/**
 * Takes members out of a classic group.
 *
 * Nothing is left out.
 * Request: v3 several members, static ones too, instead of one · v4 flexible · v5 a reason (KIP-800).
 * Response: v1 throttle time · v3 an outcome for each member.
 */
export const LeaveGroup = api(
  13,
  'LeaveGroup',
  { versions: '0-5', flexible: '4+' },
  {
    request: {
      groupId: string(),
      memberId: string('0-2', { default: '' }),
      members: list(
        {
          memberId: string(),
          groupInstanceId: string({ nullable: '0+', default: null }),
          reason: string('5+', { nullable: '0+', default: null }),
        },
        '3+',
        { default: [] },
      ),
    },
    response: {
      throttleTimeMs: int32('1+', { default: 0 }),
      errorCode: int16(),
      members: list({ memberId: string(), groupInstanceId: string({ nullable: '0+' }), errorCode: int16() }, '3+', {
        default: [],
      }),
    },
  },
)
