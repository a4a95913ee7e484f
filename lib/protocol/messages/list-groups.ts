import { api, int16, int32, list, string } from '../declare.ts'

/**
 * All groups, with their state and type.
 *
 * Nothing is left out.
 * Request: v3 flexible · v4 only groups in certain states · v5 only groups of certain types.
 * Response: v1 throttle time · v4 state · v5 type.
 */
export const ListGroups = api(
  16,
  'ListGroups',
  { versions: '0-5', flexible: '3+' },
  {
    request: {
      statesFilter: list(string(), '4+', { default: [] }),
      typesFilter: list(string(), '5+', { default: [] }),
    },
    response: {
      throttleTimeMs: int32('1+', { default: 0 }),
      errorCode: int16(),
      groups: list({
        groupId: string(),
        protocolType: string(),
        groupState: string('4+', { default: '' }),
        groupType: string('5+', { default: '' }),
      }),
    },
  },
)
