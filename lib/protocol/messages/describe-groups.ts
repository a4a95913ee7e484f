import { api, bool, bytes, int16, int32, list, string } from '../declare.ts'

/**
 * State and members of classic groups.
 *
 * Nothing is left out.
 * Request: v3 asks for authorized operations · v5 flexible.
 * Response: v1 throttle time · v3 authorized operations · v4 static members · v6 GROUP_ID_NOT_FOUND with a message,
 * where versions before say the state is Dead.
 */
export const DescribeGroups = api(
  15,
  'DescribeGroups',
  { versions: '0-6', flexible: '5+' },
  {
    request: { groups: list(string()), includeAuthorizedOperations: bool('3+', { default: false }) },
    response: {
      throttleTimeMs: int32('1+', { default: 0 }),
      groups: list({
        errorCode: int16(),
        errorMessage: string('6+', { nullable: '0+', default: null }),
        groupId: string(),
        groupState: string(),
        protocolType: string(),
        protocolData: string(),
        members: list({
          memberId: string(),
          groupInstanceId: string('4+', { nullable: '0+', default: null }),
          clientId: string(),
          clientHost: string(),
          memberMetadata: bytes(),
          memberAssignment: bytes(),
        }),
        authorizedOperations: int32('3+', { default: -2147483648 }),
      }),
    },
  },
)
