import { api, int16, int32, int64, list, string } from '../declare.ts'

/**
 * Deletes the records of a partition before an offset; −1 means all of them.
 *
 * Nothing is left out.
 * Request and response: v2 flexible.
 */
export const DeleteRecords = api(
  21,
  'DeleteRecords',
  { versions: '0-2', flexible: '2+' },
  {
    request: {
      topics: list({ name: string(), partitions: list({ partitionIndex: int32(), offset: int64() }) }),
      timeoutMs: int32(),
    },
    response: {
      throttleTimeMs: int32({ default: 0 }),
      topics: list({
        name: string(),
        partitions: list({ partitionIndex: int32(), lowWatermark: int64(), errorCode: int16() }),
      }),
    },
  },
)
