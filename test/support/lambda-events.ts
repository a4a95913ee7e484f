import type { LambdaEvent, LambdaResult } from '../../lib/http/lambda-event.ts'

/** What stands before a function: API Gateway's two kinds, and the URL that a function has by itself. */
export type DoorKind = 'function URL' | 'HTTP API' | 'REST API'

export type PlainRequest = {
  readonly method: string
  /** With the query. */
  readonly url: string
  /** In lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  readonly sourceIp: string
  /** Whom the door has verified. */
  readonly userArn: string | undefined
}

/**
 * The event that a door of this kind makes of a request (API Gateway docs: "Lambda proxy integration", payloads 1.0, 2.0).
 * Only an HTTP API decodes the path.
 */
export const eventOf = (kind: DoorKind, request: PlainRequest): LambdaEvent =>
  kind === 'REST API' ? eventV1(request) : eventV2(kind, request)

const eventV2 = (kind: DoorKind, { method, url, headers, body, sourceIp, userArn }: PlainRequest): LambdaEvent => {
  const [rawPath = '', rawQueryString = ''] = url.split('?')
  const { cookie, ...others } = headers
  const isText = /^(text\/|application\/(json|javascript|xml|x-www-form-urlencoded))/.test(
    headers['content-type'] ?? '',
  )
  const event = {
    version: '2.0',
    routeKey: '$default',
    rawPath: kind === 'HTTP API' ? decodeURIComponent(rawPath) : rawPath,
    rawQueryString,
    ...(cookie !== undefined && { cookies: cookie.split('; ') }),
    headers: others,
    ...(body.length > 0 && { body: body.toString(isText ? 'utf8' : 'base64') }),
    isBase64Encoded: body.length > 0 && !isText,
    requestContext: {
      accountId: '123456789012',
      apiId: 'api',
      domainName: kind === 'HTTP API' ? (headers['host'] ?? '') : 'api.lambda-url.eu-central-1.on.aws',
      domainPrefix: 'api',
      http: { method, path: rawPath, protocol: 'HTTP/1.1', sourceIp, userAgent: headers['user-agent'] ?? '' },
      requestId: 'JKJaXmPLvHcESHA=',
      routeKey: '$default',
      stage: '$default',
      timeEpoch: 1_790_000_000_000,
      ...(userArn !== undefined && { authorizer: { iam: { accountId: '123456789012', userArn } } }),
    },
  }
  return event
}

const eventV1 = ({ method, url, headers, body, sourceIp, userArn }: PlainRequest): LambdaEvent => {
  const { searchParams } = new URL(url, 'http://door')
  const [pathname = ''] = url.split('?')
  const names = [...new Set(searchParams.keys())]
  const event = {
    resource: '/{proxy+}',
    path: pathname,
    httpMethod: method,
    headers,
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    queryStringParameters: names.length === 0 ? null : Object.fromEntries(searchParams),
    multiValueQueryStringParameters:
      names.length === 0 ? null : Object.fromEntries(names.map((name) => [name, searchParams.getAll(name)])),
    pathParameters: null,
    stageVariables: null,
    body: body.length === 0 ? null : body.toString('base64'),
    isBase64Encoded: body.length > 0,
    requestContext: {
      accountId: '123456789012',
      apiId: 'api',
      domainName: headers['host'] ?? '',
      httpMethod: method,
      path: `/local${pathname}`,
      stage: 'local',
      requestId: 'c6af9ac6-7b61-11e6-9a41-93e8deadbeef',
      identity: { sourceIp, userArn: userArn ?? null, userAgent: headers['user-agent'] ?? null },
    },
  }
  return event
}

/** The bytes that a door sends for a result. A REST API does so because all types are among its `binaryMediaTypes`. */
export const bodyOf = (result: LambdaResult): Buffer =>
  Buffer.from(result.body, result.isBase64Encoded ? 'base64' : 'utf8')

/** How a door of this kind speaks for itself, when the function did not answer. */
export const doorSays: Readonly<
  Record<DoorKind, Readonly<Record<'tooLarge' | 'broken' | 'late' | 'forbidden', Said>>>
> = {
  'function URL': {
    tooLarge: [413, 'Request must be smaller than 6291456 bytes for the InvokeFunction operation'],
    broken: [502, 'Internal Server Error'],
    late: [504, 'Gateway Timeout'],
    forbidden: [403, 'Forbidden'],
  },
  'HTTP API': {
    tooLarge: [413, 'Request Entity Too Large'],
    broken: [500, 'Internal Server Error'],
    late: [503, 'Service Unavailable'],
    forbidden: [403, 'Forbidden'],
  },
  'REST API': {
    tooLarge: [413, 'Request Too Long'],
    broken: [502, 'Internal server error'],
    late: [504, 'Endpoint request timed out'],
    forbidden: [403, 'Missing Authentication Token'],
  },
}

type Said = readonly [status: number, message: string]

/** Bytes of a body that the door itself takes, and how long it waits. */
export const doorLimits: Readonly<Record<DoorKind, { readonly bodyBytes: number; readonly waitMs: number }>> = {
  'function URL': { bodyBytes: 6 * 1024 * 1024, waitMs: 60_000 },
  'HTTP API': { bodyBytes: 10 * 1024 * 1024, waitMs: 30_000 },
  'REST API': { bodyBytes: 10 * 1024 * 1024, waitMs: 29_000 },
}
