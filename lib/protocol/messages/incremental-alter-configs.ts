import { api, bool, int8, int16, int32, list, string } from '../declare.ts'

/**
 * Changes single configs: operation 0 sets, 1 deletes, 2 appends to a list, 3 removes from it (KIP-339).
 *
 * Nothing is left out.
 * Request and response: v1 flexible.
 */
export const IncrementalAlterConfigs = api(
  44,
  'IncrementalAlterConfigs',
  { versions: '0-1', flexible: '1+' },
  {
    request: {
      resources: list({
        resourceType: int8(),
        resourceName: string(),
        configs: list({ name: string(), configOperation: int8(), value: string({ nullable: '0+' }) }),
      }),
      validateOnly: bool(),
    },
    response: {
      throttleTimeMs: int32({ default: 0 }),
      responses: list({
        errorCode: int16(),
        errorMessage: string({ nullable: '0+' }),
        resourceType: int8(),
        resourceName: string(),
      }),
    },
  },
)
