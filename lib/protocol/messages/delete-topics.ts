import { api, int16, int32, list, string, uuid } from '../declare.ts'
import { zeroUuid } from '../reader.ts'

/**
 * Deletes topics with all their records.
 *
 * Left out: v0, which Kafka 4 no longer reads either.
 * Request: v4 flexible · v6 names or ids, instead of names.
 * Response: v5 a message with the error · v6 topic id; the name is null where an unknown id was given.
 */
export const DeleteTopics = api(
  20,
  'DeleteTopics',
  { versions: '1-6', flexible: '4+' },
  {
    request: {
      topics: list({ name: string({ nullable: '0+', default: null }), topicId: uuid() }, '6+', { default: [] }),
      topicNames: list(string(), '0-5', { default: [] }),
      timeoutMs: int32(),
    },
    response: {
      throttleTimeMs: int32({ default: 0 }),
      responses: list({
        name: string({ nullable: '6+' }),
        topicId: uuid('6+', { default: zeroUuid }),
        errorCode: int16(),
        errorMessage: string('5+', { nullable: '0+', default: null }),
      }),
    },
  },
)
