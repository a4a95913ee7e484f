import { createHash } from 'node:crypto'
import {
  Agent,
  type ClientRequest,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  request as requestHttp,
} from 'node:http'
import { request as requestHttps, Agent as TlsAgent } from 'node:https'
import aws4 from 'aws4'
import { StoreSetupError } from './items.ts'
import { sizeOf } from './objects.ts'

/** What a request is signed with. */
export type AwsCredentials = {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** Which cloud is talked to, and as whom. */
export type AwsAccess = {
  /** Required, also by emulators: it is part of every signature. */
  readonly region?: string
  /** Asked before every request, so that they may be renewed. */
  readonly credentials: () => Promise<AwsCredentials>
  /** Anything that is not AWS: an emulator, by its http URL. */
  readonly endpoint?: string
  /** What a call may take, instead of the store's own limit: for a slow stand-in. */
  readonly timeoutMs?: number
}

/** `path` has every character encoded that a signature encodes, as `encodePath` does. */
export type AwsRequest = {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  readonly path: string
  readonly headers: OutgoingHttpHeaders
  /** Sent one after the other, not joined. */
  readonly body: readonly Buffer[]
}

export type AwsAnswer = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer }

/** Sends signed requests to one host, each once; whatever the answer is, it is returned. Throws when there is none. */
export type AwsClient = { readonly send: (request: AwsRequest) => Promise<AwsAnswer> } & Disposable

type Service = {
  readonly service: 'dynamodb' | 's3'
  readonly region: string
  /** `https://dynamodb.eu-central-1.amazonaws.com`, without a path. */
  readonly origin: string
  /**
   * What a call may take to its first byte of answer, and what an answer may then pause. A body that is sent in pieces
   * has as long for each of them: the limit is on silence, not on the speed of a line.
   */
  readonly defaultTimeoutMs: number
}

const connectTimeoutMs = 1000

/** Connections of one client; further calls wait for one, and that counts towards their time. */
const maxConnections = 256

/** The region that was given. Throws `StoreSetupError` when there is none. */
export const regionOf = ({ region }: AwsAccess, where: string): string => {
  if (region) return region
  throw new StoreSetupError(`${where}: no region is given: set AWS_REGION`)
}

/** The domain of a region's services. */
export const domainOf = (region: string): string => (region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com')

/** One try per call, because the journal has a loop of its own, and a limit to every wait. */
export const awsClient = (access: AwsAccess, { service, region, origin, defaultTimeoutMs }: Service): AwsClient => {
  const { protocol, hostname, port, host } = new URL(origin)
  const isTls = protocol === 'https:'
  const agentOptions = { keepAlive: true, maxSockets: maxConnections }
  const agent = isTls ? new TlsAgent(agentOptions) : new Agent(agentOptions)
  const start = isTls ? requestHttps : requestHttp
  const timeoutMs = access.timeoutMs ?? defaultTimeoutMs
  const limits = { timeoutMs, connectMs: access.timeoutMs ?? Math.min(timeoutMs, connectTimeoutMs) }

  const send = async ({ method, path, headers, body }: AwsRequest): Promise<AwsAnswer> => {
    const credentials = await access.credentials()
    const signed = aws4.sign(
      {
        service,
        region,
        method,
        path,
        headers: {
          ...headers,
          host,
          ...(body.length > 0 && { 'content-length': sizeOf(body) }),
          // TLS protects large bodies already, and hashing them takes longer than anything else that is done to them.
          'x-amz-content-sha256': isTls && service === 's3' ? 'UNSIGNED-PAYLOAD' : sha256(body),
        },
      },
      credentials,
    )
    const options = { agent, hostname, port, method, path: signed.path, headers: signed.headers }
    return exchange(() => start(options), body, limits)
  }

  return { send, [Symbol.dispose]: () => agent.destroy() }
}

/** `/a b/ä` as `/a%20b/%C3%A4`: everything is encoded but unreserved characters and slashes (AWS docs: "Create a signed request"). */
export const encodePath = (path: string): string => path.split('/').map(encode).join('/')

/** A query, sorted and encoded. */
export const encodeQuery = (parameters: Readonly<Record<string, string>>): string =>
  Object.entries(parameters)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .toSorted()
    .join('&')

const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)

const sha256 = (parts: readonly Buffer[]): string => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

type Limits = { readonly timeoutMs: number; readonly connectMs: number }

/** Sends a request and reads its answer to the end. */
const exchange = (
  start: () => ReturnType<typeof requestHttp>,
  body: readonly Buffer[],
  { timeoutMs, connectMs }: Limits,
): Promise<AwsAnswer> =>
  new Promise((resolve, reject) => {
    const request = start()
    const giveUpAfter = (ms: number, what: string) =>
      setTimeout(() => {
        reject(new Error(`${what} within ${ms} ms`))
        request.destroy()
      }, ms)
    const patience = giveUpAfter(timeoutMs, 'nothing came')
    request.on('socket', (socket) => {
      if (!socket.connecting) return
      const connecting = giveUpAfter(connectMs, 'no connection')
      const settled = (): void => clearTimeout(connecting)
      socket.once('connect', settled).once('close', settled)
    })
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      patience.refresh()
      response.on('data', (chunk: Buffer) => {
        patience.refresh()
        chunks.push(chunk)
      })
      response.on('error', reject)
      response.on('end', () => {
        const [only = Buffer.alloc(0), ...more] = chunks
        const bytes = more.length === 0 ? only : Buffer.concat(chunks)
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes })
      })
    })
    request.on('error', reject)
    request.on('close', () => {
      clearTimeout(patience)
      reject(new Error('the connection was closed before an answer'))
    })
    sendPieces(request, piecesOf(body), () => patience.refresh())
  })

/** What is handed to a connection at once. Lines that take less than this in the time of a call are of no use. */
const pieceBytes = 256 * 1024

/** A body in pieces of `pieceBytes` each, the last one smaller; nothing is copied. */
const piecesOf = (body: readonly Buffer[]): readonly (readonly Buffer[])[] => {
  const pieces: Buffer[][] = []
  let piece: Buffer[] = []
  let roomBytes = pieceBytes
  for (const part of body) {
    for (let at = 0; at < part.length; ) {
      const slice = part.subarray(at, at + roomBytes)
      piece.push(slice)
      at += slice.length
      roomBytes -= slice.length
      if (roomBytes > 0) continue
      pieces.push(piece)
      piece = []
      roomBytes = pieceBytes
    }
  }
  return [...pieces, piece]
}

/** Sends each piece when the connection has taken the one before, which `taken` is told of, and ends the request. */
const sendPieces = (request: ClientRequest, pieces: readonly (readonly Buffer[])[], taken: () => void): void => {
  const [piece = [], ...later] = pieces
  // One packet for headers and a small body.
  request.cork()
  for (const part of piece.slice(0, -1)) request.write(part)
  const last = piece.at(-1)
  if (later.length === 0) return void request.end(last)
  request.write(last, (error) => {
    // A request that failed says so itself.
    if (error) return
    taken()
    sendPieces(request, later, taken)
  })
  request.uncork()
}
