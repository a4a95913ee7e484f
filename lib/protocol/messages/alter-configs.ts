import { api, bool, int8, int16, int32, list, string } from '../declare.ts'

/**
 * Replaces all configs of a resource: what is not given returns to its default. Older than IncrementalAlterConfigs.
 *
 * Nothing is left out.
 * Request and response: v2 flexible.
 */
export const AlterConfigs = api(
  33,
  'AlterConfigs',
  { versions: '0-2', flexible: '2+' },
  {
    request: {
      resources: list({
        resourceType: int8(),
        resourceName: string(),
        configs: list({ name: string(), value: string({ nullable: '0+' }) }),
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
