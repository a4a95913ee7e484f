import { functionBodyLimits, maxPayloadBytes } from './body-limits.ts'
import { type Answer, replyTooLarge } from './exchange.ts'

/** What a function URL and an HTTP API send (payload format 2.0); as much of it as is read. */
type EventV2 = {
  readonly rawPath: string
  readonly rawQueryString?: string
  readonly cookies?: readonly string[]
  readonly headers?: Headers
  readonly body?: string | null
  readonly isBase64Encoded?: boolean
  readonly requestContext: {
    readonly http: { readonly method: string; readonly sourceIp?: string }
    readonly domainName?: string
    readonly stage?: string
    readonly requestId?: string
    /** There only where the door asks for IAM's signature and has verified it. */
    readonly authorizer?: { readonly iam?: { readonly userArn?: string | null } | null } | null
  }
}

/** What a REST API sends (payload format 1.0). */
type EventV1 = {
  readonly path: string
  readonly httpMethod: string
  readonly headers?: Headers | null
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[] | undefined>> | null
  readonly multiValueQueryStringParameters?: Readonly<Record<string, readonly string[] | undefined>> | null
  readonly body?: string | null
  readonly isBase64Encoded?: boolean
  readonly requestContext: {
    readonly domainName?: string
    readonly requestId?: string
    /** `userArn` is there only where the method asks for IAM's signature, which the door has verified. */
    readonly identity?: { readonly sourceIp?: string; readonly userArn?: string | null } | null
  }
}

export type LambdaEvent = EventV1 | EventV2

type Headers = Readonly<Record<string, string | undefined>>

export type LambdaResult = {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly isBase64Encoded: boolean
}

/** A request, whichever door it came through. Header names are in lower case. */
export type DoorRequest = {
  readonly method: string
  readonly path: string
  /** Without the question mark, encoded. */
  readonly query: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  readonly host: string
  readonly clientAddress: string
  /** Whom the door has verified. */
  readonly iamCaller: string | undefined
  readonly requestId: string | undefined
}

export const requestFrom = (event: LambdaEvent): DoorRequest => {
  const body = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8')
  return 'rawPath' in event ? requestFromV2(event, body) : requestFromV1(event, body)
}

const requestFromV2 = ({ requestContext, ...event }: EventV2, body: Buffer): DoorRequest => {
  const { http, authorizer, domainName, stage = defaultStage, requestId } = requestContext
  const cookie = event.cookies?.length ? { cookie: event.cookies.join('; ') } : {}
  const headers: Named = { ...lowerCase(event.headers), ...cookie }
  return {
    method: http.method,
    path: stage === defaultStage ? event.rawPath : withoutStage(event.rawPath, stage),
    query: event.rawQueryString ?? '',
    headers,
    body,
    host: headers['host'] ?? domainName ?? '',
    clientAddress: http.sourceIp ?? '',
    iamCaller: authorizer?.iam?.userArn ?? undefined,
    requestId,
  }
}

/** The stage that stands in no path. */
const defaultStage = '$default'

const withoutStage = (path: string, stage: string): string => {
  const isThere = path === `/${stage}` || path.startsWith(`/${stage}/`)
  return isThere ? path.slice(stage.length + 1) || '/' : path
}

const requestFromV1 = ({ requestContext, ...event }: EventV1, body: Buffer): DoorRequest => {
  const { identity, domainName, requestId } = requestContext
  const many = Object.entries(event.multiValueHeaders ?? {}).map(
    ([name, values]) => [name, values?.join(', ')] as const,
  )
  const headers: Named = { ...lowerCase(event.headers ?? {}), ...lowerCase(Object.fromEntries(many)) }
  const pairs = Object.entries(event.multiValueQueryStringParameters ?? {}).flatMap(([name, values = []]) =>
    values.map((value) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`),
  )
  return {
    method: event.httpMethod,
    path: event.path,
    query: pairs.join('&'),
    headers,
    body,
    host: headers['host'] ?? domainName ?? '',
    clientAddress: identity?.sourceIp ?? '',
    iamCaller: identity?.userArn ?? undefined,
    requestId,
  }
}

type Named = Readonly<Record<string, string>>

const lowerCase = (headers: Headers = {}): Named =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name.toLowerCase(), value]])),
  )

/** What stands beside a body at most. */
const envelopeBytes = 16 * 1024

/** The form that all three doors take. An answer that would break the function is replaced by one that says so. */
export const resultOf = ({ status, headers, body }: Answer): LambdaResult => {
  const result = { statusCode: status, headers }
  if (body.length === 0 || (isTextType(headers['content-type']) && isShortAsJson(body))) {
    return { ...result, body: body.toString(), isBase64Encoded: false }
  }
  const encoded = body.toString('base64')
  if (encoded.length > maxEncodedBytes) return resultOf(replyTooLarge(body.length, functionBodyLimits.maxReplyBytes))
  return { ...result, body: encoded, isBase64Encoded: true }
}

const maxEncodedBytes = maxPayloadBytes - envelopeBytes

/** As JSON a text may take more than its own bytes: a quote takes two, a control character six. */
const isShortAsJson = (text: Buffer): boolean =>
  text.length <= maxEncodedBytes / 6 || Buffer.byteLength(JSON.stringify(text.toString())) <= maxEncodedBytes

const isTextType = (contentType = ''): boolean => /^(text\/|application\/([a-z.-]+\+)?json\b)/.test(contentType)
