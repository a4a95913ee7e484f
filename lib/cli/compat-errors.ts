import { Refused } from '../client/cluster.ts'
import { Disconnected, NoCommonVersion } from '../client/connection.ts'
import { errors } from '../protocol/errors.ts'

/** What Java's clients throw, as tools print it: its class, and what it says. */
export type JavaException = { readonly className: string; readonly message: string }

const kafkaErrors = 'org.apache.kafka.common.errors'

/** Kafka's classes where they are not called as their errors, and what they say where the broker says nothing. */
const known: Readonly<Record<number, readonly [name: string, message: string]>> = {
  [errors.UNKNOWN_SERVER_ERROR]: [
    'UnknownServerException',
    'The server experienced an unexpected error when processing the request.',
  ],
  [errors.OFFSET_OUT_OF_RANGE]: [
    'OffsetOutOfRangeException',
    'The requested offset is not within the range of offsets maintained by the server.',
  ],
  [errors.UNKNOWN_TOPIC_OR_PARTITION]: [
    'UnknownTopicOrPartitionException',
    'This server does not host this topic-partition.',
  ],
  [errors.REQUEST_TIMED_OUT]: ['TimeoutException', 'The request timed out.'],
  [errors.INVALID_TOPIC_EXCEPTION]: [
    'InvalidTopicException',
    'The request attempted to perform an operation on an invalid topic.',
  ],
  [errors.TOPIC_ALREADY_EXISTS]: ['TopicExistsException', 'Topic with this name already exists.'],
  [errors.INVALID_CONFIG]: ['InvalidConfigurationException', 'Configuration is invalid.'],
  [errors.NON_EMPTY_GROUP]: ['GroupNotEmptyException', 'The group is not empty.'],
  [errors.GROUP_ID_NOT_FOUND]: ['GroupIdNotFoundException', 'The group id does not exist.'],
  [errors.INVALID_GROUP_ID]: ['InvalidGroupIdException', 'The configured groupId is invalid.'],
  [errors.GROUP_SUBSCRIBED_TO_TOPIC]: [
    'GroupSubscribedToTopicException',
    'Deleting offsets of a topic is forbidden while the consumer group is actively subscribed to it.',
  ],
  [errors.INVALID_SESSION_TIMEOUT]: [
    'InvalidSessionTimeoutException',
    'The session timeout is not within the range allowed by the broker ' +
      '(as configured by group.min.session.timeout.ms and group.max.session.timeout.ms).',
  ],
  [errors.MESSAGE_TOO_LARGE]: [
    'RecordTooLargeException',
    'The request included a message larger than the max message size the server will accept.',
  ],
}

const names = new Map<number, string>(Object.entries(errors).map(([name, code]) => [code, name]))

export const exceptionOf = (errorCode: number, brokerMessage: string | null): JavaException => {
  const [name, message] = known[errorCode] ?? [classFrom(names.get(errorCode) ?? 'UNKNOWN_SERVER_ERROR'), '']
  return { className: `${kafkaErrors}.${name}`, message: brokerMessage ?? message }
}

const classFrom = (name: string): string =>
  `${name
    .toLowerCase()
    .split('_')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('')}Exception`

/** What was thrown, as Java's clients would throw it; undefined for a bug. */
export const exceptionFrom = (error: unknown): JavaException | undefined => {
  if (error instanceof Refused) return exceptionOf(error.errorCode, error.brokerMessage)
  if (error instanceof Disconnected) return { className: `${kafkaErrors}.TimeoutException`, message: error.message }
  if (error instanceof NoCommonVersion) {
    return { className: `${kafkaErrors}.UnsupportedVersionException`, message: error.message }
  }
  return error instanceof ToolFailure
    ? { className: 'java.lang.IllegalArgumentException', message: error.message }
    : undefined
}

/** Something a tool itself finds wrong. */
export class ToolFailure extends Error {
  override readonly name = 'ToolFailure'
}

export const shownException = ({ className, message }: JavaException): string => `${className}: ${message}`
