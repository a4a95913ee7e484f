import { api, bool, int16, int32, int64, list, string } from '../declare.ts'

/**
 * Which APIs and versions the broker speaks, and which features are on: every client's first question.
 *
 * The response's header has no tagged fields in any version. A request of an unknown version is answered in the layout
 * of v0 with UNSUPPORTED_VERSION and the list (KIP-511). Nothing is left out.
 * Request: v3 flexible, the client's software and its version.
 * Response: v1 throttle time · v3 flexible, features (KIP-584) · v4 allows features whose lowest version is 0.
 */
export const ApiVersions = api(
  18,
  'ApiVersions',
  { versions: '0-4', flexible: '3+' },
  {
    request: {
      clientSoftwareName: string('3+', { default: '' }),
      clientSoftwareVersion: string('3+', { default: '' }),
    },
    response: {
      errorCode: int16(),
      apiKeys: list({ apiKey: int16(), minVersion: int16(), maxVersion: int16() }),
      throttleTimeMs: int32('1+', { default: 0 }),
      supportedFeatures: list({ name: string(), minVersion: int16(), maxVersion: int16() }, '3+', { tag: 0 }),
      finalizedFeaturesEpoch: int64('3+', { tag: 1, default: -1n }),
      finalizedFeatures: list({ name: string(), maxVersionLevel: int16(), minVersionLevel: int16() }, '3+', { tag: 2 }),
      zkMigrationReady: bool('3+', { tag: 3, default: false }),
    },
  },
)
