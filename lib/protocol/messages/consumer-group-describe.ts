import { api, bool, int8, int16, int32, list, string, struct, uuid } from '../declare.ts'

const assignment = struct({
  topicPartitions: list({ topicId: uuid(), topicName: string(), partitions: list(int32()) }),
})

/**
 * State and members of new consumer groups, with what each has and what each shall have (KIP-848).
 *
 * Nothing is left out. All versions are flexible.
 * Request: the same in both versions.
 * Response: v1 whether a member still speaks the classic protocol (KIP-1099).
 */
export const ConsumerGroupDescribe = api(
  69,
  'ConsumerGroupDescribe',
  { versions: '0-1', flexible: '0+' },
  {
    request: { groupIds: list(string()), includeAuthorizedOperations: bool() },
    response: {
      throttleTimeMs: int32({ default: 0 }),
      groups: list({
        errorCode: int16(),
        errorMessage: string({ nullable: '0+', default: null }),
        groupId: string(),
        groupState: string(),
        groupEpoch: int32(),
        assignmentEpoch: int32(),
        assignorName: string(),
        members: list({
          memberId: string(),
          instanceId: string({ nullable: '0+', default: null }),
          rackId: string({ nullable: '0+', default: null }),
          memberEpoch: int32(),
          clientId: string(),
          clientHost: string(),
          subscribedTopicNames: list(string()),
          subscribedTopicRegex: string({ nullable: '0+', default: null }),
          assignment,
          targetAssignment: assignment,
          memberType: int8('1+', { default: -1 }),
        }),
        authorizedOperations: int32({ default: -2147483648 }),
      }),
    },
  },
)
