import { api, int16, list, string } from '../declare.ts'

/**
 * Which mechanism a client logs in with, of those that the server has.
 *
 * Left out: version 0, after which tokens come without Kafka's headers; every client of today has version 1.
 */
export const SaslHandshake = api(
  17,
  'SaslHandshake',
  { versions: '1' },
  {
    request: { mechanism: string() },
    response: { errorCode: int16(), mechanisms: list(string()) },
  },
)
