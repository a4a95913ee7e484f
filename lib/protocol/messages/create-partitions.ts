import { api, bool, int16, int32, list, string } from '../declare.ts'

/**
 * Raises a topic's number of partitions to `count`.
 *
 * Nothing is left out.
 * Request: v2 flexible.
 * Response: v3 may say THROTTLING_QUOTA_EXCEEDED.
 */
export const CreatePartitions = api(
  37,
  'CreatePartitions',
  { versions: '0-3', flexible: '2+' },
  {
    request: {
      topics: list({
        name: string(),
        count: int32(),
        assignments: list({ brokerIds: list(int32()) }, { nullable: '0+' }),
      }),
      timeoutMs: int32(),
      validateOnly: bool(),
    },
    response: {
      throttleTimeMs: int32({ default: 0 }),
      results: list({ name: string(), errorCode: int16(), errorMessage: string({ nullable: '0+', default: null }) }),
    },
  },
)
