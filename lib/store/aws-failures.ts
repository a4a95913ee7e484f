import { StoreSetupError, StoreUnavailable } from './items.ts'

/** What a service answered instead of doing it. `name` is the service's own name for the error. */
export class AwsError extends Error {
  override readonly name: string
  readonly status: number

  constructor({ name, status, message }: { readonly name: string; readonly status: number; readonly message: string }) {
    super(message)
    this.name = name
    this.status = status
  }
}

/** What a failed call means. `setup` and `bug` are certain: the call did nothing. */
type Failure = 'unknown' | 'setup' | 'bug'

export const failureOf = (error: unknown): Failure => {
  const name = error instanceof Error ? error.name : ''
  if (error instanceof StoreSetupError || Object.hasOwn(advice, name)) return 'setup'
  if (!(error instanceof AwsError) || error.status >= 500 || error.status < 400) return 'unknown'
  return unsettledStatuses.has(error.status) || unsettledNames.has(name) ? 'unknown' : 'bug'
}

/** What a read or a delete throws for a call that failed. `what` is the call, `where` the table or bucket. */
export const readError = (error: unknown, what: string, where: string): Error => {
  const failure = failureOf(error)
  if (failure === 'unknown') return new StoreUnavailable(`${what}: no answer from ${where}`, { cause: error })
  return failure === 'setup' ? setupError(error, where) : new Error(`${what} in ${where} is refused`, { cause: error })
}

export const setupError = (error: unknown, where: string): StoreSetupError => {
  if (error instanceof StoreSetupError) return error
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  return new StoreSetupError(`${where}: ${advice[name]} (${name}: ${message})`, { cause: error })
}

const checkCredentials =
  'the credentials are not accepted: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_PROFILE'
const renewCredentials = 'the credentials have expired: renew them'
const checkRegion = 'it is in another region: check AWS_REGION'
const checkPermission =
  'access is denied: allow this role to get, put, delete and query the table, and to get, put, delete and list the bucket'

/** Errors that only a person can settle, by the service's name for them, and what to do. */
const advice: Readonly<Record<string, string>> = {
  ResourceNotFoundException: 'there is no such table: deploy it, or check its name and AWS_REGION',
  NoSuchBucket: 'there is no such bucket: deploy it, or check its name',
  AccessDenied: checkPermission,
  AccessDeniedException: checkPermission,
  AllAccessDisabled: checkPermission,
  PermanentRedirect: checkRegion,
  AuthorizationHeaderMalformed: checkRegion,
  IllegalLocationConstraintException: checkRegion,
  CredentialsProviderError: 'no credentials are found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE',
  UnrecognizedClientException: checkCredentials,
  InvalidClientTokenId: checkCredentials,
  InvalidAccessKeyId: checkCredentials,
  InvalidSignatureException: checkCredentials,
  SignatureDoesNotMatch: checkCredentials,
  MissingAuthenticationTokenException: checkCredentials,
  IncompleteSignatureException: checkCredentials,
  ExpiredToken: renewCredentials,
  ExpiredTokenException: renewCredentials,
  RequestTimeTooSkewed: 'the clock of this machine is wrong: set it',
}

/** 4xx that say "not now". */
const unsettledStatuses: ReadonlySet<number> = new Set([408, 409, 425, 429])
const unsettledNames: ReadonlySet<string> = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'Throttling',
  'RequestLimitExceeded',
  'LimitExceededException',
  'TransactionConflictException',
  'ReplicatedWriteConflictException',
  'RequestTimeout',
  'SlowDown',
])
