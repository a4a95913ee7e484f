import { api, bytes, int16, int64, string } from '../declare.ts'

/**
 * A step of the login: the mechanism's bytes both ways (KIP-152).
 *
 * Nothing is left out.
 * Request: v2 flexible. Response: v1 how long the session lasts (KIP-368) · v2 flexible.
 */
export const SaslAuthenticate = api(
  36,
  'SaslAuthenticate',
  { versions: '0-2', flexible: '2+' },
  {
    request: { authBytes: bytes() },
    response: {
      errorCode: int16(),
      errorMessage: string({ nullable: '0+' }),
      authBytes: bytes(),
      sessionLifetimeMs: int64('1+', { default: 0n }),
    },
  },
)
