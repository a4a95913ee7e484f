import { StoreSetupError, StoreUnavailable } from './items.ts'

/** Which cloud is talked to. What is left out the SDK looks for itself: environment, profile, role. */
export type AwsAccess = {
  readonly region?: string
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** Anything that is not AWS: an emulator, by its http URL. */
  readonly endpoint?: string
  /** What a call may take, instead of the store's own limit: for a slow stand-in. */
  readonly timeoutMs?: number
}

/**
 * The SDK as we want it: one try, because the journal has a loop of its own, and a limit to every wait.
 * `defaultTimeoutMs` is what a call may take to its first byte of answer, and what an answer may then pause.
 */
export const clientOptions = ({ region, credentials, endpoint, ...access }: AwsAccess, defaultTimeoutMs: number) => {
  const timeoutMs = access.timeoutMs ?? defaultTimeoutMs
  return {
    ...(region !== undefined && { region }),
    ...(credentials !== undefined && { credentials }),
    ...(endpoint !== undefined && { endpoint }),
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: access.timeoutMs ?? Math.min(timeoutMs, connectTimeoutMs),
      requestTimeout: timeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: timeoutMs,
      httpAgent: { keepAlive: true, maxSockets: maxConnections },
      httpsAgent: { keepAlive: true, maxSockets: maxConnections },
    },
  }
}

const connectTimeoutMs = 1000

/** Connections of one client; further calls wait for one, and that counts towards their time. */
const maxConnections = 256

/** What a failed call means. `setup` and `bug` are certain: the call did nothing. */
type Failure = 'unknown' | 'setup' | 'bug'

export const failureOf = (error: unknown): Failure => {
  const name = error instanceof Error ? error.name : ''
  if (Object.hasOwn(advice, name)) return 'setup'
  const status = statusOf(error)
  if (status === undefined || status >= 500 || status < 400) return 'unknown'
  return unsettledStatuses.has(status) || unsettledNames.has(name) ? 'unknown' : 'bug'
}

/** What a read or a delete throws for a call that failed. `what` is the call, `where` the table or bucket. */
export const readError = (error: unknown, what: string, where: string): Error => {
  const failure = failureOf(error)
  if (failure === 'unknown') return new StoreUnavailable(`${what}: no answer from ${where}`, { cause: error })
  return failure === 'setup' ? setupError(error, where) : new Error(`${what} in ${where} is refused`, { cause: error })
}

export const setupError = (error: unknown, where: string): StoreSetupError => {
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  return new StoreSetupError(`${where}: ${advice[name]} (${name}: ${message})`, { cause: error })
}

export const statusOf = (error: unknown): number | undefined => {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined
  const metadata = error.$metadata
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined
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
