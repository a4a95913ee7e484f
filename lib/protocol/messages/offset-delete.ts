import { api, int16, int32, list, string } from '../declare.ts'

/**
 * Deletes committed offsets of topics that the group is not subscribed to (KIP-496).
 *
 * Nothing is left out. There is one version, and it is not flexible.
 */
export const OffsetDelete = api(
  47,
  'OffsetDelete',
  { versions: '0' },
  {
    request: { groupId: string(), topics: list({ name: string(), partitions: list({ partitionIndex: int32() }) }) },
    response: {
      errorCode: int16(),
      throttleTimeMs: int32({ default: 0 }),
      topics: list({ name: string(), partitions: list({ partitionIndex: int32(), errorCode: int16() }) }),
    },
  },
)
