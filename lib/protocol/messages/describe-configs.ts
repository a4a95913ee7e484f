import { api, bool, int8, int16, int32, list, string } from '../declare.ts'

/**
 * The configs of topics (resource type 2) and brokers (4), with where each value comes from.
 *
 * Left out: v0, which Kafka 4 no longer reads either.
 * Request: v3 asks for documentation · v4 flexible.
 * Response: v3 type and documentation of a config.
 */
export const DescribeConfigs = api(
  32,
  'DescribeConfigs',
  { versions: '1-4', flexible: '4+' },
  {
    request: {
      resources: list({
        resourceType: int8(),
        resourceName: string(),
        configurationKeys: list(string(), { nullable: '0+' }),
      }),
      includeSynonyms: bool({ default: false }),
      includeDocumentation: bool('3+', { default: false }),
    },
    response: {
      throttleTimeMs: int32({ default: 0 }),
      results: list({
        errorCode: int16(),
        errorMessage: string({ nullable: '0+' }),
        resourceType: int8(),
        resourceName: string(),
        configs: list({
          name: string(),
          value: string({ nullable: '0+' }),
          readOnly: bool(),
          configSource: int8({ default: -1 }),
          isSensitive: bool(),
          synonyms: list({ name: string(), value: string({ nullable: '0+' }), source: int8() }),
          configType: int8('3+', { default: 0 }),
          documentation: string('3+', { nullable: '0+', default: '' }),
        }),
      }),
    },
  },
)
