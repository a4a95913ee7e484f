import { api, int16, int32, list, string } from '../declare.ts'

/**
 * Deletes groups that have no members, with their offsets.
 *
 * Nothing is left out.
 * Request and response: v2 flexible.
 */
export const DeleteGroups = api(
  42,
  'DeleteGroups',
  { versions: '0-2', flexible: '2+' },
  {
    request: { groupsNames: list(string()) },
    response: { throttleTimeMs: int32({ default: 0 }), results: list({ groupId: string(), errorCode: int16() }) },
  },
)
